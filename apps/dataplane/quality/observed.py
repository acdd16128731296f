"""What a check observed, as a short text that holds no value of a row."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal

from apps.dataplane.plan import OutputCheck

from .catalogue import CATALOGUE
from .checks import share
from .parameters import number

_MOST_PLACES = 9


def sentence(
    check: OutputCheck, success: bool, *, unexpected: int | None, total: int | None, observed: float | int | None
) -> str:
    """Such as `99.2 % of 1,000 rows, limit 99 %`."""
    expectation = CATALOGUE[check.expectation]
    match expectation.shows:
        case "share":
            return _share(total or 0, unexpected or 0, share(check))
        case "count":
            noun = expectation.noun.removesuffix("s") if observed == 1 else expectation.noun
            return f"{int(observed or 0):,} {noun}, limit {_limits(check)}"
        case "proportion":
            bounds = [number(check.kwargs[name]) for name in ("min_value", "max_value") if name in check.kwargs]
            found = _rounded(Decimal(str(observed or 0)), [bound for bound in bounds if bound is not None])
            return f"{found} of {expectation.noun}, limit {_limits(check, percent=True)}"
        case "statistic":
            return f"the {expectation.noun} is {'within' if success else 'outside'} the limit of {_limits(check)}"
        case _:
            return "the columns are as expected" if success else "the columns are not as expected"


def measured(
    check: OutputCheck, *, unexpected: int | None, total: int | None, observed: float | int | None
) -> Decimal | None:
    """The same as a number, for its course over time: a share (0 to 1) or a count; None where a value would be told."""
    match CATALOGUE[check.expectation].shows:
        case "share":
            return _kept(Decimal(total - (unexpected or 0)) / total) if total else None
        case "count" | "proportion":
            return None if observed is None else _kept(Decimal(str(observed)))
        case _:
            return None


def limits(check: OutputCheck) -> tuple[Decimal | None, Decimal | None]:
    """The least and the most that `measured` may be."""
    match CATALOGUE[check.expectation].shows:
        case "share":
            return _kept(share(check)), None
        case "count" | "proportion":
            given = check.kwargs
            pair = (given.get("min_value", given.get("value")), given.get("max_value", given.get("value")))
            low, high = (None if one is None else number(one) for one in pair)
            return (None if low is None else _kept(low)), (None if high is None else _kept(high))
        case _:
            return None, None


def _kept(exact: Decimal) -> Decimal | None:
    """To nine places; None for what no column of a table holds."""
    return exact.quantize(Decimal(1).scaleb(-_MOST_PLACES)) if abs(exact) < Decimal(10) ** 18 else None


def nothing_to_measure(check: OutputCheck) -> str:
    """For a column without a single value."""
    return f"there are no values to take the {CATALOGUE[check.expectation].noun} of, limit {_limits(check)}"


def _share(total: int, unexpected: int, limit: Decimal) -> str:
    if not total:
        return f"no rows to check, limit {_percent(limit)}"
    found = _rounded(Decimal(total - unexpected) / Decimal(total), [limit])
    return f"{found} of {total:,} rows, limit {_percent(limit)}"


def _rounded(ratio: Decimal, limits: Sequence[Decimal]) -> str:
    """Rounded down, with as many decimals as it takes to stand on its true side of every limit."""
    shown = ratio
    for places in range(3, _MOST_PLACES + 1):
        shown = ratio.quantize(Decimal(1).scaleb(-places), rounding=ROUND_FLOOR)
        if all(shown.compare(limit) == ratio.compare(limit) for limit in limits):
            break
    return _percent(shown)


def _percent(ratio: Decimal) -> str:
    return f"{_plain(ratio * 100)} %"


def _limits(check: OutputCheck, *, percent: bool = False) -> str:
    if "value" in check.kwargs:
        return f"exactly {_bound(check.kwargs['value'], percent)}"
    named = (("min_value", "strict_min", "at least", "more than"), ("max_value", "strict_max", "at most", "less than"))
    parts = [
        f"{strictly if check.kwargs.get(strict) else plainly} {_bound(check.kwargs[name], percent)}"
        for name, strict, plainly, strictly in named
        if check.kwargs.get(name) is not None
    ]
    return " and ".join(parts)


def _bound(value: object, percent: bool) -> str:
    exact = number(value)
    if exact is None:
        return str(value)
    return _percent(exact) if percent else _plain(exact)


def _plain(exact: Decimal) -> str:
    text = f"{exact:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
