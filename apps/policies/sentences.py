"""Says in one sentence what an effect of a policy change means for people."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.dataplane import treatments
from apps.dataplane.errors import Refusal
from apps.dataplane.policy import Decision

from .effects import Effect

NAMED = 2
_STAYS = re.compile(r"^(?P<part>.+?) stays? readable$")


def sentence(effect: Effect) -> str:
    """For example: the last 4 characters of pii.contact.phone become readable in zone analytics for 2 columns (…)."""
    return f"{_what_happens(effect)} {_in_zones(effect.zones)} {_for_columns(effect.columns)}"


def summary(effects: Sequence[Effect]) -> str:
    """The first line of a change: its gravest effect, and how many more there are."""
    if not effects:
        return _("After approval, nothing changes for any column.")
    more = len(effects) - 1
    rest = ngettext("; and %(n)s more effect", "; and %(n)s more effects", more) % {"n": more} if more else ""
    return _("After approval, %(first)s%(rest)s.") % {"first": sentence(effects[0]), "rest": rest}


def _what_happens(effect: Effect) -> str:
    what = _("columns that are not sensitive") if effect.what == "none" else effect.what
    if isinstance(effect.after, Refusal):
        reason = _("two rules disagree") if effect.after.code == "conflict" else _("no rule says what happens to it")
        return _("%(what)s is refused, because %(reason)s,") % {"what": what, "reason": reason}
    after = treatments.describe(effect.after.treatment)
    part = _STAYS.match(after)
    if part:
        several = after.endswith(" stay readable")
        template = _("%(part)s of %(what)s become readable") if several else _("%(part)s of %(what)s becomes readable")
        return template % {"part": part["part"], "what": what}
    if effect.after.treatment.kind == "pass":
        return _("%(what)s becomes readable as it is") % {"what": what}
    return _treated(effect, effect.after, what, after)


def _treated(effect: Effect, after: Decision, what: str, described: str) -> str:
    if isinstance(effect.before, Refusal):
        return _("%(what)s may move, %(after)s,") % {"what": what, "after": described}
    before = treatments.describe(effect.before.treatment)
    if before == described:
        named = {"what": what, "before": effect.before.domain, "after": after.domain}
        return _("%(what)s moves from key domain %(before)s to %(after)s") % named
    return _("%(what)s is %(after)s instead of %(before)s") % {"what": what, "after": described, "before": before}


def _in_zones(zones: Sequence[str]) -> str:
    if len(zones) == 1:
        return _("in zone %(zone)s") % {"zone": zones[0]}
    return _("in zones %(zones)s and %(last)s") % {"zones": ", ".join(zones[:-1]), "last": zones[-1]}


def _for_columns(columns: Sequence[str]) -> str:
    if not columns:
        return _("(no column has it yet)")
    names = ", ".join(columns[:NAMED]) + (", …" if len(columns) > NAMED else "")
    return ngettext("for %(n)s column (%(names)s)", "for %(n)s columns (%(names)s)", len(columns)) % {
        "n": len(columns),
        "names": names,
    }
