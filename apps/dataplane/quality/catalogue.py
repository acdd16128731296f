"""The expectations that the gate evaluates, with their parameters, and why the others are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .parameters import Parameter

Shows = Literal["share", "count", "proportion", "statistic", "schema"]
Bound = Literal["number", "bound", "integer", "share"]

MOSTLY = Parameter(
    "mostly", "share", "Share of rows that must hold", default="1", help='For example 99 %; in a definition "0.99".'
)
_BOUNDS_HELP = "A bound of the column's own kind, such as 10, 0.5 or 2024-02-29; or leave it out."


@dataclass(frozen=True)
class Expectation:
    """One Great Expectations expectation type.

    `noun` completes "99.2 % of 1,000 …" or "the … is outside the limit". `shows` decides what is told of a result:
    a share of rows, a count, a proportion, a statistic (never its value: a column's largest value is a row's value), or
    whether the schema fits. `fixed` are arguments that we decide.
    """

    type: str
    title: str
    parameters: tuple[Parameter, ...]
    shows: Shows
    noun: str = "rows"
    fixed: Mapping[str, str] = field(default_factory=dict)
    needs_bound: bool = False


def _column(*families: str, name: str = "column", label: str = "Column") -> Parameter:
    return Parameter(name, "column", label, required=True, families=families, help="Choose a column of the table.")


def _columns(minimum: int) -> Parameter:
    text = f"Choose at least {minimum} columns of the table."
    return Parameter("column_list", "columns", "Columns", required=True, minimum=minimum, help=text)


def _range(kind: Bound, *, minimum: int | None = None) -> tuple[Parameter, ...]:
    return (
        Parameter("min_value", kind, "At least", minimum=minimum, help=_BOUNDS_HELP),
        Parameter("max_value", kind, "At most", minimum=minimum, help=_BOUNDS_HELP),
    )


_STRICT = (
    Parameter("strict_min", "boolean", "The lower bound itself is outside", default=False),
    Parameter("strict_max", "boolean", "The upper bound itself is outside", default=False),
)
_ORDERED = ("number", "date", "timestamp")
_VALUES_HELP = "Enter one value a line."
_PATTERN_HELP = "Enter a regular expression (RE2); it may match anywhere in the value unless anchored by ^ and $."
_VALUES = Parameter("value_set", "values", "Values", required=True, help=_VALUES_HELP)
_REGEX = Parameter("regex", "regex", "Pattern", required=True, help=_PATTERN_HELP)
_REGEXES = Parameter("regex_list", "regexes", "Patterns", required=True, help=_PATTERN_HELP)
_MATCH_ON = Parameter("match_on", "choice", "A value must match", choices=("any", "all"), default="any")
_EITHER = {"ignore_row_if": "either_value_is_missing"}
_ANY = {"ignore_row_if": "any_value_is_missing"}


def _statistic(name: str, title: str, noun: str, *families: str) -> Expectation:
    kind: Bound = "bound" if "date" in families else "number"
    parameters = (_column(*families), *_range(kind), *_STRICT)
    return Expectation(f"expect_column_{name}_to_be_between", title, parameters, "statistic", noun, needs_bound=True)


_LISTED = (
    Expectation("expect_column_values_to_not_be_null", "Values are present", (_column(), MOSTLY), "share"),
    Expectation("expect_column_values_to_be_null", "Values are absent", (_column(), MOSTLY), "share"),
    Expectation("expect_column_values_to_be_unique", "Values are unique", (_column(), MOSTLY), "share"),
    Expectation("expect_column_values_to_be_in_set", "Values are on a list", (_column(), _VALUES, MOSTLY), "share"),
    Expectation(
        "expect_column_values_to_not_be_in_set", "Values are not on a list", (_column(), _VALUES, MOSTLY), "share"
    ),
    Expectation(
        "expect_column_values_to_be_between",
        "Values lie between bounds",
        (_column(*_ORDERED), *_range("bound"), *_STRICT, MOSTLY),
        "share",
        needs_bound=True,
    ),
    Expectation(
        "expect_column_values_to_match_regex", "Values match a pattern", (_column("text"), _REGEX, MOSTLY), "share"
    ),
    Expectation(
        "expect_column_values_to_not_match_regex",
        "Values do not match a pattern",
        (_column("text"), _REGEX, MOSTLY),
        "share",
    ),
    Expectation(
        "expect_column_values_to_match_regex_list",
        "Values match patterns",
        (_column("text"), _REGEXES, _MATCH_ON, MOSTLY),
        "share",
    ),
    Expectation(
        "expect_column_values_to_not_match_regex_list",
        "Values match none of several patterns",
        (_column("text"), _REGEXES, MOSTLY),
        "share",
    ),
    Expectation(
        "expect_column_value_lengths_to_be_between",
        "Lengths lie between bounds",
        (_column("text"), *_range("integer", minimum=0), MOSTLY),
        "share",
        needs_bound=True,
    ),
    Expectation(
        "expect_column_value_lengths_to_equal",
        "Lengths are equal",
        (_column("text"), Parameter("value", "integer", "Characters", required=True, minimum=0), MOSTLY),
        "share",
    ),
    Expectation(
        "expect_column_pair_values_to_be_equal",
        "Two columns are equal",
        (_column(name="column_A", label="Column"), _column(name="column_B", label="Equals"), MOSTLY),
        "share",
        fixed=_EITHER,
    ),
    Expectation(
        "expect_column_pair_values_a_to_be_greater_than_b",
        "One column is greater than another",
        (
            _column(*_ORDERED, name="column_A", label="Column"),
            _column(*_ORDERED, name="column_B", label="Is greater than"),
            Parameter("or_equal", "boolean", "Or equal", default=False),
            MOSTLY,
        ),
        "share",
        fixed=_EITHER,
    ),
    Expectation(
        "expect_compound_columns_to_be_unique",
        "Columns together are unique",
        (_columns(2), MOSTLY),
        "share",
        fixed=_ANY,
    ),
    Expectation(
        "expect_select_column_values_to_be_unique_within_record",
        "Columns of one row differ from each other",
        (_columns(2), MOSTLY),
        "share",
        fixed=_ANY,
    ),
    _statistic("min", "The smallest value lies between bounds", "smallest value", *_ORDERED),
    _statistic("max", "The largest value lies between bounds", "largest value", *_ORDERED),
    _statistic("mean", "The mean lies between bounds", "mean", "number"),
    _statistic("median", "The median lies between bounds", "median", "number"),
    _statistic("sum", "The sum lies between bounds", "sum", "number"),
    _statistic("stdev", "The standard deviation lies between bounds", "standard deviation", "number"),
    Expectation(
        "expect_column_unique_value_count_to_be_between",
        "The number of distinct values lies between bounds",
        (_column(), *_range("integer", minimum=0)),
        "count",
        "distinct values",
        needs_bound=True,
    ),
    Expectation(
        "expect_column_proportion_of_unique_values_to_be_between",
        "The share of distinct values lies between bounds",
        (_column(), *_range("share"), *_STRICT),
        "proportion",
        "values are distinct",
        needs_bound=True,
    ),
    Expectation(
        "expect_column_proportion_of_non_null_values_to_be_between",
        "The share of present values lies between bounds",
        (_column(), *_range("share"), *_STRICT),
        "proportion",
        "values are present",
        needs_bound=True,
    ),
    Expectation(
        "expect_table_row_count_to_be_between",
        "The number of rows lies between bounds",
        _range("integer", minimum=0),
        "count",
        "rows",
        needs_bound=True,
    ),
    Expectation(
        "expect_table_row_count_to_equal",
        "The number of rows is known",
        (Parameter("value", "integer", "Rows", required=True, minimum=0),),
        "count",
        "rows",
    ),
    Expectation(
        "expect_table_column_count_to_equal",
        "The number of columns is known",
        (Parameter("value", "integer", "Columns", required=True, minimum=1),),
        "count",
        "columns",
    ),
    Expectation(
        "expect_table_columns_to_match_set",
        "The columns are known",
        (
            Parameter("column_set", "names", "Columns", required=True, help="Enter one column a line."),
            Parameter("exact_match", "boolean", "No further columns", default=True),
        ),
        "schema",
    ),
    Expectation(
        "expect_table_columns_to_match_ordered_list",
        "The columns are known, in order",
        (Parameter("column_list", "names", "Columns", required=True, help="Enter one column a line."),),
        "schema",
    ),
    Expectation(
        "expect_column_to_exist",
        "A column exists",
        (Parameter("column", "text", "Column", required=True, help="Enter the column's name."),),
        "schema",
    ),
)
CATALOGUE: Mapping[str, Expectation] = {expectation.type: expectation for expectation in _LISTED}

_TYPES = ("staged columns are text until they are published", "Leave it out: every run compares the column types.")
_ORDER = ("staged rows have no order", "Check the order where the rows are read, by a rule on the source.")
_PARSE = ("Great Expectations cannot evaluate it in SQL", "Use a row check of kind matches on the source column.")
_TELLS = ("its result would carry values of rows", "Use expect_column_values_to_be_in_set.")
_STATS = ("it is not proven on staged data", "Check mean, median and standard deviation instead.")
_QUERY = ("it runs SQL of its own", "Use the expectations of the catalogue, or a settle rule.")
_LIKE = ("its pattern language differs between databases", "Use expect_column_values_to_match_regex.")
_SEVERAL = ("it is not proven on staged data", "Check the columns in pairs, or one by one.")

UNSUPPORTED: Mapping[str, tuple[str, str]] = {
    "expect_column_values_to_be_of_type": _TYPES,
    "expect_column_values_to_be_in_type_list": _TYPES,
    "expect_column_type_to_be": _TYPES,
    "expect_column_values_to_be_increasing": _ORDER,
    "expect_column_values_to_be_decreasing": _ORDER,
    "expect_column_values_to_match_strftime_format": _PARSE,
    "expect_column_values_to_be_dateutil_parseable": _PARSE,
    "expect_column_values_to_be_json_parseable": _PARSE,
    "expect_column_values_to_match_json_schema": _PARSE,
    "expect_column_distinct_values_to_be_in_set": _TELLS,
    "expect_column_distinct_values_to_contain_set": _TELLS,
    "expect_column_distinct_values_to_equal_set": _TELLS,
    "expect_column_most_common_value_to_be_in_set": _TELLS,
    "expect_column_pair_values_to_be_in_set": _TELLS,
    "expect_column_quantile_values_to_be_between": _STATS,
    "expect_column_value_z_scores_to_be_less_than": _STATS,
    "expect_column_values_to_not_be_outliers": _STATS,
    "expect_column_kl_divergence_to_be_less_than": _STATS,
    "expect_column_chisquare_test_p_value_to_be_greater_than": _STATS,
    "expect_column_bootstrapped_ks_test_p_value_to_be_greater_than": _STATS,
    "expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than": _STATS,
    "expect_column_pair_cramers_phi_value_to_be_less_than": _STATS,
    "expect_multicolumn_sum_to_equal": _SEVERAL,
    "expect_multicolumn_values_to_be_equal": _SEVERAL,
    "expect_multicolumn_values_to_be_unique": (
        "Great Expectations has deprecated it",
        "Use expect_select_column_values_to_be_unique_within_record.",
    ),
    "expect_column_values_to_match_like_pattern": _LIKE,
    "expect_column_values_to_match_like_pattern_list": _LIKE,
    "expect_column_values_to_not_match_like_pattern": _LIKE,
    "expect_column_values_to_not_match_like_pattern_list": _LIKE,
    "expect_table_column_count_to_be_between": ("a plan fixes the columns", "Use expect_table_column_count_to_equal."),
    "expect_table_row_count_to_equal_other_table": _QUERY,
    "expect_query_results_to_match_comparison": _QUERY,
    "unexpected_rows_expectation": _QUERY,
}
