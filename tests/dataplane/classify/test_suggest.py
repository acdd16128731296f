"""What a column is suggested to be, why, how surely, and what is not mistaken for something else."""

from __future__ import annotations

import json
import random
from itertools import islice

import pyarrow as pa
import pytest
from stdnum import iban as iban_number
from stdnum import luhn
from stdnum.de import idnr
from stdnum.es import dni
from stdnum.nl import bsn

from apps.dataplane.classify import TAGS, Suggestion, suggest
from apps.dataplane.plan import ColumnSchema, TableRef, TableSchema

NOTHING = (
    "Neither the name nor {} sampled values point to e-mail addresses, phone numbers, IBANs, cards, national ids, "
    "network addresses, secrets or free text"
)
PUBLIC = {
    "airlines": {"carrier": "9E|AA|AS", "name": "Endeavor Air Inc.|American Airlines Inc.|Alaska Airlines Inc."},
    "airports": {
        "faa": "04G|06A|06C",
        "name": "Lansdowne Airport|Moton Field Municipal Airport|Schaumburg Regional",
        "lat": "41.1304722|32.4605722|41.9893408",
        "lon": "-80.6195833|-85.6800278|-88.1012428",
        "tzone": "America/New_York|America/Chicago|America/Chicago",
    },
    "planes": {
        "tailnum": "N10156|N102UW|N103US",
        "year": "2004|1998|1999",
        "type": "Fixed wing multi engine|Fixed wing multi engine|Rotorcraft",
        "model": "EMB-145XR|A320-214|A320-214",
    },
    "flights": {
        "dep_time": "517|533|542",
        "flight": "1545|1714|1141",
        "origin": "EWR|LGA|JFK",
        "time_hour": "2013-01-01T10:00:00Z|2013-01-01T11:00:00Z|2013-01-01T12:00:00Z",
    },
}


def suggested(name: str, values: list[str | None] | None, *, type_: str = "text", table: str = "things") -> Suggestion:
    schema = TableSchema(TableRef("public", table), (ColumnSchema(name, type_),))
    sample = None if values is None else pa.table({name: pa.array(values, pa.string())})
    (found,) = suggest(schema, sample)
    assert found.column == name
    assert found.tag in TAGS
    assert 0 < found.confidence < 100
    return found


def ibans(count: int) -> list[str]:
    accounts = (f"DE00{37040044 + i:08}{i:010}" for i in range(count))
    return [account[:2] + iban_number.calc_check_digits(account) + account[4:] for account in accounts]


def cards(count: int) -> list[str]:
    return [(body := f"4{i * 7919 % 10**14:014}") + luhn.calc_check_digit(body) for i in range(count)]


def numbers(count: int, digits: int, seed: int = 1) -> list[str]:
    chance = random.Random(seed)
    return [f"{chance.randrange(10 ** (digits - 1), 10**digits)}" for _ in range(count)]


def valid(module: object, digits: int, count: int) -> list[str]:
    """Numbers of so many digits that python-stdnum accepts, found by trying."""
    tried = (str(10 ** (digits - 1) + 104_729 * i) for i in range(10_000_000))
    return list(islice((one for one in tried if module.is_valid(one)), count))  # type: ignore[attr-defined]


class TestValues:
    def test_ibans_are_recognised_under_any_name(self) -> None:
        found = suggested("x", [*ibans(97), "unknown", "-", "n/a"])

        assert found == Suggestion("x", "financial.iban", 94, "97 of 100 sampled values are valid IBANs", "iban/1")

    def test_a_name_that_agrees_makes_it_surer_and_says_so(self) -> None:
        found = suggested("iban", [*ibans(97), "unknown", "-", "n/a"])

        reason = "97 of 100 sampled values are valid IBANs, as the name suggests"
        assert found == Suggestion("iban", "financial.iban", 99, reason, "iban/1")

    def test_cards_need_an_issuer_and_a_checksum(self) -> None:
        spaced = [" ".join(card[i : i + 4] for i in range(0, 16, 4)) for card in cards(50)]

        assert suggested("x", cards(50)).tag == "financial.card"
        assert suggested("x", spaced).reason == "50 of 50 sampled values are valid card numbers"

    def test_emails_are_recognised_though_some_are_broken(self) -> None:
        values = [f"person{i}@example.org" for i in range(90)] + ["nobody(at)example", "@", "a@b", "a b@c.org", "x"] * 2

        assert suggested("x", values).reason == "90 of 100 sampled values are e-mail addresses"

    def test_phones_with_a_country_code_are_recognised_under_any_name(self) -> None:
        values = [f"+49 30 {1000000 + i}" for i in range(50)]

        assert suggested("x", values).reason == "50 of 50 sampled values are phone numbers"

    def test_phones_without_one_only_under_a_name_that_says_so(self) -> None:
        values = [f"(415) 555-{1000 + i}" for i in range(50)]

        assert suggested("phone", values).detector == "phone/1"
        assert suggested("x", values).tag == "none"

    @pytest.mark.parametrize(
        ("values", "noun"),
        [
            (lambda: valid(idnr, 11, 40), "valid German tax identification numbers"),
            (lambda: [one + dni.calc_check_digit(one) for one in numbers(40, 8)], "valid Spanish identity numbers"),
            (lambda: valid(bsn, 9, 40), "valid Dutch citizen service numbers"),
            (lambda: [f"{100 + i}-10-{1000 + i}" for i in range(40)], "valid United States social security numbers"),
            (lambda: [f"AB{100000 + i * 77}C" for i in range(40)], "United Kingdom national insurance numbers"),
        ],
    )  # fmt: skip
    def test_national_ids_of_several_states(self, values: object, noun: str) -> None:
        found = suggested("x", values())  # type: ignore[operator]

        assert (found.tag, found.reason) == ("pii.national_id", f"40 of 40 sampled values are {noun}")

    @pytest.mark.parametrize(
        "secret",
        [
            "ghp_" + "a1B2" * 9,
            "AKIA" + "ABCD1234" * 2,
            "xoxb-1234567890-abcdef",
            "$2b$12$" + "a" * 53,
            "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaA",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
            "pbkdf2_sha256$600000$c2FsdA$aGFzaGhhc2hoYXNo",
            "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
        ],
    )
    def test_one_secret_among_many_values_is_enough(self, secret: str) -> None:
        found = suggested("x", [secret, *["plain"] * 199])

        assert (found.tag, found.confidence) == ("secret", 55)
        assert found.reason == "1 of 200 sampled values are in the form of keys, tokens or password hashes"

    def test_contacts_within_longer_texts_and_documents(self) -> None:
        hidden = "please write to bob.b@example.org soon"

        assert suggested("x", [hidden, *["short"] * 99]).tag == "pii.text"
        assert suggested("data", ['{"mail": "bob@example.org"}'], type_="jsonb").tag == "pii.text"
        assert suggested("x", [f"transfer to {ibans(1)[0]} today"]).tag == "pii.text"

    def test_a_document_counts_by_the_texts_in_it(self) -> None:
        settings = [json.dumps({"visits": n, "consent": True, "language": "de"}) for n in range(50)]
        notes = [json.dumps({"note": f"Called on day {n} about the bill and wants to hear"}) for n in range(50)]

        assert suggested("preferences", settings, type_="jsonb").tag == "none"
        assert suggested("data", notes, type_="jsonb").tag == "pii.text"

    def test_free_text_is_recognised_by_its_sentences(self) -> None:
        values = [f"Called on day {i} about the bill and wants to hear back" for i in range(50)]

        assert suggested("x", values).reason == "50 of 50 sampled values are sentences of several words"

    def test_the_elements_of_an_array_are_looked_at(self) -> None:
        found = suggested("x", ['{a1@example.org,"b2@example.org"}', "{c3@example.org}"] * 5, type_="text[]")

        assert found.reason == "15 of 15 sampled values are e-mail addresses"

    def test_network_addresses(self) -> None:
        values = [f"192.168.{i}.{i * 3 % 256}" for i in range(50)] + [f"2001:db8::{i:x}" for i in range(50)]

        assert suggested("x", values).reason == "100 of 100 sampled values are network addresses"
        assert suggested("x", None, type_="inet").tag == "pii.online"


class TestLookAlikes:
    @pytest.mark.parametrize("digits", [8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
    def test_numbers_that_pass_a_checksum_now_and_then_are_not_flagged(self, digits: int) -> None:
        for seed in range(5):
            assert suggested("order_no", numbers(200, digits, seed)).tag == "none"
            assert suggested("x", [f"4{one[1:]}" for one in numbers(200, digits, seed)]).tag == "none"

    def test_running_numbers_are_not_flagged(self) -> None:
        for start in (1, 100_000_000, 1_000_000_000, 10_000_000_000, 4_000_000_000_000_000):
            assert suggested("number", [str(start + i) for i in range(200)], type_="bigint").tag == "none"

    def test_one_valid_number_repeated_is_not_flagged(self) -> None:
        assert suggested("x", [cards(1)[0]] * 100).tag == "none"

    def test_versions_are_no_network_addresses(self) -> None:
        assert suggested("release", [f"{i % 12}.{i % 30}.{i % 40}.{i % 10}" for i in range(100)]).tag == "none"

    def test_dates_times_codes_prices_and_labels_are_nothing(self) -> None:
        assert suggested("x", [f"20240{i % 9 + 1}1512{i % 60:02}{i % 60:02}" for i in range(100)]).tag == "none"
        assert suggested("sku", [f"AB{i:06}" for i in range(100)]).tag == "none"
        assert suggested("price", [f"{i}.99" for i in range(100)], type_="numeric(10,2)").tag == "none"
        assert suggested("status", ["open", "closed"] * 50).tag == "none"
        assert suggested("key", [f"{i:08x}-0000-4000-8000-{i:012x}" for i in range(100)], type_="uuid").tag == "none"

    def test_names_that_speak_of_something_else(self) -> None:
        for name in ("email_verified_at", "email_count", "phone_model", "name_format", "address_type", "card_status"):
            assert suggested(name, ["x"] * 20, table="customers").tag == "none"
        assert suggested("email_verified", ["t"] * 20, type_="boolean").tag == "none"

    @pytest.mark.parametrize("table", PUBLIC)
    def test_tables_about_things_hold_nothing_personal(self, table: str) -> None:
        columns = {name: pa.array(text.split("|") * 20) for name, text in PUBLIC[table].items()}
        schema = TableSchema(TableRef("public", table), tuple(ColumnSchema(name, "text") for name in columns))

        assert {one.column: one.tag for one in suggest(schema, pa.table(columns))} == dict.fromkeys(columns, "none")


NAMES = {
    "pii.contact.email": "email E-Mail customerEMail mail_address email_2 emailadresse courriel correo_electronico",
    "pii.contact.phone": "phone phone_number mobile Telefon telefonnummer Handy handynummer tel telefono movil fax_no",
    "pii.name": "first_name LastName surname full_name Vorname nachname prénom nom_de_famille apellidos contact_name",
    "pii.address": "street address_line1 Straße hausnummer plz postcode zip_code Adresse code_postal dirección calle",
    "pii.national_id": "ssn national_id passport_number tax_id steuer_id numero_securite_sociale dni nif bsn nino",
    "financial.iban": "iban IBAN_No customer_iban",
    "financial.card": "card_number credit_card CreditCardNumber kreditkarte carte_bancaire tarjeta",
    "financial.card.code": "cvv CVC2 card_verification_code",
    "pii.medical_record": "mrn medical_record_number Patientennummer",
    "pii.health_plan": "health_plan_id medicare_number KVNR",
    "pii.vehicle": "vin license_plate Kfz-Kennzeichen",
    "financial.account": "account_number kontonummer bic sort_code routing_number",
    "financial.income": "salary Gehalt salaire sueldo monthly_income",
    "pii.online": "ip_address user_agent username deviceId session_id",
    "pii.special": "religion diagnosis blood_type ethnicity",
    "pii.text": "notes comment Bemerkung Notizen commentaires observaciones",
    "secret": "password passwd api_key refresh_token Passwort mot_de_passe contraseña password_hash client_secret",
}


class TestNames:
    @pytest.mark.parametrize(("tag", "name"), [(tag, name) for tag, names in NAMES.items() for name in names.split()])
    def test_a_name_says_what_it_is_in_four_languages(self, tag: str, name: str) -> None:
        found = suggested(name, None)

        assert (found.tag, found.detector) == (tag, "names/1")
        assert found.reason.startswith("The name suggests ")

    @pytest.mark.parametrize(
        "name", ["dob", "birth_date", "dateOfBirth", "Geburtsdatum", "date_de_naissance", "fecha_nacimiento"]
    )
    def test_a_date_of_birth_is_a_date_with_a_name(self, name: str) -> None:
        found = suggested(name, ["1990-01-01"], type_="date")

        assert found == Suggestion(
            name, "pii.birth_date", 97, "The name suggests dates of birth, and the column holds dates", "names/1"
        )
        assert suggested("created_on", ["1990-01-01"], type_="date").tag == "none"

    def test_a_bare_name_counts_in_a_table_about_people_only(self) -> None:
        assert suggested("name", ["x"], table="customers").tag == "pii.name"
        assert suggested("name", ["x"], table="airports").tag == "none"
        columns = (ColumnSchema("name", "text"), ColumnSchema("birth_date", "date"))
        assert suggest(TableSchema(TableRef("public", "t"), columns), None)[0].tag == "pii.name"

    def test_a_name_that_the_values_do_not_bear_out_is_half_as_sure(self) -> None:
        found = suggested("email", ["green", "blue"] * 20)

        reason = "The name suggests e-mail addresses, though hardly any of 40 sampled values look like it"
        assert found == Suggestion("email", "pii.contact.email", 50, reason, "names/1")

    def test_values_overrule_a_name(self) -> None:
        assert suggested("phone", ibans(50)).tag == "financial.iban"


class TestNothingFound:
    def test_it_says_what_was_looked_for_and_is_not_sure(self) -> None:
        assert suggested("x", ["a", None, ""] * 60) == Suggestion("x", "none", 65, NOTHING.format(60), "all/1")
        assert suggested("x", ["a"]) == Suggestion("x", "none", 50, NOTHING.format(1), "all/1")
        assert suggested("x", ['{"theme": "dark"}'], type_="jsonb").confidence == 40

    def test_without_values_it_is_less_sure(self) -> None:
        for values in (None, [], [None, None]):
            found = suggested("x", values)
            assert (found.tag, found.confidence) == ("none", 35)
            assert found.reason.endswith("no values were sampled")

    def test_a_column_that_was_not_sampled(self) -> None:
        schema = TableSchema(TableRef("public", "t"), (ColumnSchema("a", "text"), ColumnSchema("email", "text")))

        found = suggest(schema, pa.table({"a": ["x"]}))

        assert [(one.column, one.tag) for one in found] == [("a", "none"), ("email", "pii.contact.email")]


def test_a_reason_never_tells_a_value() -> None:
    canary = "canary"
    columns = {
        "email": [f"{canary}{i}@example.org" for i in range(20)],
        "iban": ibans(20),
        "note": [f"{canary} called number {i} and wants to hear back" for i in range(20)],
        "x": [canary] * 20,
        canary.upper() + '"; --': ["y"] * 20,
    }
    schema = TableSchema(TableRef("public", "customers"), tuple(ColumnSchema(name, "text") for name in columns))

    for found in suggest(schema, pa.table(columns)):
        assert canary not in found.reason.lower()
        assert not any(value in found.reason for values in columns.values() for value in values if len(value) > 2)


def test_every_tag_says_in_one_line_what_it_is() -> None:
    for tag, description in TAGS.items():
        assert tag == tag.lower()
        assert description.endswith(".")
        assert "\n" not in description
