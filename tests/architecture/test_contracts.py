"""What import-linter cannot say about the architecture; each test names the contract of docs/ARCHITECTURE.md."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
from django.apps import apps as registry
from django.conf import settings
from django.db import models
from django.utils.module_loading import import_string

from controlplane.jobs import JOBS

ROOT = Path(__file__).parents[2]
APPS = sorted(path.name for path in (ROOT / "apps").iterdir() if (path / "models.py").exists())
FLOORS = (
    "core", "audit", "accounts", "keys", "alerts", "grants", "sources", "policies", "quality", "pipelines", "lineage",
    "incidents", "watch", "runs", "retention", "changes", "console",
)  # fmt: skip
# Inside an app a module imports its own kind and what stands to its right.
ORDER = ("urls", "views", "api", "tasks", "forms", "services", "apply", "selectors", "models")
SAME = ({"views", "api", "tasks"}, {"services", "apply"})


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("apps", "controlplane", exclude_type_checking_imports=True)


def sources(pattern: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(ROOT.glob(pattern)):
        if "/migrations/" not in str(path):
            yield path, ast.parse(path.read_text())


def test_3_the_order_inside_an_app_holds(graph):
    wrong = []
    for app in APPS:
        for low, name in enumerate(ORDER):
            importer = f"apps.{app}.{name}"
            if importer not in graph.modules:
                continue
            for higher in ORDER[:low]:
                above = f"apps.{app}.{higher}"
                together = any({name, higher} <= group for group in SAME)
                if above in graph.find_modules_directly_imported_by(importer) and not together:
                    wrong.append(f"{importer} imports {above}")
    assert wrong == []


def test_5_an_apps_models_are_its_own(graph):
    wrong = []
    for app in APPS:
        for importer in graph.find_modules_that_directly_import(f"apps.{app}.models"):
            parts = importer.split(".")
            own = parts[:2] == ["apps", app]
            other_models = parts[0] == "apps" and parts[-1] == "models"
            if not (own or other_models or parts[0] == "controlplane" or app == "core"):
                wrong.append(f"{importer} imports apps.{app}.models")
    assert wrong == []


def test_9_there_are_no_django_signals():
    found = [
        f"{path.name}: {node.module}"
        for path, tree in (*sources("apps/**/*.py"), *sources("controlplane/**/*.py"))
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("django")
        and ("signals" in (node.module or "") or node.module == "django.dispatch")
    ]  # fmt: skip
    assert found == []


def test_10_foreign_keys_are_by_class_and_point_downwards():
    by_string = [
        f"{path.parent.name}: {ast.unparse(node.args[0])}"
        for path, tree in sources("apps/*/models.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("ForeignKey", "OneToOneField", "ManyToManyField")
        and isinstance(node.args[0], ast.Constant) and node.args[0].value != "self"
    ]  # fmt: skip
    assert by_string == []
    upward = [
        f"{model.__name__}.{field.name}"
        for model in registry.get_models()
        if model.__module__.startswith("apps.")
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey) and not _downward(model, field)
    ]
    assert upward == []


def _downward(model: type[models.Model], field: models.ForeignKey) -> bool:
    target = field.remote_field.model._meta.app_label
    return target not in FLOORS or FLOORS.index(target) <= FLOORS.index(model._meta.app_label)


@pytest.mark.parametrize("kind", sorted(JOBS))
def test_11_every_job_path_resolves(kind):
    handler = import_string(JOBS[kind].path)
    assert list(inspect.signature(handler).parameters) == ["lease"]
    if JOBS[kind].on_dead:
        assert len(inspect.signature(import_string(JOBS[kind].on_dead)).parameters) == 2


def test_11_a_lease_is_never_longer_than_the_brokers_patience():
    visible = settings.CELERY_BROKER_TRANSPORT_OPTIONS.get("visibility_timeout", 900)
    assert all(kind.lease_seconds < visible for kind in JOBS.values())


def test_12_every_service_with_an_actor_records_an_audit_event():
    silent = []
    for path in sorted(ROOT.glob("apps/*/services.py")):
        for name, node in _functions(path).items():
            takes_actor = any(argument.arg == "actor" for argument in node.args.kwonlyargs)
            if (path.parent.name, name) == ("audit", "append"):
                continue
            if takes_actor and not name.startswith("_") and not _records(path, name, set()):
                silent.append(f"{path.parent.name}.services.{name}")
    assert silent == []


@functools.cache
def _functions(path: Path) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


@functools.cache
def _modules(path: Path) -> dict[str, Path]:
    """The modules of apps that a file imports, by the name that they have in it."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            folder = path.parent if node.level else ROOT / (node.module or "").replace(".", "/")
            found |= {one.asname or one.name: folder / f"{one.name}.py" for one in node.names}
    return {name: module for name, module in found.items() if module.is_file()}


def _records(path: Path, function: str, seen: set[tuple[Path, str]]) -> bool:
    """Whether a function, or one of the apps' that it calls, appends to the audit log."""
    seen.add((path, function))
    for call in (child for child in ast.walk(_functions(path)[function]) if isinstance(child, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name == "append" and _is_audit(call.func):
            return True
        of = (
            call.func.value.id if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) else ""
        )
        where = _modules(path).get(of) if of else path
        known = where is not None and name in _functions(where) and (where, name) not in seen
        if where and known and _records(where, name, seen):
            return True
    return False


def _is_audit(func: ast.expr) -> bool:
    return isinstance(func, ast.Name) or (
        isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == "audit"
    )


def test_14_there_is_no_admin():
    assert "django.contrib.admin" not in settings.INSTALLED_APPS
    assert [path.name for path in ROOT.glob("apps/*/admin.py")] == []


def test_every_module_says_what_it_is_responsible_for():
    without = [
        str(path.relative_to(ROOT))
        for pattern in ("apps/**/*.py", "controlplane/**/*.py")
        for path, tree in sources(pattern)
        if tree.body and not ast.get_docstring(tree)
    ]
    assert without == []


def test_there_are_no_rooms_for_odds_and_ends():
    odd = [
        str(path.relative_to(ROOT))
        for path in (*ROOT.glob("apps/**/*.py"), *ROOT.glob("controlplane/**/*.py"))
        if path.stem in ("utils", "helpers", "common", "misc", "extras")
    ]
    assert odd == []
