"""What is shown of changes: frozen values for lists, for one change and its reviewer, and for the inbox's filters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from .meaning import Difference
from .plans import PipelinePlan, PlanRow
from .previewing import Seen
from .standing import Standing
from .timeline import Moment

NEEDS_ME, MINE, OPEN, ALL = "needs-me", "mine", "open", "all"


@dataclass(frozen=True)
class Filters:
    """What the inbox shows. `show` is needs-me, mine, open or all."""

    show: str = OPEN
    kind: str = ""
    state: str = ""
    text: str = ""
    team: str = ""
    risk: str = ""
    author: str = ""
    sort: str = ""

    @property
    def narrowed(self) -> bool:
        return any((self.kind, self.state, self.text, self.team, self.risk, self.author))


@dataclass(frozen=True)
class Editable:
    """What the form of a kind loads for `?change=<number>`; saving gives it to `services.edit`, with `seen`."""

    id: UUID
    number: int
    team_id: UUID | None
    target: str
    proposal: dict[str, Any]
    reason: str
    seen: str


@dataclass(frozen=True)
class ChangeRow:
    """A change in a list. `state` is as shown to people; `given` counts approvals of the text as it is now."""

    id: UUID
    number: int
    title: str
    sentence: str
    kind: str
    kind_label: str | Promise
    icon: str
    team: str
    team_slug: str
    risk: str
    state: str
    author: str
    mine: bool
    given: int
    needed: int
    founding: bool
    created_at: datetime
    expires_at: datetime

    @property
    def waits(self) -> bool:
        return self.state in ("AWAITING_REVIEW", "CHANGES_REQUESTED")


@dataclass(frozen=True)
class Part:
    """Who took which part. `counts` is False for a verdict on a former text."""

    name: str
    part: str
    verdict: str
    comment: str
    at: datetime
    counts: bool


@dataclass(frozen=True)
class Said:
    """A comment."""

    name: str
    text: str
    at: datetime


@dataclass(frozen=True)
class Check:
    """One thing that was checked just now, how it came out (done, failed or waiting), and how long it took."""

    state: str
    label: str
    note: str = ""


@dataclass(frozen=True)
class Decision:
    """Whether this reader may decide, and if not, why not; `position` is which approval theirs would be."""

    may: bool
    why_not: str
    position: int
    mine: str


@dataclass(frozen=True)
class ChangeDetail:
    """Everything on the page of a change."""

    row: ChangeRow
    reason: str
    risk_reasons: tuple[str, ...]
    target: str
    base_version: int
    text_before: str
    text_after: str
    plan: tuple[PlanRow, ...]
    pipelines: tuple[PipelinePlan, ...]
    parts: tuple[Part, ...]
    comments: tuple[Said, ...]
    checks: tuple[Check, ...]
    checked_at: datetime | None
    differences: tuple[Difference, ...]
    seen: tuple[Seen, ...]
    timeline: tuple[Moment, ...]
    standing: Standing | None
    decision: Decision
    may_edit: bool
    may_withdraw: bool
    may_comment: bool
    may_roll_back: bool
    rolls_back: int | None
    rolled_back_by: tuple[int, ...]
    binding_hash: str
    proposal: dict[str, Any]
    outcome: str
    applied_at: datetime | None

    @property
    def reached(self) -> tuple[PipelinePlan, ...]:
        """The pipelines that would treat a column differently."""
        return tuple(plan for plan in self.pipelines if plan.changed)

    @property
    def untouched(self) -> tuple[PipelinePlan, ...]:
        """Those whose plan only names another version as its reason."""
        return tuple(plan for plan in self.pipelines if not plan.changed)

    @property
    def untouched_names(self) -> str:
        return ", ".join(plan.pipeline for plan in self.untouched)

    @property
    def weakens(self) -> bool:
        """Whether it is a policy that lets more become readable or linkable."""
        return self.row.kind == "policy" and self.row.risk == "HIGH"

    @property
    def stale(self) -> bool:
        """Whether the applier would refuse it as things stand."""
        return any(check.state == "failed" for check in self.checks)

    @property
    def name(self) -> str:
        """What the texts are about, such as `policy/contacts-pii`."""
        return "/".join(filter(None, (self.row.kind, str(self.proposal.get("slug", "")))))

    @property
    def note(self) -> str:
        if not self.base_version:
            return _("new")
        return _("version %(old)s → %(new)s") % {"old": self.base_version, "new": self.base_version + 1}
