"""What may be asked about a treatment, and how a wrong one is refused."""

from __future__ import annotations

import pyarrow as pa
import pytest

from apps.dataplane import treatments
from apps.dataplane.errors import Invalid, Locked
from apps.dataplane.plan import TreatmentSpec
from tests.dataplane.treatments.support import EVERY_KIND, spec, treated


def test_the_kinds_are_these() -> None:
    assert treatments.KINDS == ("pass", "drop", "null", "constant", "redact", "partial", "token", "date_truncate")
    assert set(EVERY_KIND) == set(treatments.KINDS)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_kind_is_valid_with_its_parameters(kind: str) -> None:
    treatments.validate(spec(kind, **EVERY_KIND[kind]))
    assert set(EVERY_KIND[kind]) <= set(treatments.parameters(kind))


@pytest.mark.parametrize(
    ("given", "sentence", "field"),
    [
        (spec("shuffle"), "There is no treatment 'shuffle'.", "kind"),
        (spec("token", length=8), "The treatment token has no parameter 'length'.", "length"),
        (spec("partial", keep="all"), "The treatment partial has no parameter 'keep'.", "keep"),
        (spec("constant"), "The treatment constant needs its parameter value.", "value"),
        (spec("constant", value=7), "The parameter value of the treatment constant must be text.", "value"),
        (spec("constant", value="a\0"), "The parameter value of the treatment constant must be text.", "value"),
        (
            spec("constant", value="x" * 1001),
            "The parameter value of the treatment constant must have at most 1000 characters.",
            "value",
        ),
        (
            spec("partial", keep_first=-1),
            "The parameter keep_first of the treatment partial must be a whole number from 0 to 100.",
            "keep_first",
        ),
        (
            spec("partial", keep_last=True),
            "The parameter keep_last of the treatment partial must be a whole number from 0 to 100.",
            "keep_last",
        ),
        (
            spec("partial", keep_domain="yes"),
            "The parameter keep_domain of the treatment partial must be true or false.",
            "keep_domain",
        ),
        (spec("date_truncate"), "The treatment date_truncate needs its parameter unit.", "unit"),
        (
            spec("date_truncate", unit="hour"),
            "The parameter unit of the treatment date_truncate must be one of year, quarter, month, day.",
            "unit",
        ),
        (
            spec("date_truncate", unit=["year"]),
            "The parameter unit of the treatment date_truncate must be one of year, quarter, month, day.",
            "unit",
        ),
        (TreatmentSpec("token", {}, 2), "Version 2 of the treatment token is not known here.", "version"),
        (TreatmentSpec("token", {}, 0), "Version 0 of the treatment token is not known here.", "version"),
    ],
    ids=str,
)
def test_a_wrong_treatment_is_refused_by_field(given: TreatmentSpec, sentence: str, field: str) -> None:
    with pytest.raises(Invalid) as invalid:
        treatments.validate(given)
    assert (invalid.value.sentence, invalid.value.field) == (sentence, field)
    with pytest.raises(Invalid):
        treated(given, pa.array(["secret"]))


def test_only_token_needs_a_key_and_only_dates_come_as_dates() -> None:
    assert [kind for kind in EVERY_KIND if treatments.needs_key(spec(kind, **EVERY_KIND[kind]))] == ["token"]
    temporal = [kind for kind in EVERY_KIND if treatments.wants(spec(kind, **EVERY_KIND[kind])) == "temporal"]
    assert temporal == ["date_truncate"]


def test_only_null_breaks_not_null_and_only_pass_and_token_keep_a_key() -> None:
    assert [kind for kind in EVERY_KIND if not treatments.not_null_kept(spec(kind, **EVERY_KIND[kind]))] == ["null"]
    assert [k for k in EVERY_KIND if treatments.unique_kept(spec(k, **EVERY_KIND[k]))] == ["pass", "token"]


@pytest.mark.parametrize(
    ("given", "source", "output"),
    [
        (spec("pass"), "integer[]", "integer[]"),
        (spec("drop"), "text", ""),
        (spec("null"), "jsonb", "jsonb"),
        (spec("redact"), "jsonb", "text"),
        (spec("token"), "character varying(12)", "text"),
        (spec("token"), "bigint", "text"),
        (spec("partial"), "text", "text"),
        (spec("partial"), "character varying(12)", "character varying(12)"),
        (spec("partial"), "character(12)", "text"),
        (spec("partial"), "numeric(12,2)", "text"),
        (spec("date_truncate", unit="day"), "date", "date"),
        (spec("date_truncate", unit="day"), "timestamp with time zone", "timestamp with time zone"),
        (spec("date_truncate", unit="day"), "timestamp(3) without time zone", "timestamp(3) without time zone"),
        (spec("constant", value="n/a"), "text", "text"),
        (spec("constant", value="n/a"), "character varying(3)", "character varying(3)"),
        (spec("constant", value="-32768"), "smallint", "smallint"),
        (spec("constant", value="2147483647"), "integer", "integer"),
        (spec("constant", value="9223372036854775807"), "bigint", "bigint"),
        (spec("constant", value="12.50"), "numeric", "numeric"),
        (spec("constant", value="99.99"), "numeric(4,2)", "numeric(4,2)"),
        (spec("constant", value="t"), "boolean", "boolean"),
        (spec("constant", value="1970-01-01"), "date", "date"),
        (spec("constant", value="1970-01-01 00:00:00+00"), "timestamp with time zone", "timestamp with time zone"),
        (spec("constant", value="1970-01-01 00:00:00"), "timestamp(0) without time zone", None),
        (spec("constant", value="00000000-0000-0000-0000-000000000000"), "uuid", "uuid"),
    ],
    ids=str,
)
def test_the_type_after_treatment(given: TreatmentSpec, source: str, output: str | None) -> None:
    assert treatments.output_type(given, source) == (source if output is None else output)


@pytest.mark.parametrize(
    ("given", "source", "field"),
    [
        (spec("partial"), "jsonb", "kind"),
        (spec("partial"), "text[]", "kind"),
        (spec("partial"), "bytea", "kind"),
        (spec("date_truncate", unit="day"), "text", "kind"),
        (spec("date_truncate", unit="day"), "time without time zone", "kind"),
        (spec("date_truncate", unit="day"), "timestamp with time zone[]", "kind"),
        (spec("constant", value="n/a"), "jsonb", "kind"),
        (spec("constant", value="n/a"), "public.mood", "kind"),
        (spec("constant", value="n/a"), "character varying(2)", "value"),
        (spec("constant", value="32768"), "smallint", "value"),
        (spec("constant", value="07"), "integer", "value"),
        (spec("constant", value="100.00"), "numeric(4,2)", "value"),
        (spec("constant", value="1.0"), "numeric(4,2)", "value"),
        (spec("constant", value="1e3"), "numeric", "value"),
        (spec("constant", value="yes"), "boolean", "value"),
        (spec("constant", value="1970-02-30"), "date", "value"),
        (spec("constant", value="1970-01-01"), "timestamp without time zone", "value"),
        (spec("constant", value="nobody"), "uuid", "value"),
    ],
    ids=str,
)
def test_a_type_that_cannot_be_taken_is_refused_by_name(given: TreatmentSpec, source: str, field: str) -> None:
    with pytest.raises(Invalid) as invalid:
        treatments.output_type(given, source)
    assert source in invalid.value.sentence
    assert invalid.value.field == field


@pytest.mark.parametrize(
    ("given", "source", "most"),
    [
        (spec("pass"), "text", None),
        (spec("drop"), "text", 0),
        (spec("null"), "text", 0),
        (spec("redact"), "text", 10),
        (spec("constant", value="n/a"), "text", 3),
        (spec("token"), "character varying(5)", 36),
        (spec("partial", keep_last=4), "text", None),
        (spec("partial", keep_last=4), "character varying(12)", 12),
        (spec("partial", keep_last=4), "character(12)", 12),
        (spec("date_truncate", unit="day"), "date", None),
    ],
    ids=str,
)
def test_the_longest_output(given: TreatmentSpec, source: str, most: int | None) -> None:
    assert treatments.max_length(given, source) == most


@pytest.mark.parametrize(
    ("given", "phrase"),
    [
        (spec("pass"), "passed on unchanged"),
        (spec("drop"), "left out"),
        (spec("null"), "emptied: every value becomes NULL"),
        (spec("constant", value="n/a"), "replaced by the fixed value “n/a”"),
        (spec("redact"), "replaced by [redacted]"),
        (spec("token"), "replaced by a keyed token"),
        (spec("partial"), "every character masked"),
        (spec("partial", keep_last=4), "the last 4 characters stay readable"),
        (spec("partial", keep_first=1), "the first character stays readable"),
        (
            spec("partial", keep_first=2, keep_last=1),
            "the first 2 characters and the last character stay readable",
        ),
        (spec("partial", keep_domain=True), "the part after the last @ stays readable"),
        (
            spec("partial", keep_first=1, keep_domain=True),
            "the first character before the @ and the part after the last @ stay readable",
        ),
        (
            spec("partial", keep_first=1, keep_last=2, keep_domain=True),
            "the first character and the last 2 characters before the @ and the part after the last @ stay readable",
        ),
        (spec("date_truncate", unit="quarter"), "cut to the first day of the quarter"),
        (spec("date_truncate", unit="day"), "cut to the day"),
    ],
    ids=str,
)
def test_a_phrase_for_people(given: TreatmentSpec, phrase: str) -> None:
    assert treatments.describe(given) == phrase


def test_a_keyed_treatment_without_its_key_is_locked_and_a_short_key_is_no_key() -> None:
    with pytest.raises(Locked) as locked:
        treated(spec("token"), pa.array(["ann"]), key=None)
    assert locked.value.sentence == (
        "The treatment token needs its domain's key, and this process was started without it."
    )
    with pytest.raises(ValueError, match="a key has 32 bytes, not 16"):
        treated(spec("token"), pa.array(["ann"]), key=bytes(16))


def test_what_a_treatment_is_told_never_shows_its_key_or_its_neighbours() -> None:
    from apps.dataplane.treatments.base import Context

    context = Context({}, b"key-of-32-bytes", {"name": pa.array(["ann"])}, pa.array([1]))
    assert repr(context) == "Context(params={})"


YEAR, MONTH, DAY = (spec("date_truncate", unit=unit) for unit in ("year", "month", "day"))


@pytest.mark.parametrize(
    ("before", "after", "weaker"),
    [
        (spec("pass"), spec("pass"), False),
        (spec("pass"), spec("token"), False),
        (spec("pass"), spec("partial", keep_last=4), False),
        (spec("pass"), YEAR, False),
        (spec("token"), spec("pass"), True),
        (spec("redact"), spec("pass"), True),
        (spec("token"), spec("token"), False),
        (spec("token"), spec("partial", keep_last=4), True),
        (spec("token"), spec("partial"), True),
        (spec("partial", keep_last=4), spec("token"), True),
        (spec("token"), spec("redact"), False),
        (spec("redact"), spec("token"), True),
        (spec("redact"), spec("constant", value="x"), False),
        (spec("constant", value="x"), spec("redact"), False),
        (spec("constant", value="x"), spec("constant", value="y"), False),
        (spec("null"), spec("redact"), True),
        (spec("drop"), spec("constant", value="x"), True),
        (spec("redact"), spec("null"), False),
        (spec("redact"), spec("drop"), False),
        (spec("null"), spec("drop"), False),
        (spec("drop"), spec("null"), False),
        (spec("partial", keep_last=4), spec("partial", keep_last=4), False),
        (spec("partial", keep_last=4), spec("partial", keep_last=4, keep_first=0), False),
        (spec("partial", keep_last=4), spec("partial", keep_last=5), True),
        (spec("partial", keep_last=4), spec("partial", keep_last=2), True),
        (spec("partial", keep_last=4), spec("partial"), False),
        (spec("partial", keep_domain=True), spec("partial"), False),
        (spec("partial"), spec("partial", keep_domain=True), True),
        (spec("partial", keep_last=4), spec("redact"), False),
        (DAY, MONTH, False),
        (MONTH, YEAR, False),
        (YEAR, MONTH, True),
        (MONTH, MONTH, False),
        (MONTH, spec("null"), False),
        (MONTH, spec("token"), True),
        (spec("token"), YEAR, True),
    ],
    ids=str,
)
def test_what_is_not_provably_as_strong_is_weaker(before: TreatmentSpec, after: TreatmentSpec, weaker: bool) -> None:
    assert treatments.weaker(before, after) is weaker


def test_keeping_fewer_characters_can_show_more_of_a_short_value() -> None:
    four, two = spec("partial", keep_last=4), spec("partial", keep_last=2)
    short = pa.array(["1234"])
    assert [treated(given, short).to_pylist() for given in (four, two)] == [["****"], ["**34"]]
    assert treatments.weaker(four, two) is True
