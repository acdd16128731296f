"""Shapes connections, tests and columns for pages: words, icons and lines; no queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.dataplane import connectors

from . import definition
from .connection_forms import labels
from .definition import PURPOSES, ConnectionDefinition
from .forms import SURE
from .selectors import GONE, SUGGESTED, UNCLASSIFIED, ColumnCard, Tags

ORDER = {"read": ("reach", "authenticate", "list", "read"), "write": ("reach", "authenticate", "list", "write")}
STEPS = {
    "open": gettext_lazy("Open the sealed password"),
    "reach": gettext_lazy("Reach the host"),
    "authenticate": gettext_lazy("Sign in"),
    "list": gettext_lazy("List the tables"),
    "read": gettext_lazy("Read a row"),
    "write": gettext_lazy("Write, and take it back"),
}
# Where a kind has other steps, or they mean something else.
ORDER_OF_KIND = {"files": {"read": ("reach", "list", "read"), "write": ("reach", "write")}}
STEPS_OF_KIND = {
    "files": {
        "reach": gettext_lazy("Reach the folder"),
        "list": gettext_lazy("List the files"),
        "read": gettext_lazy("Look them through"),
    }
}
PURPOSE_WORDS = {"read": gettext_lazy("Read"), "write": gettext_lazy("Write")}


@dataclass(frozen=True)
class Step:
    """One line of a test."""

    label: str
    state: str
    detail: str = ""
    note: str = ""


@dataclass(frozen=True)
class Tested:
    """A test for its page. `field` is the form field to mend, empty when nothing failed."""

    purpose: str
    state: str
    steps: tuple[Step, ...]
    sentence: str = ""
    remedy: str = ""
    field: str = ""
    field_label: str = ""
    edit_url: str = ""
    ended_at: Any = None


@dataclass(frozen=True)
class Line:
    """A column in the table of its dataset."""

    column: Any
    tags: Tags
    answers: Sequence[Any]
    suggested: bool
    sure: bool
    gone: bool

    @property
    def suggestion(self) -> str:
        return self.column.suggested_tag or "none"


def tested(test: Any) -> Tested:
    """Steps done, the one at work, and those that wait or were never reached."""
    failed = next((step for step in test.steps if not step["ok"]), None)
    kind = test.proposal.get("kind", "")
    words = STEPS | STEPS_OF_KIND.get(kind, {})
    done = [_done(step, str(words[step["step"]])) for step in test.steps]
    reached = {step["step"] for step in test.steps}
    rest = [step for step in ORDER_OF_KIND.get(kind, ORDER)[test.purpose] if step not in reached]
    running = test.state == test.RUNNING
    waiting = [_waiting(str(words[step]), running, first=index == 0) for index, step in enumerate(rest)]
    told = failed or {"sentence": "", "remedy": "", "field": ""}
    return Tested(
        purpose=str(PURPOSE_WORDS[test.purpose]),
        state=test.state,
        steps=(*done, *waiting),
        sentence=told["sentence"],
        remedy=told["remedy"],
        field=told["field"],
        field_label=labels().get(told["field"], ""),
        edit_url=edit_url(test, told["field"]),
        ended_at=test.ended_at,
    )


def _done(step: dict[str, Any], label: str) -> Step:
    note = _("%(n)s ms") % {"n": step["milliseconds"]}
    return Step(label, "done" if step["ok"] else "failed", step["sentence"], note)


def _waiting(label: str, running: bool, *, first: bool) -> Step:
    state = "skipped" if not running else "running" if first else "waiting"
    return Step(label, state, "" if running else _("Not tried."))


def edit_url(test: Any, field: str = "") -> str:
    """The form again, with what was tested, at the field to mend."""
    anchor = f"#id_{field}" if field in labels() else ""
    if test.connection:
        form = reverse("sources:edit", args=[test.team.slug, test.connection.slug])
    else:
        form = reverse("sources:new")
    return f"{form}?test={test.batch}{anchor}"


def facts(says: ConnectionDefinition) -> list[tuple[str, str]]:
    """What a definition says, in pairs."""
    return [
        (_("Kind"), says.connector.label),
        *((fact.label, fact.value) for fact in says.settings.facts),
        (_("Zone"), says.zone),
        (_("Region"), says.region or "—"),
        *((str(_PURPOSE_FACTS[purpose]), _serves(says, purpose)) for purpose in PURPOSES),
    ]


def _serves(says: ConnectionDefinition, purpose: definition.Purpose) -> str:
    one = says.credentials.get(purpose)
    if one is None:
        return _("no")
    if not says.connector.uses_credentials:
        return _("yes")
    return _("as %(user)s · password sealed (key v%(key)s)") % {"user": one.user, "key": one.key}


_PURPOSE_FACTS = {"read": gettext_lazy("Is read from"), "write": gettext_lazy("Is written to")}


@dataclass(frozen=True)
class Kind:
    """A kind of connection to choose."""

    kind: str
    label: str
    sentence: str
    icon: str
    by_url: bool


KINDS = {
    "postgresql": (
        "database",
        gettext_lazy("Tables and views of a database, read under one snapshot and written in one transaction."),
    ),
    "files": (
        "file-text",
        gettext_lazy("CSV, JSON lines, Parquet and Excel files in a folder of this machine, compressed or not."),
    ),
}


def kinds() -> list[Kind]:
    """What can be connected, in the order of the registry."""
    found = []
    for one in connectors.kinds():
        icon, sentence = KINDS.get(one.kind, ("plug", ""))
        found.append(Kind(one.kind, one.label, str(sentence), icon, by_url=one.uses_credentials))
    return found


WIZARD = (
    ("kind", gettext_lazy("Kind")),
    ("settings", gettext_lazy("Settings")),
    ("test", gettext_lazy("Test")),
    ("approval", gettext_lazy("Approval")),
    ("discovery", gettext_lazy("Discovery")),
    ("classification", gettext_lazy("Classification")),
    ("coverage", gettext_lazy("Policies")),
)


def wizard(current: str, urls: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """The steps of registering a connection for `stepper`; those before the current one are done."""
    names = [name for name, _label in WIZARD]
    here = names.index(current) if current in names else len(names)
    state = ["done" if index < here else "current" if index == here else "todo" for index in range(len(names))]
    return [
        {"label": str(label), "state": how, "url": (urls or {}).get(name, "")}
        for (name, label), how in zip(WIZARD, state, strict=True)
    ]


def line(card: ColumnCard, answers: Sequence[Any]) -> Line:
    column = card.column
    news = card.suggestion_is_news
    return Line(
        column=column,
        tags=card.tags,
        answers=answers,
        suggested=news,
        sure=news and card.tags is None and column.suggested_confidence >= SURE,
        gone=column.gone_at is not None,
    )


@dataclass(frozen=True)
class ColumnLine:
    """A column in the list over many datasets, with what happens to it where pipelines take it."""

    card: ColumnCard
    answers: Sequence[Any]
    suggested: bool

    @property
    def column(self) -> Any:
        return self.card.column

    @property
    def tags(self) -> Tags:
        return self.card.tags


def column_line(card: ColumnCard, answers: Sequence[Any]) -> ColumnLine:
    return ColumnLine(card, answers, card.suggestion_is_news)


Place = tuple[Any, Any]


def hop(
    here: Place, ways: Sequence[Any], known: Mapping[Place, Any], names: Mapping[str, str]
) -> dict[str, Any] | None:
    """The dataset, what its pipelines read and write, as a graph for `lineage`; None without pipelines."""
    if not ways:
        return None
    places = {
        here,
        *((way.source_id, way.source) for way in ways),
        *((way.destination_id, way.destination) for way in ways),
    }
    nodes = [
        {
            "id": _node(place),
            "label": str(place[1]),
            "sub": names.get(str(place[0]), ""),
            "url": reverse("sources:dataset", args=[known[place]]) if place in known and place != here else "",
            "tone": "hot" if place == here else "",
        }
        for place in sorted(places, key=lambda place: (str(place[1]), str(place[0])))
    ]
    edges = [(_node((way.source_id, way.source)), _node((way.destination_id, way.destination))) for way in ways]
    return {"nodes": nodes, "edges": list(dict.fromkeys(edges))}


def _node(place: Place) -> str:
    return f"{place[0]}/{place[1]}"


DETECTED = {
    "format": gettext_lazy("Format"),
    "encoding": gettext_lazy("Encoding"),
    "delimiter": gettext_lazy("Between fields"),
    "quote": gettext_lazy("Around fields"),
    "header": gettext_lazy("Names of columns"),
    "compression": gettext_lazy("Compression"),
    "files": gettext_lazy("Files"),
    "sheet": gettext_lazy("Sheet"),
    "line_ends": gettext_lazy("Ends of lines"),
}


def detected(live_schema: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How a dataset without declarations of its own is read, in pairs."""
    found = live_schema.get("detected", {}).items()
    return [
        (str(DETECTED.get(name, name.replace("_", " ").capitalize())), str(value))
        for name, value in found
        if name != "problem"
    ]


def drift_words() -> list[tuple[str, str]]:
    return [("added", _("Added")), ("dropped", _("Dropped")), ("retyped", _("Retyped"))]


def drift_states() -> list[tuple[str, str]]:
    return [("open", _("Open")), ("settled", _("Settled"))]


def column_states() -> list[tuple[str, str]]:
    return [
        (UNCLASSIFIED, _("Unclassified")),
        (SUGGESTED, _("Unclassified, with a suggestion")),
        ("decided", _("Decided")),
        ("none", _("Decided: not sensitive")),
    ]


def dataset_states() -> list[tuple[str, str]]:
    return [
        (UNCLASSIFIED, _("With unclassified columns")),
        (SUGGESTED, _("With suggestions")),
        (GONE, _("No longer there")),
    ]


@dataclass(frozen=True)
class ProfileColumn:
    """A column's counts with what its drawing needs."""

    name: str
    type: str
    sensitive: bool
    nulls: int
    distinct: int
    lengths: str
    minimum: str | None
    maximum: str | None
    patterns: tuple[tuple[str, int], ...]
    histogram: tuple[int, ...]
    filled: float


@dataclass(frozen=True)
class ProfilePage:
    """A profile as its page shows it."""

    rows: int
    sampled: bool
    at: datetime
    columns: tuple[ProfileColumn, ...]


def profile(found: Any) -> ProfilePage | None:
    if found is None:
        return None
    body = found.body
    columns = tuple(_profile_column(one, body["rows"]) for one in body["columns"])
    return ProfilePage(body["rows"], body["sampled"], datetime.fromisoformat(body["at"]), columns)


def _profile_column(one: Mapping[str, Any], rows: int) -> ProfileColumn:
    short, long = one["min_length"], one["max_length"]
    return ProfileColumn(
        name=one["name"],
        type=one["type"],
        sensitive=one["sensitive"],
        nulls=one["nulls"],
        distinct=one["distinct"],
        lengths="—" if short is None else str(short) if short == long else f"{short}–{long}",
        minimum=one["minimum"],
        maximum=one["maximum"],
        patterns=tuple((shape, count) for shape, count in one["patterns"]),
        histogram=tuple(one["histogram"]),
        filled=(rows - one["nulls"]) / rows if rows else 0.0,
    )
