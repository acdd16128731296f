"""Forms in which the proposal of an open change is edited, made from the proposal itself: one for each kind of thing.

Policies and pipelines have editors of their own, which load a change by `?change=<number>`; JSON stays possible.
form.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core import access
from apps.sources.definition import KNOWN_TAGS

from .forms import Edit, Reason
from .shown import ChangeDetail

MOST_FIELDS = 400
# What a thing is cannot be edited, only what is said about it; a password is entered where it is sealed.
FIXED = frozenset({
    "format", "slug", "kind", "scope", "complete", "connection", "credentials", "team", "team_name", "email", "dataset",
    "user", "sealed", "id", "hold",
})  # fmt: skip
Path = tuple[str | int, ...]


class Fields(Reason):
    """Every plain value of a proposal as a field; lists of words are written with commas."""

    def __init__(self, *args: Any, proposal: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.proposal = proposal
        self.places: dict[str, tuple[Path, Any]] = {}
        for index, (path, value) in enumerate(_plain(proposal)):
            name = f"f{index}"
            self.places[name] = (path, value)
            self.fields[name] = _field(path, value)
        self.order_fields([*self.places, "reason"])

    def edited(self) -> dict[str, Any]:
        """The proposal with what was typed."""
        made = copy.deepcopy(dict(self.proposal))
        for name, (path, before) in self.places.items():
            _put(made, path, _typed(self.cleaned_data.get(name), before))
        return made

    def show(self, field: str) -> str:
        """The field of this form for the place that an error names; empty where it is none of them."""
        wanted = field.rpartition(".")[2]
        exact = next((name for name, (path, _v) in self.places.items() if _dotted(path) == field), "")
        return exact or next((name for name, (path, _v) in self.places.items() if path[-1] == wanted), "")


class Tags(Reason):
    """One line for each column: its tags, with commas; `none` for a column that is not sensitive."""

    def __init__(self, *args: Any, proposal: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.proposal = proposal
        for index, column in enumerate(proposal["columns"]):
            self.fields[f"c{index}"] = forms.CharField(
                label=".".join((column["schema"], column["table"], column["column"])),
                initial=", ".join(column["tags"]) or "none",
                required=False,
                max_length=400,
                help_text=_("Empty: unclassified.") if not index else "",
                widget=forms.TextInput(attrs={"class": "mono", "list": "known-tags"}),
            )
        self.order_fields([*(f"c{index}" for index in range(len(proposal["columns"]))), "reason"])

    known = tuple(KNOWN_TAGS)

    def edited(self) -> dict[str, Any]:
        """A column that was emptied is left out: in a complete proposal it is unclassified then."""
        columns = []
        for index, column in enumerate(self.proposal["columns"]):
            words = [word.strip() for word in self.cleaned_data.get(f"c{index}", "").split(",") if word.strip()]
            if words:
                columns.append({**column, "tags": [word for word in words if word != "none"]})
        return {**self.proposal, "columns": columns}

    def show(self, field: str) -> str:
        index = field.partition("[")[2].partition("]")[0]
        return f"c{index}" if f"c{index}" in self.fields else ""


class Roles(Reason):
    """The roles that somebody shall hold."""

    roles = forms.MultipleChoiceField(
        label=gettext_lazy("Roles in the team"),
        choices=[(role, role) for role in access.TEAM_ROLES],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    organisation_roles = forms.MultipleChoiceField(
        label=gettext_lazy("Roles in the organisation"),
        choices=[(role, role) for role in access.ORGANISATION_ROLES],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    field_order = ("roles", "organisation_roles", "reason")

    def __init__(self, *args: Any, proposal: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.proposal = proposal
        for name in ("roles", "organisation_roles"):
            self.fields[name].initial = list(proposal[name])

    def edited(self) -> dict[str, Any]:
        return {**self.proposal, **{name: self.cleaned_data[name] for name in ("roles", "organisation_roles")}}

    def show(self, field: str) -> str:
        return field if field in self.fields else ""


class Json(Edit):
    """The proposal as it is stored."""

    def __init__(self, *args: Any, proposal: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)

    def edited(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cleaned_data["proposal"]
        return found

    def show(self, field: str) -> str:
        return "proposal" if field else ""


Form = Fields | Tags | Roles | Json
_FORMS: dict[str, type[Fields] | type[Tags] | type[Roles]] = {"classification": Tags, "membership": Roles}


def form_for(change: ChangeDetail, *, as_json: bool = False) -> type[Form]:
    """The form of its kind; JSON when it is asked for, and for what would be too many fields."""
    if as_json or change.row.kind == "pipeline":
        return Json
    shape = _FORMS.get(change.row.kind, Fields)
    fields = len(change.proposal["columns"]) if shape is Tags else sum(1 for _one in _plain(change.proposal))
    return Json if fields > MOST_FIELDS else shape


# Things with an editor of their own: the addresses for a new one and for one that exists.
_EDITORS = {"policy": ("policies:new", "policies:edit"), "pipeline": ("pipelines:new", "pipelines:edit")}


def own_editor(change: ChangeDetail) -> str:
    """Where the thing itself is edited with this proposal loaded; empty where its form stands here."""
    if change.row.kind not in _EDITORS:
        return ""
    new, edit = _EDITORS[change.row.kind]
    query = f"?change={change.row.number}"
    if change.target.startswith(f"{change.row.kind}/new/"):
        return reverse(new) + query
    return reverse(edit, args=[change.row.team_slug, change.proposal["slug"]]) + query


def _plain(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in FIXED:
                yield from _plain(inner, (*path, key))
    elif isinstance(value, list) and any(isinstance(one, Mapping | list) for one in value):
        for index, inner in enumerate(value):
            yield from _plain(inner, (*path, index))
    elif path:
        yield path, value


def _field(path: Path, value: Any) -> forms.Field:
    label = _label(path)
    if isinstance(value, bool):
        return forms.BooleanField(label=label, initial=value, required=False)
    if isinstance(value, int):
        return forms.IntegerField(label=label, initial=value)
    if isinstance(value, list):
        return forms.CharField(label=label, initial=", ".join(map(str, value)), required=False, max_length=10_000)
    return forms.CharField(
        label=label, initial="" if value is None else value, required=False, max_length=10_000, strip=False
    )


def _label(path: Path) -> str:
    told = [part for part in path if part != "definition"]
    words = [str(part + 1) if isinstance(part, int) else part.replace("_", " ") for part in told]
    return " · ".join(words).capitalize()


def _dotted(path: Path) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _typed(value: Any, before: Any) -> Any:
    if isinstance(before, list):
        return [word.strip() for word in str(value or "").split(",") if word.strip()]
    return None if before is None and not value else value


def _put(target: Any, path: Path, value: Any) -> None:
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value
