"""What the target must hold, computed a second time from the source without any code of the data plane."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

from apps.dataplane.crypto import keywrap
from apps.keys.holders import place
from apps.keys.models import Key

from .databases import Databases

CUSTOMERS = ("id", "name", "email", "phone", "iban", "card", "birth_date", "country", "note", "tags", "preferences",
             "created_at")  # fmt: skip
PAYMENTS = ("id", "customer_id", "amount", "payer_iban", "status", "reference", "paid_at")
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]+")
Row = tuple[str | None, ...]


@dataclass(frozen=True)
class Expectation:
    """Rows that must be there, and how many went which way."""

    customers: Sequence[Row]
    payments: Sequence[Row]
    counts: dict[str, int]


def treatment_key(databases: Databases, domain: str = "default") -> bytes:
    """The key that tokens are made with, opened with the key file of the extract class."""
    kek = bytes.fromhex((databases.installation.data.keys / "extract.kek").read_text().strip())
    row = Key.objects.get(holder="extract", purpose="treatment", domain=domain)
    return keywrap.unwrap(kek, bytes(row.wrapped), place=place("extract", "treatment", domain, row.version))


def compute(databases: Databases) -> Expectation:
    """From the rows as they lie in the source."""
    token = _Token(treatment_key(databases))
    with databases.source() as source:
        names = ", ".join(f"{name}::text" for name in CUSTOMERS)
        customers = source.execute(f"SELECT {names} FROM customers ORDER BY ctid".encode()).fetchall()
        names = ", ".join(f"{name}::text" for name in PAYMENTS)
        payments = source.execute(f"SELECT {names} FROM payments ORDER BY ctid".encode()).fetchall()
    counts: Counter[str] = Counter(read=len(customers) + len(payments))
    kept = _customers(customers, token, counts)
    found = _payments(payments, {str(row[0]) for row in kept}, token, counts)
    counts["published"] = len(kept) + len(found)
    return Expectation(kept, found, dict(counts))


def _customers(rows: Sequence[Row], token: _Token, counts: Counter[str]) -> list[Row]:
    kept, seen = [], set()
    today = date.today().isoformat()
    for row in rows:
        one = dict(zip(CUSTOMERS, row, strict=True))
        bad_address = one["email"] is not None and not ADDRESS.fullmatch(one["email"])
        bad_date = one["birth_date"] is not None and not "1900-01-01" <= one["birth_date"] <= today
        if bad_address or bad_date or one["id"] in seen:
            counts["quarantined"] += 1
            continue
        seen.add(one["id"])
        local, _, domain = (one["email"] or "").rpartition("@")
        treated = {
            "name": "[redacted]",
            "email": one["email"] and f"{'*' * len(local)}@{domain}",
            "phone": token(one["phone"]), "iban": token(one["iban"]), "card": token(one["card"]),
            "birth_date": one["birth_date"] and f"{one['birth_date'][:4]}-01-01",
            "note": one["note"] and "[redacted]",
        }  # fmt: skip
        kept.append(tuple((one | treated).values()))
    return kept


def _payments(rows: Sequence[Row], customers: set[str], token: _Token, counts: Counter[str]) -> list[Row]:
    kept = []
    for row in rows:
        one = dict(zip(PAYMENTS, row, strict=True))
        if one["status"] == "test":
            counts["excluded"] += 1
        elif one["customer_id"] not in customers:
            counts["quarantined"] += 1
        else:
            treated = {"payer_iban": token(one["payer_iban"]), "reference": one["reference"] and "[redacted]"}
            kept.append(tuple((one | treated).values()))
    return kept


class _Token:
    """AES-256-CMAC of one value after the other, under HKDF-SHA256 (RFC 5869) written out."""

    def __init__(self, key: bytes) -> None:
        extracted = hmac.digest(bytes(32), key, hashlib.sha256)
        self._key = hmac.digest(extracted, b"lockgate/treatments/token/1\x01", hashlib.sha256)

    def __call__(self, value: str | None) -> str | None:
        if value is None:
            return None
        mac = CMAC(algorithms.AES(self._key))
        mac.update(value.encode())
        return "tok_" + mac.finalize().hex()


def keep(databases: Databases, expectation: Expectation) -> None:
    """Put it beside the target's tables, so that PostgreSQL compares."""
    with databases.target() as target:
        target.execute(b"DROP SCHEMA IF EXISTS expected CASCADE")
        target.execute(b"CREATE SCHEMA expected")
        for name, columns, rows in _tables(expectation):
            target.execute(f"CREATE TABLE expected.{name} ({', '.join(f'{one} text' for one in columns)})".encode())
            with target.cursor().copy(f"COPY expected.{name} FROM STDIN".encode()) as copy:
                for row in rows:
                    copy.write_row(row)
        target.execute(b"CREATE TABLE expected.counts (name text, rows bigint)")
        for name, rows in expectation.counts.items():
            target.execute("INSERT INTO expected.counts VALUES (%s, %s)", (name, rows))


def differences(databases: Databases) -> dict[str, int]:
    """By table, rows that are missing, and rows that should not be there; EXCEPT ALL counts every repetition."""
    found = {}
    with databases.target() as target:
        for name, columns in (("customers", CUSTOMERS), ("payments", PAYMENTS)):
            live = f"SELECT {', '.join(f'{one}::text' for one in columns)} FROM public.{name}"
            wanted = f"SELECT {', '.join(columns)} FROM expected.{name}"
            for what, (one, other) in {"missing": (wanted, live), "surplus": (live, wanted)}.items():
                query = f"SELECT count(*) FROM ({one} EXCEPT ALL {other}) AS differing"
                found[f"{name} {what}"] = int(target.execute(query.encode()).fetchall()[0][0])
    return found


NO_DIFFERENCE = {"customers missing": 0, "customers surplus": 0, "payments missing": 0, "payments surplus": 0}


def _tables(expectation: Expectation) -> tuple[tuple[str, tuple[str, ...], Sequence[Any]], ...]:
    return (("customers", CUSTOMERS, expectation.customers), ("payments", PAYMENTS, expectation.payments))
