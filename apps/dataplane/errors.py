"""The one error tree of the product: every expected failure is a sentence that a user may read.

LockgateError
├── Invalid        the input is wrong: names the field and how to mend it
├── Denied         this actor may not do this
├── NotFound       no such thing, or none that this actor may see
├── Conflict       somebody or something was faster; reload and try again
├── Refused        the product refuses by rule; nothing was written
│   ├── PlanRefused      a run cannot be planned: one Refusal per column or stream
│   ├── PublishRefused   the publish worker found a difference
│   └── PartRejected     a staged file is not what its signature says
├── Unreachable    a system outside did not answer as needed: names step, form field, remedy
├── Locked         the process was started without its key
└── Fenced         another worker took this work over; stop at once and write nothing

Anything else that is raised is a bug and is not caught.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class LockgateError(Exception):
    """An expected failure.

    `sentence` says what, where and why; `remedy` what to do next; `field` names the form field at fault.
    None of them may hold a secret or a value of a sensitive column.
    """

    code = "error"

    def __init__(self, sentence: str, *, remedy: str = "", field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy
        self.field = field


class Invalid(LockgateError):
    """The input is wrong."""

    code = "invalid"


class Denied(LockgateError):
    """This actor may not do this."""

    code = "denied"


class NotFound(LockgateError):
    """No such thing, or none that this actor may see."""

    code = "not-found"


class Conflict(LockgateError):
    """Somebody or something was faster."""

    code = "conflict"


class Refused(LockgateError):
    """The product refuses by rule; nothing was written."""

    code = "refused"


@dataclass(frozen=True)
class Refusal:
    """One reason why a plan is refused. `subject` is `stream` or `stream.column`; `code` is stable, for programs."""

    code: str
    subject: str
    sentence: str
    remedy: str


class PlanRefused(Refused):
    """A run cannot be planned; `refusals` names every column and stream at fault."""

    code = "plan-refused"

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        self.refusals = tuple(refusals)
        first = self.refusals[0]
        more = f" ({len(self.refusals) - 1} more)" if len(self.refusals) > 1 else ""
        super().__init__(f"{first.sentence}{more} Nothing was written.", remedy=first.remedy)


class PublishRefused(Refused):
    """The publish worker found a difference between what is staged and what is required now."""

    code = "publish-refused"


class PartRejected(Refused):
    """A staged file is not what its signature says."""

    code = "part-rejected"


_CORRECTED = frozenset(
    ("user", "password", "database", "sslmode", "ca_certificate", "client_certificate", "client_key", "channel_binding")
)


class Unreachable(LockgateError):
    """A system outside did not answer as needed. `step` is one of reach, authenticate, list, read, write."""

    code = "unreachable"

    def __init__(self, sentence: str, *, step: str, remedy: str = "", field: str = "") -> None:
        super().__init__(sentence, remedy=remedy, field=field)
        self.step = step

    @property
    def passing(self) -> bool:
        """Whether it may be gone in a moment: what a person has to correct is not."""
        return self.field not in _CORRECTED


class Locked(LockgateError):
    """The process was started without its key: login works, nothing opens, nothing runs."""

    code = "locked"


class Fenced(LockgateError):
    """Another worker took this work over."""

    code = "fenced"
