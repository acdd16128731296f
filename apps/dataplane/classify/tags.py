"""The first taxonomy: what a column can be tagged as. A policy's selector names a tag or the subtree above it."""

from __future__ import annotations

from collections.abc import Mapping

NONE = "none"

TAGS: Mapping[str, str] = {
    "pii.name": "Names of people: first, last, full, of holders and contacts.",
    "pii.contact.email": "E-mail addresses of people.",
    "pii.contact.phone": "Phone, mobile and fax numbers.",
    "pii.address": "Postal addresses and their parts: street, house number, postcode, town.",
    "pii.birth_date": "Dates and years of birth.",
    "pii.national_id": "Numbers that a state gives a person: social security, tax, identity card, passport, licence.",
    "pii.demographic": "Age, gender, marital status, nationality.",
    "pii.special": "Special categories: health, religion, ethnic origin, politics, sexual orientation.",
    "pii.location": "Coordinates of a person or of a person's device.",
    "pii.online": "Online identifiers: user names, network addresses, device and session ids.",
    "pii.text": "Free text that may hold anything about anybody.",
    "financial.iban": "International bank account numbers.",
    "financial.card": "Payment card numbers and their security codes.",
    "financial.account": "Other bank accounts and the codes that route to them.",
    "financial.income": "Salaries, incomes, credit scores.",
    "secret": "Passwords, their hashes, keys and tokens that open something.",
    NONE: "Looked at and found not sensitive.",
}
