"""Says in one sentence what an effect of a policy change means, and for how many people."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.dataplane import treatments
from apps.dataplane.classify.names import plain
from apps.dataplane.classify.suggesting import noun
from apps.dataplane.errors import Refusal
from apps.dataplane.policy import Decision, under

from .effects import Effect

NAMED = 2
_STAYS = re.compile(r"^(?P<part>.+?) stays? readable$")
_NUMBERS = re.compile(r" (?:no|nr|num|number)$")
Rows = Mapping[str, int]


@dataclass(frozen=True)
class _What:
    """What an effect is about: `pii.contact.phone`, or `the phones of 12,400 people`."""

    text: str
    many: bool = False


def sentence(effect: Effect, rows: Rows | None = None) -> str:
    """Such as: the passport numbers of 12,400 people become readable as they are in zone analytics for 1 column (…).

    `rows` is how many each table is estimated to hold; without it nobody is counted.
    """
    told = f"{_what_happens(effect, _what(effect, rows or {}))} {_in_zones(effect.zones)}"
    purpose = _(" for purpose %(purpose)s") % {"purpose": effect.purpose} if effect.purpose else ""
    return f"{told}{purpose} {_for_columns(effect.columns)}"


def summary(effects: Sequence[Effect], rows: Rows | None = None) -> str:
    """The first line of a change: its gravest effect, and how many more there are."""
    if not effects:
        return _("After approval, nothing changes for any column.")
    more = len(effects) - 1
    rest = ngettext("; and %(n)s more effect", "; and %(n)s more effects", more) % {"n": more} if more else ""
    return _("After approval, %(first)s%(rest)s.") % {"first": sentence(effects[0], rows), "rest": rest}


def reached(columns: Sequence[str], rows: Rows) -> tuple[int, int]:
    """How many rows the tables of these columns are estimated to hold together, and how many tables that are."""
    tables = {path.rpartition(".")[0] for path in columns}
    known = [rows[table] for table in tables if table in rows]
    return sum(known), len(known)


def _what(effect: Effect, rows: Rows) -> _What:
    if effect.what == "none":
        return _What(_("columns that are not sensitive"), many=True)
    count, tables = reached(effect.columns, rows)
    if not count:
        return _What(effect.what)
    named = {"what": _noun(effect), "n": f"{count:,}"}
    if not all(under(tag, "pii") for tag in effect.what.split(", ")):
        return _What(_("the %(what)s in %(n)s rows") % named, many=True)
    if tables > 1:
        return _What(_("the %(what)s of up to %(n)s people") % named, many=True)
    return _What(_("the %(what)s of %(n)s people") % named, many=True)


def _noun(effect: Effect) -> str:
    """What people call it: by the name that all columns share, else by the tag."""
    names = {plain(path.rpartition(".")[2]).replace("_", " ") for path in effect.columns}
    if len(names) == 1 and re.fullmatch(r"[a-z][a-z ]{2,40}", next(iter(names))):
        name = _NUMBERS.sub(" number", names.pop())
        return _plural(name)
    return noun(effect.what.split(", ")[0])


def _plural(name: str) -> str:
    if name.endswith("s"):
        return name
    return f"{name[:-1]}ies" if name.endswith("y") and name[-2:-1] not in "aeiou" else f"{name}s"


def _what_happens(effect: Effect, what: _What) -> str:
    if isinstance(effect.after, Refusal):
        return _refused(effect.after, what)
    after = treatments.describe(effect.after.treatment)
    part = _STAYS.match(after)
    if part:
        several = after.endswith(" stay readable")
        template = _("%(part)s of %(what)s become readable") if several else _("%(part)s of %(what)s becomes readable")
        return template % {"part": part["part"], "what": what.text}
    if effect.after.treatment.kind == "pass":
        template = _("%(what)s become readable as they are") if what.many else _("%(what)s becomes readable as it is")
        return template % {"what": what.text}
    return _treated(effect, effect.after, what, after)


def _refused(after: Refusal, what: _What) -> str:
    reason = _("two rules disagree") if after.code == "conflict" else _("no rule says what happens")
    reason += "" if after.code == "conflict" else _(" to them") if what.many else _(" to it")
    verb = _("are refused") if what.many else _("is refused")
    return f"{what.text} {verb}, " + _("because %(reason)s,") % {"reason": reason}


def _treated(effect: Effect, after: Decision, what: _What, described: str) -> str:
    if isinstance(effect.before, Refusal):
        return _("%(what)s may move, %(after)s,") % {"what": what.text, "after": described}
    before = treatments.describe(effect.before.treatment)
    if before == described:
        named = {"what": what.text, "before": effect.before.domain, "after": after.domain}
        moves = (
            _("move from key domain %(before)s to %(after)s")
            if what.many
            else _("moves from key domain %(before)s to %(after)s")
        )
        return f"{what.text} " + moves % named
    named = {"after": described, "before": before}
    is_ = _("are %(after)s instead of %(before)s") if what.many else _("is %(after)s instead of %(before)s")
    return f"{what.text} " + is_ % named


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
