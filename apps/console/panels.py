"""The cards of the overview that a role comes for: pipelines, coverage, the log, the system."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.accounts import selectors as accounts
from apps.audit import selectors as audit
from apps.core import access, beats
from apps.core.actor import Actor
from apps.core.templatetags.formats import file_size, number, relative
from apps.keys import selectors as keys
from apps.pipelines import selectors as pipelines
from apps.policies import selectors as policies
from apps.runs import selectors as runs
from apps.sources import waiting

from .context import address

SHOWN, LOOKED_AT = 5, 200
SILENT = timedelta(seconds=60)
NOT_PUBLISHED = ("FAILED", "REFUSED", "BLOCKED")
# What a source that changed makes the plan refuse.
DRIFT = frozenset({"unclassified", "dropped", "retyped", "gone"})

HELP = {
    "coverage": gettext_lazy(
        "A column that nobody has classified, or that no policy has a rule for, is refused by every run: what is not "
        "decided does not move."
    ),
    "log": gettext_lazy(
        "Every act is an event in the transaction of the act. The notary numbers events and chains them; verifying "
        "walks the whole chain and names the first event at fault."
    ),
    "system": gettext_lazy(
        "Each process gives a sign of life every few seconds; it is silent when none came for a minute. Key files are "
        "no part of a database backup."
    ),
}


@dataclass(frozen=True)
class Line:
    """One line of a card; `state` is a state of the product, `chip` a kind and a text of its own."""

    title: str
    sub: str = ""
    url: str = ""
    state: str = ""
    chip: tuple[str, str] | None = None


@dataclass(frozen=True)
class Panel:
    """One card. `help` explains it on demand."""

    key: str
    title: str
    lines: tuple[Line, ...]
    url: str = ""
    action: str = ""
    icon: str = "checks"
    nothing: str = ""
    help: str = ""


def panels(actor: Actor, at: datetime) -> list[Panel]:
    """The cards for the roles that the actor holds."""
    return list(_panels(actor, at))


def _panels(actor: Actor, at: datetime) -> Iterator[Panel]:
    if access.teams(actor, "pipeline.view"):
        yield _pipelines(actor, at)
    if access.allowed(actor, "policy.propose"):
        yield _coverage(actor)
    if access.allowed(actor, "audit.view"):
        yield _log(actor, at)
    if access.ADMINISTRATOR in actor.organisation and access.allowed(actor, "operation.view"):
        yield _system(actor, at)


def _pipelines(actor: Actor, at: datetime) -> Panel:
    """Those first whose last run did not publish; the others by name."""
    mine = list(pipelines.pipelines(actor)[:LOOKED_AT])
    last = runs.newest(actor, [one.id for one in mine])
    mine.sort(key=lambda one: one.id not in last or last[one.id].state not in NOT_PUBLISHED)
    lines = tuple(_pipeline(one, last.get(one.id), at) for one in mine[:SHOWN])
    return Panel(
        "pipelines", _("Your pipelines"), lines, address("pipelines:pipelines"), _("All pipelines"), "route",
        _("A pipeline copies tables under the policies in force."),
    )  # fmt: skip


def _pipeline(pipeline: Any, run: Any, at: datetime) -> Line:
    url = reverse("pipelines:pipeline", args=[pipeline.team.slug, pipeline.slug])
    if run is None:
        return Line(pipeline.name, _("never ran"), url, chip=("mute", _("Paused")) if pipeline.paused_at else None)
    when = relative(run.ended_at or run.created_at, at)
    said = _("run %(n)s, %(when)s") % {"n": run.number, "when": when}
    if run.state not in NOT_PUBLISHED:
        return Line(pipeline.name, said, url, state=run.state)
    drifted = any(refusal.get("code") in DRIFT for refusal in run.refusals)
    chip = ("warn", _("Held by drift")) if drifted else None
    return Line(pipeline.name, f"{said}: {run.sentence}", reverse("runs:run", args=[run.number]), run.state, chip)


def _coverage(actor: Actor) -> Panel:
    held = waiting.unclassified(actor, limit=SHOWN)
    lines = [
        Line(
            one.name,
            ngettext("%(n)s column nobody has classified", "%(n)s columns nobody has classified", one.columns)
            % {"n": number(one.columns)},
            reverse("sources:connection", args=[one.team_slug, one.slug]),
            chip=("warn", number(one.columns)),
        )
        for one in held
    ]
    drift = waiting.drift(actor)
    if drift:
        told = ngettext("%(n)s difference", "%(n)s differences", drift) % {"n": number(drift)}
        chip = ("warn", number(drift))
        lines.append(Line(_("Drift that nobody has settled"), told, address("sources:drift"), chip=chip))
    active = policies.policies(actor).count()
    told = ngettext("%(n)s policy in force", "%(n)s policies in force", active) % {"n": number(active)}
    chip = ("ok", _("In force")) if active else ("fail", _("None"))
    lines.append(Line(_("Masking policies"), told, address("policies:policies"), chip=chip))
    return Panel("coverage", _("Coverage"), tuple(lines), address("sources:datasets"), _("Datasets"), "shield-lock",
                 help=str(HELP["coverage"]),)  # fmt: skip


def _log(actor: Actor, at: datetime) -> Panel:
    head, url = audit.head(), address("audit:events")
    far = {"n": number(head.sequenced), "pending": number(head.pending)}
    chip = ("run", _("Catching up")) if head.pending else ("ok", _("Numbered"))
    lines = [
        Line(_("Audit log"), _("numbered to %(n)s, %(pending)s waiting") % far, url, chip=chip),
        _verified(actor, at),
    ]
    for view, label, text in (
        ("accounts:exceptions", _("Exceptions"), _("Sensitive columns that pass, grants, founding-mode changes")),
        ("accounts:access_review", _("Access review"), _("Who holds which role, since when, and last used it")),
    ):
        if address(view):
            lines.append(Line(label, text, address(view)))
    return Panel("log", _("The record"), tuple(lines), url, _("Open the log"), "history",
                 help=str(HELP["log"]),)  # fmt: skip


def _verified(actor: Actor, at: datetime) -> Line:
    last = next(iter(audit.events(actor, audit.Filters(action="audit.verified"), size=1).rows), None)
    if last is None:
        nobody = _("Nobody has verified this log yet.")
        return Line(_("Last verified"), nobody, address("audit:events"), chip=("warn", _("Never")))
    url = reverse("audit:event", args=[last.id])
    return Line(_("Last verified"), f"{last.actor_name} {last.summary}", url, chip=("mute", relative(last.at, at)))


def _system(actor: Actor, at: datetime) -> Panel:
    return Panel("system", _("The system"), (_processes(at), _key_files(), _people()), icon="server",
                 help=str(HELP["system"]),)  # fmt: skip


def _processes(at: datetime) -> Line:
    seen = beats.everybody()
    silent = [beat for beat in seen if at - beat.seen_at > SILENT]
    if silent:
        names = ", ".join(sorted({beat.name for beat in silent}))
        return Line(_("Processes"), _("silent: %(names)s") % {"names": names}, chip=("fail", _("Silent")))
    memory = file_size(sum(beat.memory_bytes for beat in seen))
    told = _("%(n)s alive, %(memory)s together") % {"n": len(seen), "memory": memory}
    return Line(_("Processes"), told, chip=("ok", _("Well")) if seen else ("fail", _("None")))


def _key_files() -> Line:
    url = address("keys:keys")
    if keys.backed_up_at():
        return Line(_("Key files"), _("A copy is kept elsewhere."), url, chip=("ok", _("Copied")))
    told = _("Nobody has said that a copy is kept: without them nothing opens.")
    return Line(_("Key files"), told, url, chip=("warn", _("Not copied")))


def _people() -> Line:
    counts = accounts.people_counts()
    told = _("%(active)s active, %(invited)s invited") % {name: number(n) for name, n in counts.items()}
    return Line(_("People"), told, address("accounts:people"), chip=("mute", number(counts["active"])))
