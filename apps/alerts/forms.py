"""Turns what people type about channels and routes into arguments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from apps.dataplane.errors import Invalid

from . import channel_services, definition
from .definition import FORMAT, Definition, MailServer, RouteDefinition
from .selectors import Filters

SECURITIES = (
    ("starttls", gettext_lazy("STARTTLS (port 587)")),
    ("tls", gettext_lazy("TLS from the start (port 465)")),
    ("none", gettext_lazy("None: unencrypted, without a password")),
)


class Named(forms.Form):
    """What every channel and route has."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    slug = forms.CharField(
        label=gettext_lazy("Short name"),
        max_length=60,
        help_text=gettext_lazy("Small letters, digits, - and _. It stands in addresses and never changes."),
    )

    def __init__(self, *args: Any, fixed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["slug"].disabled = fixed

    def clean_slug(self) -> str:
        try:
            return definition.slug(self.cleaned_data["slug"])
        except Invalid as error:
            raise forms.ValidationError(error.sentence) from error


class _Channel(Named):
    """A channel's form. Secrets are handed on to be sealed and are never rendered again."""

    secret_field = ""

    def __init__(self, *args: Any, held: Definition | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if held and held.secret:
            self.fields[self.secret_field].help_text = gettext_lazy("Sealed. Leave it empty to keep the stored one.")

    def ask_again(self) -> None:
        """A page never holds a secret: after an error it has to be typed again."""
        if self.data.get(self.secret_field) and self.secret_field not in self.errors:
            self.add_error(self.secret_field, gettext_lazy("Enter it again: a secret is never kept in a page."))

    def proposal(self, held: Definition | None) -> dict[str, Any]:
        raise NotImplementedError


class MailServerForm(_Channel):
    secret_field = "password"  # noqa: S105  the name of a field

    host = forms.CharField(label=gettext_lazy("Host"), max_length=253, help_text=gettext_lazy("Name or IP address"))
    port = forms.IntegerField(label=gettext_lazy("Port"), min_value=1, max_value=65_535, initial=587)
    security = forms.ChoiceField(label=gettext_lazy("Encryption"), choices=SECURITIES, initial="starttls")
    user = forms.CharField(label=gettext_lazy("User"), max_length=120, required=False)
    password = forms.CharField(
        label=gettext_lazy("Password"), required=False, max_length=1000, strip=False, widget=forms.PasswordInput
    )
    sender = forms.CharField(
        label=gettext_lazy("Sender"),
        max_length=200,
        help_text=gettext_lazy("Such as Lockgate <lockgate@example.org>"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("host", "user"):
            self.fields[name].widget.attrs |= {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
        self.fields["password"].widget.attrs["autocomplete"] = "new-password"

    def proposal(self, held: Definition | None) -> dict[str, Any]:
        """What would be proposed, the password sealed. Raises Invalid naming the field."""
        data = self.cleaned_data
        says = channel_services.mail_server(entered=data, password=data["password"], held=held)
        return {"slug": data["slug"], "name": data["name"], "kind": "smtp", "definition": says}


class WebhookForm(_Channel):
    secret_field = "secret"  # noqa: S105  the name of a field

    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=1000,
        help_text=gettext_lazy("https only. It must lead to a public address, unless the operator opened a network."),
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none", "inputmode": "url"}),
    )
    secret = forms.CharField(
        label=gettext_lazy("Secret"),
        required=False,
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("At least 24 characters; the receiver verifies the signature with it."),
    )

    def proposal(self, held: Definition | None) -> dict[str, Any]:
        """What would be proposed, the secret sealed. Raises Invalid naming the field."""
        data = self.cleaned_data
        says = channel_services.webhook(url=data["url"], secret=data["secret"], held=held)
        return {"slug": data["slug"], "name": data["name"], "kind": "webhook", "definition": says}


FORMS: dict[str, type[_Channel]] = {"smtp": MailServerForm, "webhook": WebhookForm}


def initial_of(*, slug: str, name: str, says: Definition) -> dict[str, Any]:
    """What the form starts with when something is edited; never a secret."""
    named: dict[str, Any] = {"slug": slug, "name": name}
    if isinstance(says, MailServer):
        named |= {"host": says.host, "port": says.port, "security": says.security, "user": says.user}
        return named | {"sender": says.sender}
    return named | {"url": says.target.url}


class RouteForm(Named):
    team = forms.ChoiceField(label=gettext_lazy("Team"), required=False)
    levels = forms.MultipleChoiceField(
        label=gettext_lazy("Levels"),
        choices=[("ERROR", gettext_lazy("Error")), ("WARN", gettext_lazy("Warning"))],
        widget=forms.CheckboxSelectMultiple,
        initial=["ERROR", "WARN"],
    )
    subject = forms.CharField(
        label=gettext_lazy("Subject"),
        max_length=120,
        initial="*",
        help_text=gettext_lazy("A pattern: * takes everything, customers:* what begins so, system/* Lockgate itself."),
    )
    owners = forms.BooleanField(
        label=gettext_lazy("Mail to the owners: engineers and stewards of the team"), required=False, initial=True
    )
    people = forms.MultipleChoiceField(
        label=gettext_lazy("Mail to these people"), required=False, widget=forms.CheckboxSelectMultiple
    )
    channels = forms.MultipleChoiceField(
        label=gettext_lazy("Webhooks"), required=False, widget=forms.CheckboxSelectMultiple
    )
    recoveries = forms.BooleanField(label=gettext_lazy("Tell also when a problem is gone by itself"), required=False)
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Reviewers read this first."),
    )

    def __init__(
        self,
        *args: Any,
        teams: Iterable[tuple[str, str]],
        people: Iterable[tuple[str, str]],
        channels: Iterable[tuple[str, str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (("team", teams), ("people", people), ("channels", channels)):
            self.fields[name].choices = list(choices)  # type: ignore[attr-defined]
        self.fields["team"].disabled = self.fields["slug"].disabled

    def proposal(self) -> dict[str, Any]:
        """What would be proposed."""
        data = self.cleaned_data
        says = {name: data[name] for name in ("levels", "subject", "channels", "owners", "people", "recoveries")}
        return {"slug": data["slug"], "name": data["name"], "definition": {"format": FORMAT, **says}}


def initial_of_route(*, slug: str, name: str, team: str, says: RouteDefinition) -> dict[str, Any]:
    """What the form starts with when a route is edited."""
    return {"slug": slug, "name": name, "team": team, **says.as_json()}


class Reason(forms.Form):
    """Why something is proposed."""

    reason = forms.CharField(
        label=gettext_lazy("Why"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Reviewers read this first."),
    )


class Filter(forms.Form):
    """What is not understood filters nothing."""

    state = forms.CharField(required=False, max_length=10)
    channel = forms.CharField(required=False, max_length=20)
    q = forms.CharField(required=False, max_length=120)

    def filters(self) -> Filters:
        self.is_valid()
        return Filters(**{name: self.cleaned_data.get(name, "") for name in self.fields})
