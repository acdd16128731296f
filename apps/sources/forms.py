"""Turns what people type into keyword arguments: connections, filters, and the classification of a table's columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.dataplane.classify import NONE
from apps.dataplane.connectors.postgres import PostgresSettings
from apps.dataplane.errors import Invalid
from apps.dataplane.policy import ZONES

from . import services
from .definition import FORMAT, KNOWN_TAGS, PURPOSES, ConnectionDefinition, Purpose
from .selectors import ColumnCard, suggested_tags

SSL_MODES = ("prefer", "require", "verify-ca", "verify-full", "allow", "disable")
KEEP = ""
SURE = 80


class ConnectionForm(forms.Form):
    """A PostgreSQL connection. Passwords are handed on to be sealed and are never rendered again."""

    team = forms.ChoiceField(label=gettext_lazy("Team"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    slug = forms.CharField(
        label=gettext_lazy("Short name"),
        max_length=60,
        help_text=gettext_lazy("Small letters, digits, - and _. It stands in addresses and never changes."),
    )
    host = forms.CharField(label=gettext_lazy("Host"), max_length=253, help_text=gettext_lazy("Name or IP address"))
    port = forms.IntegerField(label=gettext_lazy("Port"), min_value=1, max_value=65_535, initial=5432)
    database = forms.CharField(label=gettext_lazy("Database"), max_length=63)
    sslmode = forms.ChoiceField(
        label=gettext_lazy("Encryption (sslmode)"), choices=[(mode, mode) for mode in SSL_MODES], initial="prefer"
    )
    zone = forms.ChoiceField(
        label=gettext_lazy("Zone"),
        choices=[(zone, zone) for zone in ZONES],
        help_text=gettext_lazy("Which masking rules hold for data that arrives here."),
    )
    region = forms.CharField(
        label=gettext_lazy("Region"), max_length=40, required=False, help_text=gettext_lazy("Such as eu-central")
    )
    read_user = forms.CharField(label=gettext_lazy("Read user"), max_length=63, required=False)
    read_password = forms.CharField(
        label=gettext_lazy("Read password"), required=False, max_length=1000, strip=False, widget=forms.PasswordInput
    )
    write_user = forms.CharField(label=gettext_lazy("Write user"), max_length=63, required=False)
    write_password = forms.CharField(
        label=gettext_lazy("Write password"), required=False, max_length=1000, strip=False, widget=forms.PasswordInput
    )

    def __init__(
        self,
        *args: Any,
        teams: Iterable[tuple[str, str]],
        held: ConnectionDefinition | None = None,
        fixed: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].choices = list(teams)  # type: ignore[attr-defined]
        self.fields["team"].disabled = self.fields["slug"].disabled = fixed
        for purpose in PURPOSES:
            password = self.fields[f"{purpose}_password"]
            password.widget.attrs["autocomplete"] = "new-password"
            if held and purpose in held.credentials:
                password.help_text = _("Sealed. Leave it empty to keep the stored one.")
        for name in ("host", "database", "read_user", "write_user"):
            self.fields[name].widget.attrs |= {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if not self.errors and not found.get("read_user") and not found.get("write_user"):
            self.add_error("read_user", _("Give a user that may read, or one that may write."))
        return found

    def ask_again(self) -> None:
        """A page never holds a password: after an error it has to be typed again."""
        for purpose in PURPOSES:
            name = f"{purpose}_password"
            if self.data.get(name) and name not in self.errors:
                self.add_error(name, _("Enter it again: a password is never kept in a page."))

    def settings(self) -> PostgresSettings:
        """Raises Invalid naming the field."""
        return PostgresSettings.from_json(
            {name: self.cleaned_data[name] for name in ("host", "port", "database", "sslmode")}
        )

    def proposal(self, held: ConnectionDefinition | None) -> dict[str, Any]:
        """What would be proposed, credentials sealed. Raises Invalid naming the field."""
        data, settings = self.cleaned_data, self.settings()
        entered: Mapping[Purpose, services.Entered] = {
            purpose: services.Entered(data[f"{purpose}_user"], data[f"{purpose}_password"]) for purpose in PURPOSES
        }
        return {
            "slug": data["slug"],
            "name": data["name"],
            "kind": "postgresql",
            "definition": {
                "format": FORMAT,
                "settings": {
                    "host": settings.host,
                    "port": settings.port,
                    "database": settings.database,
                    "sslmode": settings.sslmode,
                },
                "zone": data["zone"],
                "region": data["region"],
                "credentials": services.credentials(
                    team_id=data["team"], settings=settings, entered=entered, held=held
                ),
            },
        }


def initial_of(*, team: str, slug: str, name: str, says: ConnectionDefinition) -> dict[str, Any]:
    """What the form starts with when something is edited; never a password."""
    settings = says.settings
    users = {f"{purpose}_user": one.user for purpose, one in says.credentials.items()}
    return {
        "team": team,
        "slug": slug,
        "name": name,
        "host": settings.host,
        "port": settings.port,
        "database": settings.database,
        "sslmode": settings.sslmode,
        "zone": says.zone,
        "region": says.region,
        **users,
    }


class ReasonForm(forms.Form):
    """Why something is proposed."""

    reason = forms.CharField(
        label=gettext_lazy("Why"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Reviewers read this first."),
    )


def tag_choices() -> list[tuple[str, str]]:
    """The tags to choose from, with what they mean."""
    return [(NONE, NONE), *((tag, tag) for tag in KNOWN_TAGS)]


def chosen(posted: Mapping[str, str], accepted: Sequence[str], cards: Iterable[ColumnCard]) -> list[dict[str, Any]]:
    """The columns that the bulk form decides: a tag chosen by hand, else an accepted suggestion. Invalid for none.

    `posted` holds `tag-<column id>`; `accepted` the ids of columns whose suggestion is taken; `sure` takes every
    suggestion of at least 80 %.
    """
    found = []
    for card in cards:
        column = card.column
        tags = _decided(posted, accepted, card)
        if tags is not None and tags != card.tags:
            dataset = column.dataset
            found.append({"schema": dataset.schema, "table": dataset.table, "column": column.name, "tags": list(tags)})
    if not found:
        raise Invalid(
            _("Nothing would change: no column was chosen."),
            remedy=_("Accept a suggestion or choose a tag for at least one column."),
        )
    return found


def _decided(posted: Mapping[str, str], accepted: Sequence[str], card: ColumnCard) -> tuple[str, ...] | None:
    by_hand = posted.get(f"tag-{card.column.id}", KEEP)
    if by_hand != KEEP:
        return () if by_hand == NONE else (by_hand,)
    sure = "sure" in posted and card.tags is None and card.column.suggested_confidence >= SURE
    if card.column.suggested_tag and (sure or str(card.column.id) in accepted):
        return suggested_tags(card.column)
    return None
