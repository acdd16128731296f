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
    "pii.date": "Other dates tied to one person: admission, discharge, treatment, death.",
    "pii.national_id": "Numbers that a state gives a person: social security, tax, identity card, passport, licence.",
    "pii.demographic": "Age, gender, marital status, nationality.",
    "pii.special": "Special categories: health, religion, ethnic origin, politics, sexual orientation.",
    "pii.medical_record": "Numbers of medical records and of patients.",
    "pii.health_plan": "Numbers of health insurance and of its beneficiaries.",
    "pii.certificate": "Numbers of certificates and professional licences of people.",
    "pii.vehicle": "Licence plates and other identifiers of a person's vehicle.",
    "pii.biometric": "Fingerprints, voice prints and other biometric identifiers.",
    "pii.photo": "Full-face photographs and comparable images.",
    "pii.identifier": "Any other number or code that is unique to a person: customer, member and employee numbers.",
    "pii.location": "Coordinates of a person or of a person's device.",
    "pii.online": "Online identifiers: user names, network addresses, device and session ids.",
    "pii.online.ip": "Network addresses of people's devices.",
    "pii.online.device": "Identifiers and serial numbers of people's devices.",
    "pii.online.url": "Web addresses that lead to a person.",
    "pii.text": "Free text that may hold anything about anybody.",
    "financial.iban": "International bank account numbers.",
    "financial.card": "Payment card numbers.",
    "financial.card.code": "Security codes and PIN blocks of payment cards, which nobody may keep.",
    "financial.account": "Other bank accounts and the codes that route to them.",
    "financial.income": "Salaries, incomes, credit scores.",
    "secret": "Passwords, their hashes, keys and tokens that open something.",
    NONE: "Looked at and found not sensitive.",
}
