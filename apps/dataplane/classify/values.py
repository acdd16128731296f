"""What sampled values are: detectors by form and checksum. A finding counts values, it never holds one."""

from __future__ import annotations

import importlib
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

Counted = Mapping[str, int]


@dataclass(frozen=True)
class Finding:
    """`hits` of `total` sampled values are `noun`. `distinct` counts the different values among the hits."""

    tag: str
    detector: str
    noun: str
    hits: int
    total: int
    distinct: int

    @property
    def share(self) -> float:
        return self.hits / self.total if self.total else 0.0


@dataclass(frozen=True)
class Detector:
    """Recognises one kind of value.

    `enough`: the share of values from which on the column is of this kind by its values alone; `supported`: the share
    that suffices where the column's name says the same; `different`: how many different values must hit.
    """

    tag: str
    detector: str
    noun: str
    accepts: Callable[[str], bool]
    enough: float
    supported: float
    different: int = 3


def findings(values: Counted, *, named: str) -> list[Finding]:
    """What the values (text -> how often) are, the most certain first; `named` is the tag that the name suggests."""
    found = [
        finding
        for detector in DETECTORS
        if _suffices(finding := _count(detector, values, named), detector, named=detector.tag == named)
    ]
    return sorted(found, key=lambda finding: (finding.tag != "secret", -finding.share))


def _suffices(finding: Finding, detector: Detector, *, named: bool) -> bool:
    if named:
        return finding.hits > 0 and finding.share >= detector.supported
    return finding.distinct >= detector.different and finding.share >= detector.enough


def _count(detector: Detector, values: Counted, named: str) -> Finding:
    accepts = _LENIENT.get(detector.detector, detector.accepts) if detector.tag == named else detector.accepts
    hits = {value: times for value, times in values.items() if accepts(value)}
    total = sum(values.values())
    return Finding(detector.tag, detector.detector, detector.noun, sum(hits.values()), total, len(hits))


_EMAIL = re.compile(r"[^@\s\"'<>]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,24}")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[ -]?(?:[A-Z0-9]{1,4}[ -]?){3,8}", re.IGNORECASE)
_CARD = re.compile(r"\d(?:[ -]?\d){12,18}")
# Visa, Mastercard, American Express, Discover, JCB, Diners, UnionPay, Maestro.
_ISSUER = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|"
    r"6(?:011|4[4-9]\d|5\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|62\d{14,17}|"
    r"(?:5018|5020|5038|6304|6759|676[1-3])\d{8,15}"
)
_ABROAD = re.compile(r"(?:\+|00)[1-9][\d ()./-]{6,22}\d")
_DIALLED = re.compile(r"[+(]?\d[\d ()./-]{4,22}\d(?: ?(?:x|ext\.?) ?\d{1,6})?")
_SECRETS = re.compile(
    r"(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,}|"
    r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}|sk-(?:proj|ant)-[\w-]{20,}|sk-[A-Za-z0-9]{32,}|AIza[\w-]{35}|SG\.[\w-]{16,}\.[\w-]{16,}|"
    r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*|npm_[A-Za-z0-9]{36}|hf_[A-Za-z0-9]{30,}|"
    r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}|\$argon2(?:id|i|d)\$.{20,}|\$6\$.{20,}|\$scrypt\$.{20,}|pbkdf2_sha\d+\$\d+\$.{20,}|"
    r"SCRAM-SHA-256\$.{20,}|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*"
)
_EMBEDDED = re.compile(
    r"(?P<email>[\w.+-]{1,64}@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24})|"
    r"(?P<phone>(?<![\w+])\+[1-9](?:[ ()./-]{0,2}\d){8,14}(?!\d))|"
    r"(?P<iban>\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b)"
)
_WORD = re.compile(r"[^\W\d_]{2,}")


def _email(value: str) -> bool:
    return _EMAIL.fullmatch(value) is not None


def _iban(value: str) -> bool:
    return _IBAN.fullmatch(value) is not None and bool(_stdnum("iban").is_valid(value, check_country=False))


def _card(value: str) -> bool:
    return _any_card(value) and _ISSUER.fullmatch(re.sub(r"[ -]", "", value)) is not None


def _any_card(value: str) -> bool:
    return _CARD.fullmatch(value) is not None and _is_valid("luhn", re.sub(r"[ -]", "", value))


def _phone(value: str) -> bool:
    """With a country code, as it is; a number without one could count anything."""
    if not _ABROAD.fullmatch(value):
        return False
    import phonenumbers

    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(re.sub(r"^00", "+", value), None))
    except phonenumbers.NumberParseException:
        return False


def _dialled(value: str) -> bool:
    return _phone(value) or (_DIALLED.fullmatch(value) is not None and 6 <= sum(map(str.isdigit, value)) <= 15)


def _secret(value: str) -> bool:
    return _SECRETS.fullmatch(value) is not None


def _address(value: str) -> bool:
    """A network address; what could as well be a version (all parts small) is none."""
    try:
        found = ipaddress.ip_address(value)
    except ValueError:
        return False
    return found.version == 6 or max(found.packed) >= 64


def _any_address(value: str) -> bool:
    try:
        return bool(ipaddress.ip_address(value))
    except ValueError:
        return False


def _sentence(value: str) -> bool:
    return len(value) >= 25 and len(_WORD.findall(value)) >= 5


def _holds_contact(value: str) -> bool:
    if _email(value) or len(value) < 12:
        return False
    return any(match["email"] or match["phone"] or _iban(match["iban"] or "") for match in _EMBEDDED.finditer(value))


@dataclass(frozen=True)
class _State:
    """A state's number: where python-stdnum checks it, how it is written, and how often chance passes the check."""

    module: str
    noun: str
    form: str
    chance: float


_STATES = (
    _State("us.ssn", "United States social security numbers", r"\d{3}-\d{2}-\d{4}", 0.01),
    _State("us.itin", "United States taxpayer numbers", r"9\d{2}-\d{2}-\d{4}", 0.01),
    _State(
        "fr.nir",
        "French social security numbers",
        r"[12378][ .]?\d{2}[ .]?\d{2}[ .]?[\dAB]{2}[ .]?\d{3}[ .]?\d{3}[ .]?\d{2}",
        0.01,
    ),
    _State("de.idnr", "German tax identification numbers", r"[1-9]\d[ ]?\d{3}[ ]?\d{3}[ ]?\d{3}", 0.05),
    _State("es.dni", "Spanish identity numbers", r"\d{8}-?[A-Za-z]", 0.05),
    _State("es.nie", "Spanish foreigner numbers", r"[XYZxyz]-?\d{7}-?[A-Za-z]", 0.05),
    _State("it.codicefiscale", "Italian tax codes", r"[A-Za-z]{6}\d{2}[A-Za-z]\d{2}[A-Za-z]\d{3}[A-Za-z]", 0.05),
    _State("nl.bsn", "Dutch citizen service numbers", r"\d{9}|\d{4}\.\d{2}\.\d{3}", 0.1),
    _State("be.nn", "Belgian national numbers", r"\d{2}\.?\d{2}\.?\d{2}-?\d{3}\.?\d{2}", 0.01),
    _State("pl.pesel", "Polish national numbers", r"\d{11}", 0.05),
    _State("se.personnummer", "Swedish personal numbers", r"(?:\d{2})?\d{6}[-+]\d{4}", 0.05),
    _State("dk.cpr", "Danish personal numbers", r"\d{6}-\d{4}", 0.05),
    _State("fi.hetu", "Finnish personal codes", r"\d{6}[-+A-Fa-fU-Yu-y]\d{3}[0-9A-Ya-y]", 0.05),
    _State("no.fodselsnummer", "Norwegian birth numbers", r"\d{6} ?\d{5}", 0.01),
    _State("ch.ssn", "Swiss social security numbers", r"756\.?\d{4}\.?\d{4}\.?\d{2}", 0.01),
    _State("at.vnr", "Austrian insurance numbers", r"\d{4} ?\d{6}", 0.05),
    _State("br.cpf", "Brazilian taxpayer numbers", r"\d{3}\.?\d{3}\.?\d{3}-?\d{2}", 0.01),
    _State("in_.aadhaar", "Indian Aadhaar numbers", r"[2-9]\d{3} ?\d{4} ?\d{4}", 0.1),
    _State(
        "in_.pan", "Indian permanent account numbers", r"[A-Za-z]{3}[ABCFGHLJPTabcfghljpt][A-Za-z]\d{4}[A-Za-z]", 0.01
    ),
    _State("cn.ric", "Chinese identity numbers", r"\d{17}[\dXx]", 0.05),
    _State("mx.curp", "Mexican population codes", r"[A-Za-z]{4}\d{6}[HMhm][A-Za-z]{5}[0-9A-Za-z]\d", 0.01),
    _State("tr.tckimlik", "Turkish identity numbers", r"[1-9]\d{10}", 0.01),
    _State("za.idnr", "South African identity numbers", r"\d{6} ?\d{4} ?\d{3}", 0.05),
    _State("gb.nhs", "United Kingdom health service numbers", r"\d{3}[ -]?\d{3}[ -]?\d{4}", 0.1),
    _State("ca.sin", "Canadian social insurance numbers", r"\d{3}[ -]\d{3}[ -]\d{3}", 0.1),
    _State("au.tfn", "Australian tax file numbers", r"\d{3} ?\d{3} ?\d{3}", 0.1),
    _State("ie.pps", "Irish personal numbers", r"\d{7}[A-Wa-w][A-IWa-iw]?", 0.05),
    _State("ro.cnp", "Romanian personal numbers", r"[1-9]\d{12}", 0.05),
    _State("cz.rc", "Czech birth numbers", r"\d{6}/\d{3,4}", 0.1),
    _State("bg.egn", "Bulgarian civil numbers", r"\d{10}", 0.05),
    _State("gr.amka", "Greek social security numbers", r"\d{11}", 0.05),
    _State("hr.oib", "Croatian identification numbers", r"\d{11}", 0.1),
    _State("ee.ik", "Estonian personal codes", r"[1-8]\d{10}", 0.05),
    _State("lt.asmens", "Lithuanian personal codes", r"[1-6]\d{10}", 0.05),
    _State("kr.rrn", "South Korean registration numbers", r"\d{6}-\d{7}", 0.05),
    _State("cl.rut", "Chilean tax numbers", r"\d{1,2}\.?\d{3}\.?\d{3}-[\dKk]", 0.1),
)
_NINO = re.compile(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?\d{2}){3} ?[A-D]", re.IGNORECASE)
_NEVER_NINO = ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def _nino(value: str) -> bool:
    return _NINO.fullmatch(value) is not None and value[:2].upper() not in _NEVER_NINO


def _of_state(state: _State) -> Callable[[str], bool]:
    form = re.compile(state.form)

    def accepts(value: str) -> bool:
        return form.fullmatch(value) is not None and _is_valid(state.module, value)

    return accepts


def _is_valid(module: str, value: str) -> bool:
    """python-stdnum stumbles over some invalid numbers (a Chinese one of an unknown county): these are not valid."""
    try:
        return bool(_stdnum(module).is_valid(value))
    except Exception:
        return False


@cache
def _stdnum(module: str) -> Any:
    return importlib.import_module(f"stdnum.{module}")


def _state_detectors() -> Iterable[Detector]:
    for state in _STATES:
        # A weak checksum passes one number in ten by chance, so it takes more of them to mean anything.
        enough = 0.7 if state.chance <= 0.05 else 0.9
        different = 5 if state.chance <= 0.05 else 12
        noun = f"valid {state.noun}"
        yield Detector("pii.national_id", f"{state.module}/1", noun, _of_state(state), enough, 0.3, different)


DETECTORS: Sequence[Detector] = (
    Detector("secret", "secrets/1", "in the form of keys, tokens or password hashes", _secret, 0.0, 0.0, 1),
    Detector("pii.contact.email", "email/1", "e-mail addresses", _email, 0.5, 0.2),
    Detector("financial.iban", "iban/1", "valid IBANs", _iban, 0.5, 0.2),
    Detector("financial.card", "card/1", "valid card numbers", _card, 0.5, 0.3, 5),
    Detector("pii.national_id", "gb.nino/1", "United Kingdom national insurance numbers", _nino, 0.7, 0.3, 5),
    *_state_detectors(),
    Detector("pii.contact.phone", "phone/1", "phone numbers", _phone, 0.6, 0.3),
    Detector("pii.online", "address/1", "network addresses", _address, 0.6, 0.3),
    Detector(
        "pii.text",
        "contacts/1",
        "texts that hold an e-mail address, a phone number or an IBAN",
        _holds_contact,
        0.0,
        0.0,
        1,
    ),
    Detector("pii.text", "text/1", "sentences of several words", _sentence, 0.4, 0.2, 10),
)
# Where the name says what it is, the form may be looser.
_LENIENT: Mapping[str, Callable[[str], bool]] = {"card/1": _any_card, "phone/1": _dialled, "address/1": _any_address}
