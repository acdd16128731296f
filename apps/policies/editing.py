"""The page on which a policy is written: its rules as a table or as text, and what they would propose."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from django.http import QueryDict
from django.utils.translation import gettext as _

from apps.core.actor import Actor
from apps.core.governed import Consequence
from apps.dataplane.errors import Invalid, LockgateError
from apps.dataplane.policy import FORMAT, parse
from apps.keys import selectors as keys

from . import effects, proposals, selectors, yamltext
from .forms import PolicyForm, RuleForm, initial
from .models import Policy

Mode = Literal["form", "yaml"]
# A request holds a limited number of fields; a longer policy is edited as text.
MOST_SHOWN = 70
EXAMPLE = {"name": "e-mail addresses", "tag": "pii.contact.email", "zone": "*", "treatment": {"kind": "token"}}
_PLACE = re.compile(r"rules\[(\d+)\]")


@dataclass(frozen=True)
class Verdict:
    """What the server says of the rules as they stand: an error and its place, or what would follow from them."""

    error: LockgateError | None = None
    consequence: Consequence | None = None
    rules: tuple[selectors.RuleRow, ...] = ()
    conflicts: tuple[effects.Conflict, ...] = ()


@dataclass
class Editing:
    """One state of the page. `base` is the version that the author began with, `opened` the rule to show open."""

    row: Policy | None
    head: PolicyForm
    mode: Mode
    rules: list[RuleForm]
    text: str
    base: int
    opened: int = -1
    change: int = 0
    seen: str = ""
    verdict: Verdict = field(default_factory=Verdict)
    theirs: str = ""

    def document(self) -> dict[str, Any]:
        """The rules as a policy text. Raises Invalid where the YAML cannot be read."""
        if self.mode == "yaml":
            return yamltext.read(self.text)
        return {"format": FORMAT, "rules": [rule.entry() for rule in self.rules]}

    def proposal(self) -> dict[str, Any]:
        """What would be proposed."""
        slug = self.row.slug if self.row else str(self.head["slug"].value() or "")
        return {"slug": slug, "name": str(self.head["name"].value() or ""), "text": self.document()}

    @property
    def yaml(self) -> str:
        """The rules as YAML, however unfinished they are."""
        return self.text if self.mode == "yaml" else yamltext.write_draft(self.document())

    def show(self, error: LockgateError) -> None:
        """Show an error where it belongs: at the field of the rule that it names, at the text, or above the form."""
        place = _PLACE.match(error.field)
        if self.mode == "form" and place and int(place[1]) < len(self.rules):
            self.opened = int(place[1])
            self.rules[self.opened].show(error)
            self.head.add_error(None, f"{error.field}: {error.sentence} {error.remedy}".strip())
        else:
            self.head.show(error)


def opened(row: Policy | None, teams: list[tuple[str, str]], proposal: Mapping[str, Any] | None = None) -> Editing:
    """The page as it is first shown: a new policy, an active one, or the proposal of a change that is edited."""
    base = row.active_version if row else 0
    if proposal is None and row:
        proposal = {"slug": row.slug, "name": row.name, "text": selectors.version(row).text}
    text: dict[str, Any] = proposal["text"] if proposal else {"format": FORMAT, "rules": [EXAMPLE]}
    head = {"slug": proposal["slug"], "name": proposal["name"]} if proposal else {}
    if row:
        head["team"] = str(row.team_id)
    form = PolicyForm(initial=head, fixed=row is not None, teams=teams)
    if len(text["rules"]) > MOST_SHOWN:
        written = yamltext.write(text)
        form.initial["text"] = written
        return Editing(row, form, "yaml", [], written, base)
    return Editing(row, form, "form", _rule_forms(text), "", base, opened=-1 if proposal else 0)


def posted(data: QueryDict, row: Policy | None, teams: list[tuple[str, str]]) -> Editing:
    """The page as it was sent."""
    mode: Mode = "form" if data.get("mode") == "form" else "yaml"
    start = {"team": str(row.team_id), "slug": row.slug, "name": row.name} if row else {}
    head = PolicyForm(data, initial=start, fixed=row is not None, teams=teams)
    count = min(_number(data.get("count", "")), MOST_SHOWN)
    domains = keys.domains()
    rules = [RuleForm(data, prefix=f"r{index}", domains=domains) for index in range(count)]
    base = _number(data.get("base", ""))
    change, seen = _number(data.get("change", "")), data.get("seen", "")[:64]
    return Editing(row, head, mode, rules, data.get("text", ""), base, change=change, seen=seen)


def act(editing: Editing, what: str) -> None:
    """Change what is on the page, without saving: add or remove a rule, or show the rules in the other way."""
    name, _colon, argument = what.partition(":")
    if name in ("form", "yaml") and name != editing.mode:
        _switch(editing, name)  # type: ignore[arg-type]
        return
    entries = [rule.entry() for rule in editing.rules]
    index = _number(argument)
    if name == "add" and len(entries) < MOST_SHOWN:
        entries.append({"name": "", "tag": "", "zone": "*", "treatment": {"kind": "token"}})
        editing.opened = len(entries) - 1
    elif name == "remove" and argument.isdecimal() and index < len(entries):
        del entries[index]
    elif name == "open":
        editing.opened = index
        return
    editing.rules = _rule_forms({"rules": entries})


def _switch(editing: Editing, mode: Mode) -> None:
    """Show the same rules in the other way; a text that cannot be read stays a text."""
    if mode == "yaml":
        editing.text, editing.mode = editing.yaml, "yaml"
        editing.head.data = {**dict(editing.head.data.items()), "text": editing.text}
        return
    document = editing.document()
    if len(parse(document)) > MOST_SHOWN:
        raise Invalid(_("A policy of more than %(n)s rules is edited as text.") % {"n": MOST_SHOWN}, field="text")
    editing.rules, editing.mode = _rule_forms(document), "form"


def _rule_forms(document: Mapping[str, Any]) -> list[RuleForm]:
    domains = keys.domains()
    return [
        RuleForm(initial=initial(entry), prefix=f"r{index}", domains=domains)
        for index, entry in enumerate(document["rules"])
    ]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def judged(actor: Actor, editing: Editing, team_id: UUID) -> Verdict:
    """What would follow from the rules as they stand; nothing is saved."""
    try:
        known = {one.slug for one in selectors.policies(actor) if one.team_id == team_id}
        proposed = editing.proposal()
        slug = proposed["slug"] if proposed["slug"] in known else "draft"
        proposal = proposals.normalise({**proposed, "slug": slug, "name": "Draft"}, team_id=team_id)
        before = proposals.current(proposals.target(proposal, team_id=team_id)).proposal
        return Verdict(
            consequence=proposals.consequence(before, proposal, team_id=team_id),
            rules=selectors.rule_rows(team_id, proposal["text"]),
            conflicts=proposals.conflicts(proposal, team_id=team_id),
        )
    except Invalid as error:
        return Verdict(error=error)


def stale(editing: Editing) -> str:
    """The text that became active since the author began, as YAML; empty where nothing did. Moves the base along."""
    if editing.row is None or editing.row.active_version == editing.base:
        return ""
    editing.base = editing.row.active_version
    editing.theirs = yamltext.write(selectors.version(editing.row).text)
    editing.head.add_error(
        None,
        _("Somebody changed this policy meanwhile: version %(n)s is active now.") % {"n": editing.base}
        + " "
        + _("Yours is kept; compare, and propose it again if it shall still hold."),
    )
    return editing.theirs
