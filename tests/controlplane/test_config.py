"""Settings are read strictly, and none is undocumented."""

from __future__ import annotations

from pathlib import Path

import pytest

from controlplane import config

DOCUMENT = Path(config.__file__).parents[1] / "docs" / "settings.md"


def test_every_setting_is_documented_and_no_other():
    rows = [line.split("`")[1] for line in DOCUMENT.read_text().splitlines() if line.startswith("| `LOCKGATE_")]
    assert sorted(rows) == sorted(config.SETTINGS)


def test_an_unknown_setting_is_an_error_that_names_it():
    with pytest.raises(config.ConfigError, match="LOCKGATE_DATBASE_URL is no setting"):
        config.read({"LOCKGATE_DATBASE_URL": "x"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("LOCKGATE_ROLE", "root"), ("LOCKGATE_LOG_LEVEL", "loud"), ("LOCKGATE_SECRET_KEY_FILE", "/nowhere")],
)
def test_a_malformed_setting_is_an_error_that_names_it(name, value):
    with pytest.raises(config.ConfigError, match=name):
        config.read({name: value})


def test_a_database_address_may_hold_any_password_and_a_socket_directory():
    parsed = config.database("postgresql://us%40er:p%2Fw@/name?host=/run/pg")
    assert (parsed["USER"], parsed["PASSWORD"], parsed["HOST"], parsed["NAME"]) == ("us@er", "p/w", "/run/pg", "name")


def test_another_database_than_postgresql_is_refused():
    with pytest.raises(config.ConfigError, match="postgresql://"):
        config.database("mysql://a:b@c/d")


def test_file_roots_are_named_folders_outside_the_data_directory(tmp_path: Path) -> None:
    data, landing, export = (tmp_path / name for name in ("data", "landing", "export"))
    for folder in (data / "keys", data / "files", landing, export):
        folder.mkdir(parents=True)
    here = {"LOCKGATE_DATA": str(data)}
    assert config.read(here).file_roots == {"files": data / "files"}
    said = f"landing={landing}, export={export}"
    assert config.read({**here, "LOCKGATE_FILE_ROOTS": said}).file_roots == {"landing": landing, "export": export}
    (tmp_path / "link").symlink_to(data)
    for wrong in (
        "landing",
        f"Landing={landing}",
        "landing=relative",
        f"landing={tmp_path / 'absent'}",
        f"a={landing},a={export}",
        f"all={tmp_path}",
        f"keys={data / 'keys'}",
        f"data={data}",
        f"link={tmp_path / 'link'}",
        "root=/",
    ):
        with pytest.raises(config.ConfigError) as caught:
            config.read({**here, "LOCKGATE_FILE_ROOTS": wrong})
        assert "LOCKGATE_FILE_ROOTS" in str(caught.value)
