"""Shapes connections, tests and columns for pages: words, icons and lines; no queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

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
FIELDS = {
    "host": gettext_lazy("Host"),
    "port": gettext_lazy("Port"),
    "database": gettext_lazy("Database"),
    "sslmode": gettext_lazy("Encryption (sslmode)"),
    "read_user": gettext_lazy("Read user"),
    "read_password": gettext_lazy("Read password"),
    "write_user": gettext_lazy("Write user"),
    "write_password": gettext_lazy("Write password"),
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
    done = [_done(step) for step in test.steps]
    reached = {step["step"] for step in test.steps}
    rest = [step for step in ORDER[test.purpose] if step not in reached]
    running = test.state == test.RUNNING
    waiting = [_waiting(step, running, first=index == 0) for index, step in enumerate(rest)]
    told = failed or {"sentence": "", "remedy": "", "field": ""}
    return Tested(
        purpose=str(PURPOSE_WORDS[test.purpose]),
        state=test.state,
        steps=(*done, *waiting),
        sentence=told["sentence"],
        remedy=told["remedy"],
        field=told["field"],
        field_label=str(FIELDS.get(told["field"], "")),
        edit_url=edit_url(test, told["field"]),
        ended_at=test.ended_at,
    )


def _done(step: dict[str, Any]) -> Step:
    note = _("%(n)s ms") % {"n": step["milliseconds"]}
    return Step(str(STEPS[step["step"]]), "done" if step["ok"] else "failed", step["sentence"], note)


def _waiting(step: str, running: bool, *, first: bool) -> Step:
    state = "skipped" if not running else "running" if first else "waiting"
    return Step(str(STEPS[step]), state, "" if running else _("Not tried."))


def edit_url(test: Any, field: str = "") -> str:
    """The form again, with what was tested, at the field to mend."""
    anchor = f"#id_{field}" if field in FIELDS else ""
    if test.connection:
        form = reverse("sources:edit", args=[test.team.slug, test.connection.slug])
    else:
        form = reverse("sources:new")
    return f"{form}?test={test.batch}{anchor}"


def facts(says: ConnectionDefinition) -> list[tuple[str, str]]:
    """What a definition says, in pairs."""
    settings = says.settings
    held = {purpose: says.credentials.get(purpose) for purpose in PURPOSES}
    return [
        (_("Address"), settings.address),
        (_("Database"), settings.database),
        (_("Encryption (sslmode)"), settings.sslmode),
        (_("Zone"), says.zone),
        (_("Region"), says.region or "—"),
        *(
            (
                _("%(purpose)s credential") % {"purpose": PURPOSE_WORDS[purpose]},
                _("%(user)s · password sealed (key v%(key)s)") % {"user": one.user, "key": one.key}
                if one
                else _("none"),
            )
            for purpose, one in held.items()
        ),
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


def dataset_states() -> list[tuple[str, str]]:
    return [
        (UNCLASSIFIED, _("With unclassified columns")),
        (SUGGESTED, _("With suggestions")),
        (GONE, _("No longer there")),
    ]
