"""The form of a connection, drawn from what its kind asks for; passwords are handed on to be sealed, never kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.forms import bind_error
from apps.dataplane.connectors import connector, kinds
from apps.dataplane.connectors.base import Connector, FormField
from apps.dataplane.errors import Invalid
from apps.dataplane.policy import ZONES

from . import definition, services
from .definition import FORMAT, PURPOSES, ConnectionDefinition, Purpose

SERVES = {"read": gettext_lazy("Read from it"), "write": gettext_lazy("Write to it")}
USER = {"read": gettext_lazy("Read user"), "write": gettext_lazy("Write user")}
PASSWORD = {"read": gettext_lazy("Read password"), "write": gettext_lazy("Write password")}
LONGEST_URL = 4000
PLAIN = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}


class ConnectionForm(forms.Form):
    """A connection of one kind. `by_url`: its settings and one credential come from a pasted connection string."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    slug = forms.CharField(
        label=gettext_lazy("Short name"),
        max_length=60,
        help_text=gettext_lazy("Small letters, digits, - and _. It stands in addresses and never changes."),
    )
    team = forms.ChoiceField(label=gettext_lazy("Team"))
    zone = forms.ChoiceField(
        label=gettext_lazy("Zone"),
        choices=[(zone, zone) for zone in ZONES],
        help_text=gettext_lazy("Which masking rules hold for data that arrives here."),
    )
    region = forms.CharField(
        label=gettext_lazy("Region"), max_length=40, required=False, help_text=gettext_lazy("Such as eu-central")
    )

    def __init__(
        self,
        *args: Any,
        kind: Connector,
        teams: Iterable[tuple[str, str]],
        held: ConnectionDefinition | None = None,
        fixed: bool = False,
        by_url: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.kind, self.by_url, self.held = kind, by_url, held
        self.asked: tuple[FormField, ...] = () if by_url else kind.fields
        self.found: dict[str, Any] | None = None
        self.fields["team"].choices = list(teams)  # type: ignore[attr-defined]
        self.fields["team"].disabled = self.fields["slug"].disabled = fixed
        self.fields |= self._asked_fields() | (self._url_fields() if by_url else self._access_fields())

    # what is drawn

    @property
    def place_fields(self) -> list[forms.BoundField]:
        """Where it is: what everybody fills in."""
        return [self[one.name] for one in self.asked if not one.advanced and one.widget != "secret"]

    @property
    def advanced_fields(self) -> list[forms.BoundField]:
        return [self[name] for one in self.asked if one.advanced for name in _names(one)]

    @property
    def advanced_open(self) -> bool:
        """Whether something beyond the ordinary was filled in, or is wrong."""
        starts = {one.name: one.initial for one in self.asked}
        return any(
            field.errors or (field.value() or "") not in ("", starts.get(field.name, ""))
            for field in self.advanced_fields
        )

    @property
    def access_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in (*self._url_fields(), *self._access_fields()) if name in self.fields]

    def _asked_fields(self) -> dict[str, forms.Field]:
        return {name: _field(one, purpose) for one in self.asked for name, purpose in _names(one).items()}

    def _access_fields(self) -> dict[str, forms.Field]:
        if not self.kind.uses_credentials:
            able = {"read": self.kind.reads, "write": self.kind.writes}
            return {
                purpose: forms.BooleanField(label=SERVES[purpose], required=False, initial=purpose == "read")
                for purpose in PURPOSES
                if able[purpose]
            }
        found: dict[str, forms.Field] = {}
        for purpose in PURPOSES:
            stored = self.held is not None and purpose in self.held.credentials
            found[f"{purpose}_user"] = forms.CharField(
                label=USER[purpose], max_length=63, required=False, widget=forms.TextInput(attrs=PLAIN)
            )
            found[f"{purpose}_password"] = forms.CharField(
                label=PASSWORD[purpose],
                required=False,
                max_length=1000,
                strip=False,
                widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
                help_text=_("Sealed. Leave it empty to keep the stored one.") if stored else "",
            )
        return found

    def _url_fields(self) -> dict[str, forms.Field]:
        return {
            "url": forms.CharField(
                label=_("Connection string"),
                max_length=LONGEST_URL,
                widget=_Unrepeated(attrs=PLAIN | {"placeholder": "postgresql://user:password@host:5432/database"}),
                help_text=_("It is taken apart, its password is sealed at once, and no page shows it again."),
            ),
            "serves": forms.ChoiceField(
                label=_("What this user may do"),
                choices=[("read", _("Read from it")), ("write", _("Write to it")), ("both", _("Read and write"))],
            ),
        }

    # what was typed

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if self.by_url:
            return found
        if not self.errors and not any(found.get(name) for name in self._serving()):
            told = _("Give a user that may read, or one that may write.")
            also = _("Choose whether to read from it, to write to it, or both.")
            self.add_error(self._serving()[0], told if self.kind.uses_credentials else also)
        try:
            self.found = self.kind.document({one.name: _typed(found.get(one.name)) for one in self.asked})
        except Invalid as error:
            if error.field not in self.errors:
                bind_error(self, error)
        return found

    def _serving(self) -> list[str]:
        return [name for name in self._access_fields() if not name.endswith("_password")]

    def ask_again(self) -> None:
        """A page never holds a secret: after an error it has to be typed again."""
        for name, field in self.fields.items():
            secret = isinstance(field.widget, forms.PasswordInput | _Unrepeated)
            if secret and self.data.get(name) and name not in self.errors:
                self.add_error(name, _("Enter it again: a password is never kept in a page."))

    def proposal(self, held: ConnectionDefinition | None) -> dict[str, Any]:
        """What would be proposed, credentials sealed. Raises Invalid naming the field."""
        data = self.cleaned_data
        document, entered = self._from_url() if self.by_url else (self.found or {}, self._entered())
        settings = self.kind.settings.from_json(document)
        return {
            "slug": data["slug"],
            "name": data["name"],
            "kind": self.kind.kind,
            "definition": {
                "format": FORMAT,
                "kind": self.kind.kind,
                "settings": settings.as_json(),
                "zone": data["zone"],
                "region": data["region"],
                "credentials": services.credentials(
                    team_id=data["team"],
                    settings=settings,
                    entered=entered,
                    held=held,
                    kind=self.kind.kind,
                    serves=[purpose for purpose in PURPOSES if data.get(purpose)],
                ),
            },
        }

    def _entered(self) -> Mapping[Purpose, services.Entered]:
        data = self.cleaned_data
        return {
            purpose: services.Entered(
                data.get(f"{purpose}_user", ""),
                data.get(f"{purpose}_password", ""),
                data.get(f"{purpose}_client_key", ""),
            )
            for purpose in PURPOSES
        }

    def _from_url(self) -> tuple[dict[str, Any], Mapping[Purpose, services.Entered]]:
        """The string is the only field of its page: whatever is wrong with one of its parts is shown there."""
        try:
            document, user, password = definition.from_url(self.cleaned_data["url"])
        except Invalid as error:
            raise Invalid(error.sentence, remedy=error.remedy, field="url") from None
        if not user or not password:
            raise Invalid(
                _("The connection string names no user, or has no password."),
                field="url",
                remedy=_("Write it as postgresql://user:password@host:5432/database, or fill in the form."),
            )
        serves = self.cleaned_data["serves"]
        one, none = services.Entered(user, password), services.Entered("", "")
        return document, {purpose: one if serves in (purpose, "both") else none for purpose in PURPOSES}


def initial_of(*, team: str, slug: str, name: str, says: ConnectionDefinition) -> dict[str, Any]:
    """What the form starts with when something is edited; never a password."""
    users = {f"{purpose}_user": one.user for purpose, one in says.credentials.items()}
    serves = {str(purpose): purpose in says.credentials for purpose in PURPOSES}
    named = {"team": team, "slug": slug, "name": name, "zone": says.zone, "region": says.region}
    return {**says.connector.values(says.settings), **named, **users, **serves}


def labels() -> dict[str, str]:
    """The label of every field that a test may name, of whatever kind."""
    found = {
        name: _label(one, purpose) for kind in kinds() for one in kind.fields for name, purpose in _names(one).items()
    }
    for purpose in PURPOSES:
        found |= {f"{purpose}_user": str(USER[purpose]), f"{purpose}_password": str(PASSWORD[purpose])}
    return found


def kind_named(name: str) -> Connector:
    """Raises Invalid for an unknown kind."""
    return connector(name)


class _Unrepeated(forms.Textarea):
    """A text area that never gives back what was typed."""

    def format_value(self, value: Any) -> str:
        return ""


def _names(one: FormField) -> dict[str, Purpose | None]:
    """A secret is asked for once for each purpose; anything else once."""
    if one.widget == "secret":
        return {f"{purpose}_{one.name}": purpose for purpose in one.purposes}
    return {one.name: None}


def _label(one: FormField, purpose: Purpose | None) -> str:
    if purpose is None:
        return one.label
    return f"{one.label} ({_('reading') if purpose == 'read' else _('writing')})"


def _field(one: FormField, purpose: Purpose | None) -> forms.Field:
    said: dict[str, Any] = {"label": _label(one, purpose), "help_text": one.help, "required": one.required}
    if one.widget == "checkbox":
        return forms.BooleanField(**said | {"required": False}, initial=one.initial == "yes")
    if one.widget == "select":
        return forms.ChoiceField(**said, choices=list(one.choices), initial=one.initial)
    if one.widget == "number":
        return forms.IntegerField(**said, initial=one.initial, min_value=0, max_value=10**one.longest)
    widget: forms.Widget = forms.TextInput(attrs=PLAIN)
    if one.widget == "textarea":
        widget = forms.Textarea(attrs=PLAIN | {"rows": 4})
    if one.widget == "secret":
        widget = _Unrepeated(attrs=PLAIN | {"rows": 4})
    return forms.CharField(**said, initial=one.initial, max_length=one.longest, widget=widget)


def _typed(value: Any) -> str:
    if value is True:
        return "yes"
    return "" if value in (None, False) else str(value)
