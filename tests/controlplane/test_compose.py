"""docker-compose.yml is valid, and every service in it is one that the supervisor knows and that starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from controlplane import roles, service
from controlplane.embedded import keyfiles
from controlplane.embedded.processes import PROCESSES, Installation, environment

ROOT = Path(__file__).parents[2]
OTHERS = {"postgres", "rabbitmq"}
FILE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = {name: SERVICES[name] for name in SERVICES if name not in OTHERS}


def names(secrets: list[Any]) -> list[str]:
    return [secret if isinstance(secret, str) else secret["source"] for secret in secrets]


def test_the_file_is_valid_against_the_compose_specification() -> None:
    schema = json.loads((ROOT / "tests" / "vendor" / "compose-spec.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(FILE)


def test_the_validation_would_see_a_mistake() -> None:
    schema = json.loads((ROOT / "tests" / "vendor" / "compose-spec.json").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({**FILE, "services": {"web": {"imagine": "lockgate"}}})


def test_every_process_is_a_service_of_its_own() -> None:
    assert set(OURS) == {process.name for process in PROCESSES} | {"migrate"}


def test_every_service_is_started_by_the_command_that_the_process_table_serves() -> None:
    assert {name: ours["command"] for name, ours in OURS.items()} == {
        name: ["python", "manage.py", "service", name] for name in OURS
    }


def test_every_service_says_whether_it_is_well() -> None:
    assert [name for name in SERVICES if name != "migrate" and "healthcheck" not in SERVICES[name]] == []


def test_no_path_of_the_host_is_mounted() -> None:
    mounted = [volume for name in SERVICES for volume in SERVICES[name].get("volumes", [])]
    assert [volume for volume in mounted if volume.split(":")[0] not in FILE["volumes"]] == []
    assert [s["file"] for s in FILE["secrets"].values() if not s["file"].startswith("./secrets/")] == []


def test_only_the_pages_are_reachable_and_from_this_host_alone() -> None:
    assert {name: SERVICES[name]["ports"] for name in SERVICES if "ports" in SERVICES[name]} == {
        "web": ["127.0.0.1:8420:8420"]
    }


def test_a_process_is_given_its_own_secrets_and_no_other() -> None:
    for process in PROCESSES:
        held = process.loops or (process.role,)
        keys = [f"{process.kek}_kek"] if process.kek else []
        expected = [*(f"{role}_password" for role in held), *keys, "secret_key", "broker_password"]
        assert names(OURS[process.name]["secrets"]) == expected


def test_no_secret_stands_in_the_file() -> None:
    settings = [value for name in SERVICES for value in SERVICES[name].get("environment", {}).values()]
    assert [value for value in settings if ":" in str(value).partition("://")[2].partition("@")[0]] == [
        value for value in settings if "localhost:8420" in str(value)
    ]


def test_the_secrets_command_makes_every_file_once(tmp_path: Path) -> None:
    place = tmp_path / "secrets"
    service.make_secrets(place)
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    assert before.keys() == FILE["secrets"].keys()
    assert place.stat().st_mode & 0o777 == 0o700
    service.make_secrets(place)
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before
    assert before["broker_password"] in before["broker_conf"]


def test_a_missing_secret_is_named(bare_environment: dict[str, str], tmp_path: Path) -> None:
    settings = {
        "LOCKGATE_BOOT_SECRETS": str(tmp_path),
        "LOCKGATE_BOOT_DATABASE": "127.0.0.1:1/lockgate",
        "LOCKGATE_BOOT_BROKER": "redis://127.0.0.1:1",
    }
    assert said("service", "web", {**bare_environment, **settings}) == (
        1,
        f"The secret web_password cannot be read from {tmp_path}/web_password: No such file or directory.\n",
    )


def test_an_unknown_process_is_named(bare_environment: dict[str, str]) -> None:
    known = ", ".join(process.name for process in PROCESSES)
    assert said("service", "wep", bare_environment) == (1, f"There is no process 'wep'; there are {known}.\n")


def said(command: str, name: str, environment: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "manage.py", command, name],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_a_process_gets_no_password_or_key_of_another(process: Any, tmp_path: Path) -> None:
    installation = Installation(
        data=tmp_path,
        database="127.0.0.1:1/lockgate",
        passwords={role: f"{role}-password" for role in ("admin", "broker", *roles.ROLES)},
        broker_url="redis+socket:///broker",
        secret_key=tmp_path / "secret.key",
        keks={name: tmp_path / f"{name}.kek" for name in keyfiles.KEKS},
        port=8420,
        url="http://127.0.0.1:8420",
    )
    outer = {"LOCKGATE_DATABASE_URL": "postgresql://admin:admin-password@x/y", "PATH": os.environ["PATH"]}
    given = " ".join(f"{name}={value}" for name, value in environment(process, installation, outer).items())
    assert {role for role in installation.passwords if f"{role}-password" in given} == {process.role, *process.loops}
    assert {name for name in keyfiles.KEKS if f"{name}.kek" in given} == ({process.kek} if process.kek else set())
    assert not [role for role in installation.passwords if f"{role}-password" in repr(installation)]
