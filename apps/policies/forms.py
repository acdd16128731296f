"""Turns what people type into a policy proposal: a text in YAML, or one rule chosen from lists."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.dataplane import treatments
from apps.dataplane.errors import Invalid, LockgateError
from apps.dataplane.policy import ANY, DEFAULT_DOMAIN, FORMAT, ZONES
from apps.sources.definition import KNOWN_TAGS

from . import yamltext

STARTER = """\
format: 1
rules:
  - name: e-mail
    tag: pii.contact.email
    zone: '*'
    treatment: {kind: token}
"""


class PolicyForm(forms.Form):
    """A masking policy as text."""

    team = forms.ChoiceField(label=gettext_lazy("Team"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    slug = forms.CharField(
        label=gettext_lazy("Short name"),
        max_length=60,
        help_text=gettext_lazy("Small letters, digits, - and _. Reasons name the policy by it, and it never changes."),
    )
    text = forms.CharField(
        label=gettext_lazy("Rules"),
        max_length=yamltext.LARGEST,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 18, "class": "font-monospace", "spellcheck": "false", "wrap": "off"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Reviewers read this first."),
    )

    def __init__(self, *args: Any, teams: Iterable[tuple[str, str]], fixed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].choices = list(teams)  # type: ignore[attr-defined]
        self.fields["team"].disabled = self.fields["slug"].disabled = fixed

    def proposal(self) -> dict[str, Any]:
        """What would be proposed. Raises Invalid naming `text` where the YAML cannot be read."""
        data = self.cleaned_data
        return {"slug": data["slug"], "name": data["name"], "text": yamltext.read(data["text"])}

    def show(self, error: LockgateError) -> None:
        """An error of a rule belongs to the text, with its place in front."""
        placed = error.field.startswith(("rules", "format"))
        sentence = f"{error.field}: {error.sentence}" if placed else error.sentence
        self.add_error(
            "text" if placed else error.field if error.field in self.fields else None,
            f"{sentence} {error.remedy}".strip(),
        )


class RuleForm(forms.Form):
    """One rule, chosen from lists instead of typed."""

    name = forms.CharField(label=gettext_lazy("Name of the rule"), max_length=80)
    tag = forms.ChoiceField(label=gettext_lazy("Tag"), required=False)
    column = forms.CharField(
        label=gettext_lazy("or column pattern"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("schema.table.column, * stands for any letters"),
    )
    zone = forms.ChoiceField(label=gettext_lazy("Zone"))
    kind = forms.ChoiceField(label=gettext_lazy("Treatment"))
    keep_first = forms.IntegerField(
        label=gettext_lazy("First characters kept"), required=False, min_value=0, max_value=100
    )
    keep_last = forms.IntegerField(
        label=gettext_lazy("Last characters kept"), required=False, min_value=0, max_value=100
    )
    keep_domain = forms.BooleanField(label=gettext_lazy("Keep what follows the last @"), required=False)
    unit = forms.ChoiceField(label=gettext_lazy("Cut dates to"), required=False)
    value = forms.CharField(label=gettext_lazy("Fixed value"), max_length=1000, required=False, strip=False)
    domain = forms.ChoiceField(label=gettext_lazy("Key domain"), required=False)

    def __init__(self, *args: Any, domains: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = {
            "tag": [("", _("Choose a tag")), *((tag, tag) for tag in with_ancestors())],
            "zone": [(ANY, _("every zone")), *((zone, zone) for zone in ZONES)],
            "kind": [(kind, kind) for kind in treatments.KINDS],
            "unit": [("", "—"), *((unit, unit) for unit in treatments.parameters("date_truncate")["unit"].choices)],
            "domain": [(domain, domain) for domain in sorted({*domains, DEFAULT_DOMAIN})],
        }
        for name, choices in chosen.items():
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def show(self, error: Invalid) -> None:
        """An error of the new rule belongs to the field of that parameter, others above the form."""
        name = error.field.rpartition(".")[2]
        sentence = f"{error.sentence} {error.remedy}".strip()
        if name in self.fields:
            self.add_error(name, sentence)
        else:
            self.add_error(None, f"{error.field}: {sentence}")

    def rule(self) -> dict[str, Any]:
        """The rule as an entry of a policy text; parameters that its treatment does not have are left out."""
        data = self.cleaned_data
        known = treatments.parameters(data["kind"])
        params = {name: data[name] for name in known if data.get(name) not in (None, "", False)}
        selector = {"column": data["column"]} if data["column"] and not data["tag"] else {"tag": data["tag"]}
        domain = {"domain": data["domain"]} if data.get("domain") else {}
        return {
            "name": data["name"],
            **selector,
            "zone": data["zone"],
            "treatment": {"kind": data["kind"], **params},
            **domain,
        }


def with_ancestors() -> list[str]:
    """Every tag that a rule can name: the known ones and the subtrees above them."""
    parts = {".".join(tag.split(".")[:depth]) for tag in KNOWN_TAGS for depth in range(1, tag.count(".") + 2)}
    return sorted(parts)


def added(text: str, rule: dict[str, Any]) -> str:
    """The policy text with one rule more. Raises Invalid where the text cannot be read."""
    document = yamltext.read(text) if text.strip() else {"format": FORMAT, "rules": []}
    rules = document.get("rules")
    return yamltext.write({**document, "rules": [*(rules if isinstance(rules, list) else []), rule]})
