"""partial: a few characters stay readable, every other becomes `*`; the length stays, empty text becomes one `*`."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from apps.dataplane.plan import TreatmentSpec

from .base import Context, Parameter, Params, Treatment, declared_length, refuse_type
from .columns import as_text, count_failing

_MASK = "*"
# What may stand after the @: a host name. Anything else behind an @ is text that nobody meant to keep.
_DOMAIN = r"(?:[\p{L}\p{N}\p{M}_-]+\.)*\p{L}[\p{L}\p{N}\p{M}-]*"
_KEPT_TYPES = r"text|character varying(\(\d+\))?"
_AS_TEXT = r"character\(\d+\)|citext|smallint|integer|bigint|numeric(\(\d+,\d+\))?|uuid"


class Partial(Treatment):
    kind = "partial"
    parameters = {
        "keep_first": Parameter("count", "Characters that stay readable at the start", default=0, most=100),
        "keep_last": Parameter("count", "Characters that stay readable at the end", default=0, most=100),
        "keep_domain": Parameter("switch", "Keep what follows the last @", default=False),
    }

    def apply(self, column: pa.Array, context: Context) -> pa.Array:
        text, params = as_text(column, self.kind), context.params
        if not params["keep_domain"]:
            return _mask(text, params["keep_first"], params["keep_last"])
        local, domain = _split(text)
        masked = _mask(local, params["keep_first"], params["keep_last"])
        is_address = pc.and_(pc.not_equal(local, ""), pc.match_substring_regex(domain, rf"\A{_DOMAIN}\z"))
        return pc.if_else(is_address, pc.binary_join_element_wise(masked, domain, "@"), _mask(text, 0, 0))

    def output_type(self, params: Params, source_type: str) -> str:
        if re.fullmatch(_KEPT_TYPES, source_type):
            return source_type
        if re.fullmatch(_AS_TEXT, source_type):
            return "text"
        raise refuse_type(self.kind, source_type, "text, whole numbers, numeric and uuid")

    def max_length(self, params: Params, source_type: str) -> int | None:
        return declared_length(source_type)

    def looks_treated(self, params: Params, column: pa.Array) -> str | None:
        staged = as_text(column, self.kind)
        kept = rf".{{{params['keep_first']}}}\*+.{{{params['keep_last']}}}"
        shown = rf"(?:\*+|{kept})@{_DOMAIN}" if params["keep_domain"] else kept
        holds = pc.match_substring_regex(staged, rf"(?s)\A(?:\*+|{shown})\z")
        return count_failing(staged, holds, "are not masked except for what may stay readable")

    def describe(self, params: Params) -> str:
        ends = [f"the {end} {_characters(params[name])}" for end, name in _ENDS if params[name]]
        domain = ["the part after the last @"] if params["keep_domain"] else []
        several = len(ends) + len(domain) > 1 or any(params[name] > 1 for _, name in _ENDS)
        if not ends and not domain:
            return "every character masked"
        before = [f"{ends[-1]} before the @"] if ends and domain else ends[-1:]
        return f"{' and '.join(ends[:-1] + before + domain)} {'stay' if several else 'stays'} readable"

    def covers(self, params: Params, before: TreatmentSpec, before_params: Params) -> bool:
        # Keeping fewer characters is no proof: of `1234`, keep_last=4 shows nothing and keep_last=2 shows `34`.
        keeps_nothing = not any(params.values())
        return keeps_nothing and before.kind == self.kind and before.version == self.version


_ENDS = (("first", "keep_first"), ("last", "keep_last"))


def _characters(count: int) -> str:
    return "character" if count == 1 else f"{count} characters"


def _split(text: pa.Array) -> tuple[pa.Array, pa.Array]:
    """What stands before and after the last @; both empty where there is none."""
    pieces = pc.split_pattern(text, "@", max_splits=1, reverse=True)
    nothing = pa.scalar(["", ""], pa.list_(pa.string()))
    pairs = pc.if_else(pc.equal(pc.list_value_length(pieces), 2), pieces, nothing)
    return pc.list_element(pairs, 0), pc.list_element(pairs, 1)


def _mask(text: pa.Array, first: int, last: int) -> pa.Array:
    length = pc.utf8_length(text)
    long_enough = pc.greater(length, first + last)
    all_masked = pc.binary_repeat(_MASK, pc.max_element_wise(length, 1, skip_nulls=False))
    if not first and not last:
        return all_masked
    start = pc.utf8_slice_codeunits(text, 0, first) if first else ""
    end = pc.utf8_slice_codeunits(text, -last) if last else ""
    middle = pc.binary_repeat(_MASK, pc.max_element_wise(pc.subtract(length, first + last), 0, skip_nulls=False))
    return pc.if_else(long_enough, pc.binary_join_element_wise(start, middle, end, ""), all_masked)
