"""The starter packs: what GDPR, HIPAA Safe Harbor and PCI DSS ask for, and what becomes of it here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.dataplane.errors import Invalid
from apps.dataplane.plan import TreatmentSpec
from apps.dataplane.policy import Rule, as_document

from .merging import Item, Pack, Text, merged, switched_on

__all__ = ["NAME", "SLUG", "Item", "Pack", "chosen", "merged", "packs", "proposal", "switched_on"]

SLUG, NAME = "starter", "Starter packs"
TOKEN, REDACT, NULL, DROP = (TreatmentSpec(kind) for kind in ("token", "redact", "null", "drop"))
BY_YEAR = TreatmentSpec("date_truncate", {"unit": "year"})
BY_MONTH = TreatmentSpec("date_truncate", {"unit": "month"})


def _keep(tag: str, amount: int, unit: str, why: Text) -> Mapping[str, Any]:
    return {"tag": tag, "keep": {"amount": amount, "unit": unit}, "action": "delete", "why": why}


GDPR = Pack(
    "gdpr",
    _("GDPR"),
    _(
        "What identifies people becomes tokens that still join, special categories and state ids are left out, and "
        "nothing linkable goes into zone public."
    ),
    _("For data about people in the European Union and the United Kingdom."),
    (
        Item("Art. 4(1) name", _("Names of people"), ("pii.name",), REDACT),
        Item("Art. 4(1) contact", _("E-mail addresses and phone numbers"),
             ("pii.contact.email", "pii.contact.phone"), TOKEN, REDACT),
        Item("Art. 4(1) location", _("Addresses"), ("pii.address",), REDACT),
        Item("Art. 4(1) location data", _("Whereabouts"), ("pii.location",), NULL),
        Item("Art. 4(1) online", _("Online identifiers, devices and network addresses"),
             ("pii.online", "pii.online.ip", "pii.online.device", "pii.online.url"), TOKEN, REDACT),
        Item("Art. 4(1) identification number", _("Customer, member and certificate numbers, vehicles"),
             ("pii.identifier", "pii.certificate", "pii.vehicle"), TOKEN, REDACT),
        Item("Art. 87 national id", _("Numbers that a state gives a person"), ("pii.national_id",), DROP),
        Item("Art. 5(1)(c) birth", _("Dates of birth, cut to the year"), ("pii.birth_date",), BY_YEAR,
             gap=_("A date that is stored as text cannot be cut: it is refused until you choose redact or drop.")),
        Item("Art. 5(1)(c) dates", _("Other dates in people's lives, cut to the month"), ("pii.date",), BY_MONTH),
        Item("Art. 9 special", _("Special categories: health, religion, origin, biometrics, photographs"),
             ("pii.special", "pii.biometric", "pii.photo", "pii.medical_record", "pii.health_plan"), DROP),
        Item("Art. 4(1) factors", _("Age, gender, marital status, nationality"), ("pii.demographic",), REDACT),
        Item("Art. 4(1) economic", _("Bank accounts and cards"),
             ("financial.iban", "financial.account", "financial.card"), TOKEN, REDACT),
        Item("Art. 4(1) income", _("Incomes and scores"), ("financial.income",), NULL),
        Item("Art. 32 secrets", _("Passwords, keys and card security codes"),
             ("secret", "financial.card.code"), DROP),
        Item("Art. 5(1)(c) text", _("Free text"), ("pii.text",), REDACT,
             gap=_("The whole text is hidden: replacing identifiers inside a text is not offered yet.")),
    ),
    (
        _keep("pii", 3, "years", _("Art. 5(1)(e): no longer than necessary; the usual period of limitation.")),
        _keep("pii.online", 13, "months", _("Supervisory authorities' guidance on online identifiers.")),
        _keep("pii.special", 1, "years", _("Art. 9: kept only while the purpose lasts.")),
    ),
)  # fmt: skip

HIPAA = Pack(
    "hipaa-safe-harbor",
    _("HIPAA Safe Harbor"),
    _(
        "The 18 identifiers of 45 CFR 164.514(b)(2) are removed, not tokenised: a code derived from an identifier is "
        "one itself. Joins over them end here."
    ),
    _("For health data about people in the United States."),
    (
        Item("1", _("Names"), ("pii.name",), REDACT),
        Item("2", _("Geographic subdivisions smaller than a state"), ("pii.address", "pii.location"), NULL,
             gap=_("The first three digits of a ZIP code may be kept where more than 20,000 people live: not "
                     "offered yet, so the whole code is removed.")),
        Item("3", _("Dates except the year, and ages over 89"), ("pii.date",), BY_YEAR),
        Item("3 birth", _("Dates of birth"), ("pii.birth_date",), NULL,
             gap=_("A year of birth tells ages over 89 as well, and buckets are not offered yet: it is removed.")),
        Item("3 age", _("Ages"), ("pii.demographic",), NULL,
             gap=_("Ages of 89 and below may be kept: not offered yet, so the whole column is emptied.")),
        Item("4", _("Telephone numbers"), ("pii.contact.phone",), REDACT),
        Item("5", _("Fax numbers"), ("pii.contact.phone",), REDACT),
        Item("6", _("E-mail addresses"), ("pii.contact.email",), REDACT),
        Item("7", _("Social security numbers"), ("pii.national_id",), DROP),
        Item("8", _("Medical record numbers"), ("pii.medical_record",), DROP),
        Item("9", _("Health plan beneficiary numbers"), ("pii.health_plan",), DROP),
        Item("10", _("Account numbers"),
             ("financial.account", "financial.iban", "financial.card", "financial.card.code"), REDACT),
        Item("11", _("Certificate and licence numbers"), ("pii.certificate", "pii.national_id"), DROP),
        Item("12", _("Vehicle identifiers and serial numbers, including licence plates"), ("pii.vehicle",), REDACT),
        Item("13", _("Device identifiers and serial numbers"), ("pii.online.device", "pii.online"), REDACT),
        Item("14", _("Web addresses (URLs)"), ("pii.online.url",), REDACT,
             gap=_("Detection does not tell a person's web address from another: tag such columns by hand.")),
        Item("15", _("Network addresses (IP)"), ("pii.online.ip", "pii.online"), REDACT),
        Item("16", _("Biometric identifiers, including finger and voice prints"), ("pii.biometric",), DROP),
        Item("17", _("Full-face photographs and comparable images"), ("pii.photo",), DROP),
        Item("18", _("Any other unique identifying number, characteristic or code"),
             ("pii.identifier", "secret"), DROP,
             gap=_("Detection cannot know which numbers are unique to a person: tag such columns pii.identifier.")),
        Item("18 text", _("Identifiers inside free text"), ("pii.text",), REDACT),
    ),
    (
        _keep("pii.medical_record", 6, "years", _("45 CFR 164.316(b)(2): documentation is kept six years.")),
        _keep("pii.health_plan", 6, "years", _("45 CFR 164.316(b)(2): documentation is kept six years.")),
    ),
)  # fmt: skip

PCI = Pack(
    "pci",
    _("PCI DSS"),
    _("Card numbers become keyed tokens that still join, and security codes never move."),
    _("For whoever stores, processes or sends payment cards."),
    (
        Item("Req. 3.5", _("Card numbers (PAN), unreadable wherever they are stored"),
             ("financial.card",), TOKEN, REDACT),
        Item("Req. 3.3", _("Sensitive authentication data: security codes and PIN blocks"),
             ("financial.card.code",), DROP),
        Item("Req. 3.2 holder", _("Names of card holders"), ("pii.name",), REDACT),
        Item("Req. 8.3", _("Passwords and keys"), ("secret",), DROP),
        Item("Req. 3.3 track", _("Full track data"), gap=_(
             "Detection does not recognise track data: tag such columns financial.card.code.")),
    ),
    (
        _keep("financial.card", 1, "years", _("Requirement 3.2.1: no longer than the business needs.")),
    ),
)  # fmt: skip

_PACKS = (GDPR, HIPAA, PCI)


def packs() -> tuple[Pack, ...]:
    """Every starter pack, in the order in which they are offered."""
    return _PACKS


def chosen(slugs: Iterable[str]) -> list[Pack]:
    """The packs of these names. Raises Invalid for an unknown one, and for none."""
    wanted = list(dict.fromkeys(slugs))
    known = {pack.slug: pack for pack in _PACKS}
    unknown = next((slug for slug in wanted if slug not in known), None)
    if unknown is not None:
        raise Invalid(
            gettext("There is no starter pack %(slug)s.") % {"slug": str(unknown)[:60]},
            remedy=gettext("Choose from %(known)s.") % {"known": ", ".join(known)},
            field="packs",
        )
    if not wanted:
        raise Invalid(gettext("Choose at least one starter pack."), field="packs")
    return [pack for pack in _PACKS if pack.slug in wanted]


def proposal(slugs: Iterable[str], *, name: str = NAME, rules: Sequence[Rule] = ()) -> dict[str, Any]:
    """The policy that has these packs switched on, as a proposal; `rules` are those that are active already."""
    return {"slug": SLUG, "name": name, "text": as_document(merged(rules, chosen(slugs)))}
