"""What a proposed masking policy means: its canonical form, what is active, its text, and its consequence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.core.governed import Consequence, Current
from apps.core.ids import Id
from apps.dataplane import policy as rules
from apps.dataplane.errors import Invalid, NotFound
from apps.dataplane.policy import DEFAULT_DOMAIN, PolicyText, Rule
from apps.keys import selectors as keys
from apps.sources import definition as names
from apps.sources import selectors as sources
from apps.sources.definition import KNOWN_TAGS

from . import effects, sentences, yamltext
from .effects import Conflict, Effect
from .models import Policy, PolicyVersion
from .selectors import active

ACTION = "policy.propose"
MOST_RULES = 500
MOST_REASONS = 20


def normalise(proposal: Mapping[str, Any], *, team_id: Id) -> dict[str, Any]:
    """The complete proposal `{slug, name, text}`. Raises Invalid naming the field, such as `rules[2].zone`."""
    if not isinstance(proposal, Mapping):
        raise Invalid(_("A policy is an object of slug, name and text."))
    unknown = next((key for key in proposal if key not in ("slug", "name", "text")), None)
    if unknown is not None:
        raise Invalid(
            _("`%(key)s` is unknown here; known are slug, name, text.") % {"key": unknown}, field=str(unknown)
        )
    return {
        "slug": names.slug(proposal.get("slug")),
        "name": names.name(proposal.get("name")),
        "text": rules.as_document(read_rules(proposal.get("text"))),
    }


def read_rules(document: Any) -> tuple[Rule, ...]:
    """The rules of a text, every tag and key domain of which exists. Raises Invalid naming the place."""
    if (
        isinstance(document, Mapping)
        and isinstance(document.get("rules"), list)
        and len(document["rules"]) > MOST_RULES
    ):
        raise Invalid(
            _("A policy has at most %(most)s rules.") % {"most": MOST_RULES},
            remedy=_("Split it into several policies."),
            field="rules",
        )
    found = rules.parse(document, domains=sorted({*keys.domains(), DEFAULT_DOMAIN}))
    for index, rule in enumerate(found):
        if rule.tag and not any(rules.under(tag, rule.tag) for tag in KNOWN_TAGS):
            raise Invalid(
                _("There is no tag %(tag)s.") % {"tag": rule.tag},
                remedy=_("Known tags are %(tags)s, and the parts before their dots.") % {"tags": ", ".join(KNOWN_TAGS)},
                field=f"rules[{index}].tag",
            )
    return found


def target(proposal: Mapping[str, Any], *, team_id: Id) -> str:
    found = Policy.objects.filter(team_id=team_id, slug=proposal["slug"]).values_list("id", flat=True).first()
    return f"policy/{found}" if found else f"policy/new/{team_id}/{proposal['slug']}"


def current(target: str) -> Current:
    """What is active, as a proposal; version 0 for a policy that does not exist yet."""
    if target.startswith("policy/new/"):
        return Current(0, None)
    row = Policy.objects.filter(id=UUID(target.partition("/")[2])).first()
    if row is None:
        raise NotFound(_("There is no such policy."))
    version = PolicyVersion.objects.get(policy=row, number=row.active_version)
    return Current(row.active_version, {"slug": row.slug, "name": row.name, "text": version.text})


def text(proposal: Mapping[str, Any]) -> str:
    """The policy as its editor shows it."""
    head = f"policy: {proposal['slug']}\nname: {json.dumps(proposal['name'], ensure_ascii=False)}\n"
    return head + yamltext.write(proposal["text"])


def consequence(before: Mapping[str, Any] | None, after: Mapping[str, Any], *, team_id: Id) -> Consequence:
    """Compares what happens to every classified column of the team, in every zone, before and after."""
    found = compare(before, after, team_id=team_id)
    name = (before or after)["name"]
    title = (_("Change policy %(name)s") if before else _("New policy %(name)s")) % {"name": name}
    rows = sources.team_rows(team_id)
    summary = sentences.summary(found, rows)
    if any(effect.weakens for effect in found):
        return Consequence(title, summary, "HIGH", _reasons(found, rows), approvals=2)
    if any(effect.opens or effect.refuses for effect in found):
        return Consequence(title, summary, "MEDIUM", _reasons(found, rows))
    return Consequence(title, summary, "LOW", _reasons(found, rows) or (_("No column is treated differently."),))


def compare(before: Mapping[str, Any] | None, after: Mapping[str, Any], *, team_id: Id) -> tuple[Effect, ...]:
    """Every effect on the team's columns, on known tags and on name patterns, what weakens first."""
    others = [policy for policy in active(team_id) if policy.slug != after["slug"]]
    old, new = (
        [*others, PolicyText(after["slug"], number, rules.parse(one["text"]))] if one else others
        for number, one in ((1, before), (2, after))
    )
    return effects.effects(old, new, sources.team_facts(team_id), KNOWN_TAGS)


def conflicts(proposal: Mapping[str, Any], *, team_id: Id) -> tuple[Conflict, ...]:
    """Where the proposed policy would disagree with another active one, or with itself."""
    others = [policy for policy in active(team_id) if policy.slug != proposal["slug"]]
    proposed = PolicyText(proposal["slug"], 1, rules.parse(proposal["text"]))
    return effects.conflicts([*others, proposed], sources.team_facts(team_id), KNOWN_TAGS)


def _reasons(found: tuple[Effect, ...], rows: Mapping[str, int]) -> tuple[str, ...]:
    marked = [f"{_mark(one)}: {sentences.sentence(one, rows)}." for one in found]
    if len(marked) > MOST_REASONS:
        return (*marked[:MOST_REASONS], _("And %(n)s more.") % {"n": len(marked) - MOST_REASONS})
    return tuple(marked)


def _mark(effect: Effect) -> str:
    if effect.weakens:
        return _("Weakens")
    if effect.opens:
        return _("Opens")
    return _("Refuses") if effect.refuses else _("Strengthens")
