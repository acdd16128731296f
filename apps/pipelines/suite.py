"""The page on which the checks of a pipeline are edited: a section for each stream, over what its rows have become."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from zlib import crc32

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.dataplane import definition as definitions
from apps.dataplane import lanes
from apps.dataplane.definition import MOST_RULES, PipelineDefinition, StreamDefinition
from apps.dataplane.errors import Invalid, Refusal
from apps.dataplane.plan import ColumnPlan, OutputCheck
from apps.dataplane.quality import exchange, suggesting, wording
from apps.dataplane.quality.catalogue import CATALOGUE, Expectation
from apps.dataplane.quality.checks import family, validate_check
from apps.dataplane.quality.exchange import Imported
from apps.dataplane.quality.suggesting import Suggestion
from apps.sources import selectors as sources

from . import drafting, formrows, planning, selectors
from .drafting import CHECKS, Draft
from .formfields import Choice, Row
from .meanwhile import Meanwhile
from .models import Pipeline
from .planning import Planned

_ACT = re.compile(r"(add|accept|accept-all):(\d{1,3})(?::([0-9a-f]{8}))?")
SAMPLES: Mapping[str, Any] = {
    "column": "email", "columns": ["day", "flight"], "names": ["id", "email"], "share": "0.99", "number": 100,
    "integer": 100, "bound": 100, "values": ["open", "closed"], "regex": "^[A-Z]{2}[0-9]+$", "text": "email",
    "regexes": ["^[A-Z]{2}$", "^[0-9]+$"], "choice": "any", "boolean": False,
}  # fmt: skip


@dataclass(frozen=True)
class Section:
    """One stream: what it writes, its checks, what its profile suggests."""

    index: int
    stream: StreamDefinition
    columns: tuple[Choice, ...]
    refused: int
    rows: tuple[Row, ...] = ()
    suggestions: tuple[tuple[str, Suggestion], ...] = ()
    profiled: bool = False
    dataset_id: UUID | None = None

    @property
    def types(self) -> dict[str, str]:
        return {column.name: column.type for column in self.columns}


@dataclass(frozen=True)
class Told:
    """One check in words, and why it could not be evaluated; `place` is its fields' name."""

    place: str
    stream: str
    words: str
    severity: str
    problem: str = ""
    remedy: str = ""
    link: str = ""


@dataclass
class Suite:
    """One state of the page. `base` is the version that it was opened on, `at` the check that somebody works at."""

    pipeline: Pipeline
    definition: PipelineDefinition
    base: int
    checks: list[Draft]
    planned: Mapping[str, Planned]
    reason: str = ""
    import_text: str = ""
    import_stream: str = ""
    imported: Imported | None = None
    added: int = 0
    error: str = ""
    wrong: str = ""
    at: str = ""
    meanwhile: Meanwhile | None = None
    _profiles: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    _datasets: dict[str, UUID | None] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The active definition with these checks; whether it is valid is for the parser to say."""
        document = definitions.as_document(self.definition)
        draft = {drafting.STREAMS: document["streams"], CHECKS: self.checks}
        return {**document, CHECKS: drafting.complete(draft)[CHECKS]}


def begin(pipeline: Pipeline) -> Suite:
    """The suite of the active version."""
    definition = selectors.definition_of(pipeline)
    planned = planning.stored_plan(planning.wiring_of(pipeline))
    checks = definitions.as_document(definition)[CHECKS]
    return Suite(pipeline, definition, pipeline.active_version, copy.deepcopy(checks), planned)


def posted(pipeline: Pipeline, data: QueryDict) -> Suite:
    """The page as it was sent, after the act that its button asks for."""
    suite = begin(pipeline)
    suite.checks = drafting.read_checks(data)
    base = data.get("base", "")
    suite.base = int(base) if base.isascii() and base.isdecimal() and len(base) < 9 else 0
    suite.reason, suite.at = data.get("reason", ""), data.get("at", "")
    suite.import_text, suite.import_stream = data.get("import_text", ""), data.get("import_stream", "")
    act = data.get("act", "")
    if act == "import":
        take(suite, suite.import_stream, suite.import_text)
    elif act.startswith("remove:"):
        suite.checks = drafting.act({drafting.STREAMS: [], CHECKS: suite.checks}, act)[CHECKS]
    elif found := _ACT.fullmatch(act):
        _act(suite, found[1], int(found[2]), found[3] or "", data)
    return suite


def _act(suite: Suite, verb: str, index: int, key: str, data: QueryDict) -> None:
    streams = suite.definition.streams
    if index >= len(streams) or len(suite.checks) >= MOST_RULES:
        return
    name = streams[index].name
    if verb == "add":
        kind = data.get(f"new.{index}", "")
        fresh = {"id": "", "stream": name, "expectation": kind if kind in CATALOGUE else drafting.NOT_NULL}
        suite.checks.append({**fresh, "kwargs": {}, "severity": "ERROR"})
        return
    offered = suggestions(suite, streams[index])
    taken = [one for found, one in offered if verb == "accept-all" or found == key]
    for one in taken[: MOST_RULES - len(suite.checks)]:
        _join(suite, _document(one.check))


def take(suite: Suite, name: str, text: str) -> None:
    """Import: what can be evaluated joins the checks; what can not is told with its line, and the text stays."""
    streams = {stream.name: stream for stream in suite.definition.streams}
    stream = streams.get(name) or suite.definition.streams[0]
    types = {column.name: column.type for column in staged(suite.planned.get(stream.name, ()))}
    try:
        suite.imported = exchange.read(text, stream=stream.name, columns=types or None)
    except Invalid as problem:
        suite.error, suite.wrong = f"{problem.sentence} {problem.remedy}".strip(), "import_text"
        return
    held = [_alike(check) for check in suite.checks]
    ids = {check["id"] for check in suite.checks if check["stream"] == stream.name}
    for taken in suite.imported.checks:
        entry = _document(taken.check)
        if _alike(entry) not in held:
            entry["id"] = "" if entry["id"] in ids else entry["id"]
            _join(suite, entry)
            held.append(_alike(entry))
            ids.add(entry["id"])
            suite.added += 1
    if not suite.imported.refused:
        suite.import_text = ""


def _join(suite: Suite, entry: Draft) -> None:
    """A check that is complete gets its id at once."""
    suite.checks.append(entry)
    entry["id"] = drafting.complete({drafting.STREAMS: [], CHECKS: suite.checks})[CHECKS][-1]["id"]


def _alike(check: Mapping[str, Any]) -> tuple[Any, ...]:
    return check["stream"], check["expectation"], repr(sorted(check["kwargs"].items())), check["severity"]


def _document(check: OutputCheck) -> Draft:
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in check.kwargs.items()}
    entry = {"id": check.id, "stream": check.stream, "expectation": check.expectation, "kwargs": given}
    return {**entry, "severity": check.severity}


def staged(planned: Planned) -> tuple[Choice, ...]:
    """The columns that reach the gate."""
    found = []
    for column in planned:
        if isinstance(column, ColumnPlan) and not column.dropped:
            type_ = lanes.duckdb_type(column.destination_type)
            found.append(Choice(column.destination, type_, family(type_), str(column.treatment)))
    return tuple(found)


def sections(suite: Suite) -> list[Section]:
    """The page, stream by stream."""
    found, columns_of = [], {name: staged(planned) for name, planned in suite.planned.items()}
    drawn = formrows.checks(suite.checks, lambda name: columns_of.get(name, ()))
    for index, stream in enumerate(suite.definition.streams):
        planned = suite.planned.get(stream.name, ())
        columns = columns_of.get(stream.name, ())
        refused = sum(1 for column in planned if isinstance(column, Refusal))
        rows = [row for row in drawn if row.item["stream"] == stream.name]
        offered = suggestions(suite, stream)
        profiled = suite._profiles.get(stream.name) is not None
        dataset = suite._datasets.get(stream.name)
        found.append(Section(index, stream, columns, refused, tuple(rows), tuple(offered), profiled, dataset))
    return found


def suggestions(suite: Suite, stream: StreamDefinition) -> list[tuple[str, Suggestion]]:
    """What the profile of the source table suggests beyond what is checked; each with a key to accept it by."""
    if stream.name not in suite._profiles:
        dataset = sources.dataset_at(suite.pipeline.source_id, stream.source)
        suite._datasets[stream.name] = dataset.id if dataset else None
        profile = sources.profile_of(dataset.id) if dataset else None
        suite._profiles[stream.name] = profile.body if profile else None
    body = suite._profiles[stream.name]
    if not body:
        return []
    columns = [column for column in suite.planned.get(stream.name, ()) if isinstance(column, ColumnPlan)]
    held = [OutputCheck("", one["stream"], one["expectation"], one["kwargs"]) for one in suite.checks]
    left_out = bool(stream.filters) or stream.mode != "replace"
    found = suggesting.suggest(stream.name, body, columns, filtered=left_out, held=held)
    return [(_key_of(one), one) for one in found]


def _key_of(one: Suggestion) -> str:
    return f"{crc32(repr((one.check.expectation, sorted(one.check.kwargs.items()))).encode()):08x}"


def told(suite: Suite) -> list[Told]:
    """Every check in words, table by table, with what is wrong with it."""
    types = {name: {c.name: c.type for c in staged(planned)} for name, planned in suite.planned.items()}
    order = {stream.name: index for index, stream in enumerate(suite.definition.streams)}
    found = [_told(f"{CHECKS}.{index}", one, types.get(one["stream"])) for index, one in enumerate(suite.checks)]
    return sorted(found, key=lambda one: order.get(one.stream, len(order)))


def _told(place: str, check: Draft, types: Mapping[str, str] | None) -> Told:
    words = wording.check_in_words(check["expectation"], check["kwargs"]) or check["expectation"]
    plain = Told(place, check["stream"], words, check["severity"])
    if not types:
        return plain
    one = OutputCheck(check["id"], check["stream"], check["expectation"], check["kwargs"], check["severity"])
    try:
        validate_check(one, types)
    except Invalid as problem:
        link = f"{place}.{problem.field or 'expectation'}"
        return Told(place, plain.stream, words, plain.severity, _plainly(problem.sentence, check), problem.remedy, link)
    return plain


def _plainly(sentence: str, check: Draft) -> str:
    """With the labels of the form in place of the names that a definition uses."""
    if check["expectation"] not in CATALOGUE:
        return sentence
    expectation = CATALOGUE[check["expectation"]]
    for name, label in [(one.name, one.label) for one in expectation.parameters] + [
        (expectation.type, expectation.title)
    ]:
        sentence = sentence.replace(f'"{name}"', f'"{label}"')
    return sentence


def require_evaluable(suite: Suite) -> None:
    """Raises Invalid, naming the place, for the first check that could not be evaluated on staged data."""
    for one in told(suite):
        if one.problem:
            raise Invalid(f"{one.words}: {one.problem}", remedy=one.remedy, field=one.link)


def export(pipeline: Pipeline, stream: str) -> str:
    """The checks of one stream of the active version as a suite of Great Expectations."""
    definition = selectors.definition_of(pipeline)
    return exchange.as_suite(f"{pipeline.slug}.{stream}", stream, definition.output_checks)


@dataclass(frozen=True)
class Kind:
    """An expectation to choose: what it is called and what it would say."""

    type: str
    title: str
    example: str


def kinds() -> list[tuple[str, list[Kind]]]:
    """What can be checked, in groups."""
    groups: dict[str, list[Kind]] = {}
    for one in CATALOGUE.values():
        groups.setdefault(str(_group(one)), []).append(Kind(one.type, one.title, example(one)))
    return list(groups.items())


def example(expectation: Expectation) -> str:
    """A sentence as this check would say it."""
    given = {one.name: SAMPLES.get(one.kind) if one.default is None else one.default for one in expectation.parameters}
    given |= {"mostly": "0.99"} if "mostly" in given else {}
    given |= {"min_value": "0.1"} if _is_share(expectation) else {"min_value": 1} if "min_value" in given else {}
    given |= {"max_value": "0.9"} if _is_share(expectation) else {}
    given |= {"column_A": "arrival", "column_B": "departure"} if "column_A" in given else {}
    return wording.check_in_words(expectation.type, given)


def _is_share(expectation: Expectation) -> bool:
    return any(one.name == "min_value" and one.kind == "share" for one in expectation.parameters)


def _group(one: Expectation) -> Any:
    if one.type.startswith("expect_table") or one.type == "expect_column_to_exist":
        return gettext_lazy("The whole table")
    if any(parameter.name in ("column_A", "column_list") for parameter in one.parameters):
        return gettext_lazy("Several columns")
    if one.shows != "share":
        return gettext_lazy("Figures of a column")
    texts = any(parameter.families == ("text",) for parameter in one.parameters)
    return gettext_lazy("Texts of a column") if texts else gettext_lazy("Values of a column")


def waiting(sections_: Sequence[Section]) -> str:
    """Why nothing is judged yet; empty where every table is known."""
    unknown = [section.stream.source for section in sections_ if not section.columns]
    if not unknown:
        return ""
    return _("%(table)s is not known from the last discovery, so its checks are judged when it is.") % {
        "table": unknown[0]
    }
