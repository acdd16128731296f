"""Turns what people type into a policy proposal: a text in YAML, or rules chosen from lists; and into a simulation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.dataplane import treatments
from apps.dataplane.errors import LockgateError
from apps.dataplane.policy import ANY, DEFAULT_DOMAIN, LONGEST_NOTE, ZONES
from apps.sources.definition import KNOWN_TAGS

from . import yamltext

PARAMETERS = ("keep_first", "keep_last", "keep_domain", "unit", "value")


class PolicyForm(forms.Form):
    """Everything about a policy but its rules."""

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
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 22, "class": "font-monospace", "spellcheck": "false", "wrap": "off"}),
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
    by = forms.ChoiceField(
        label=gettext_lazy("Selects by"),
        choices=[("tag", gettext_lazy("tag")), ("column", gettext_lazy("column name"))],
    )
    tag = forms.ChoiceField(label=gettext_lazy("Tag"), required=False)
    column = forms.CharField(
        label=gettext_lazy("Column pattern"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("schema.table.column, * stands for any letters"),
    )
    zone = forms.ChoiceField(label=gettext_lazy("Zone"))
    purpose = forms.CharField(
        label=gettext_lazy("Purpose"),
        max_length=40,
        required=False,
        help_text=gettext_lazy("Of the pipeline; empty: every purpose"),
    )
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
    note = forms.CharField(label=gettext_lazy("Note"), max_length=LONGEST_NOTE, required=False)

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

    @property
    def chosen_kind(self) -> str:
        """The treatment as it stands in the form; `pass` for one that does not exist."""
        kind = str(self["kind"].value() or treatments.KINDS[0])
        return kind if kind in treatments.KINDS else treatments.KINDS[0]

    @property
    def by_column(self) -> bool:
        return self["by"].value() == "column"

    @property
    def parameters(self) -> list[Any]:
        """The fields that the chosen treatment has."""
        known = treatments.parameters(self.chosen_kind)
        return [self[name] for name in PARAMETERS if name in known]

    @property
    def keyed(self) -> bool:
        return self.chosen_kind == "token"

    def show(self, error: LockgateError) -> None:
        """An error of this rule belongs to the field of that parameter, others above the rule."""
        name = error.field.rpartition(".")[2]
        name = self["by"].value() if name in ("tag", "column") and not name.startswith("rules") else name
        self.add_error(name if name in self.fields else None, f"{error.sentence} {error.remedy}".strip())

    def entry(self) -> dict[str, Any]:
        """The rule as an entry of a policy text, as far as it is filled in; what goes without saying is left out."""
        given = {name: self[name].value() for name in self.fields}
        known = treatments.parameters(self.chosen_kind)
        params = {name: _typed(known[name].kind, given[name]) for name in known if given.get(name) not in (None, "")}
        params = {name: value for name, value in params.items() if value is not False}
        return {
            "name": str(given["name"] or "").strip(),
            **({"column": str(given["column"] or "").strip()} if self.by_column else {"tag": str(given["tag"] or "")}),
            "zone": str(given["zone"] or ANY),
            **_told("purpose", given, ANY),
            "treatment": {"kind": str(given["kind"] or ""), **params},
            **({"domain": str(given["domain"])} if self.keyed and given["domain"] else {}),
            **_told("note", given, ""),
        }


def _told(name: str, given: Mapping[str, Any], usual: str) -> dict[str, str]:
    value = str(given[name] or "").strip()
    return {name: value} if value not in ("", usual) else {}


def _typed(kind: str, value: Any) -> Any:
    if kind == "switch":
        return value in (True, "on", "true", "1")
    if kind == "count":
        text = str(value).strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else text
    return value


def initial(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of a policy text as the values of a RuleForm."""
    treatment = entry.get("treatment") or {}
    return {
        "name": entry.get("name", ""),
        "by": "column" if entry.get("column") else "tag",
        "tag": entry.get("tag", ""),
        "column": entry.get("column", ""),
        "zone": entry.get("zone", ANY),
        "purpose": "" if entry.get("purpose", ANY) == ANY else entry["purpose"],
        "kind": treatment.get("kind", ""),
        "domain": entry.get("domain", DEFAULT_DOMAIN),
        "note": entry.get("note", ""),
        **{name: treatment[name] for name in PARAMETERS if name in treatment},
    }


def with_ancestors() -> list[str]:
    """Every tag that a rule can name: the known ones and the subtrees above them."""
    parts = {".".join(tag.split(".")[:depth]) for tag in KNOWN_TAGS for depth in range(1, tag.count(".") + 2)}
    return sorted(parts)


class Simulation(forms.Form):
    """Which dataset is tried in which zone, and the draft it is tried under, if any."""

    dataset = forms.UUIDField(required=False)
    zone = forms.ChoiceField(label=gettext_lazy("Zone"), choices=[(zone, zone) for zone in ZONES], required=False)
    purpose = forms.CharField(label=gettext_lazy("Purpose"), max_length=60, required=False)
    q = forms.CharField(label=gettext_lazy("Dataset"), max_length=130, required=False)
    policy = forms.CharField(label=gettext_lazy("Policy that the draft replaces"), max_length=60, required=False)
    text = forms.CharField(
        label=gettext_lazy("Draft"),
        max_length=yamltext.LARGEST,
        required=False,
        strip=False,
        help_text=gettext_lazy("Rules as YAML. Nothing is stored."),
        widget=forms.Textarea(attrs={"rows": 10, "class": "font-monospace", "spellcheck": "false", "wrap": "off"}),
    )
