"""Columns and their classification as a sheet: CSV that opens safely in a spreadsheet, and comes back line by line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.utils.translation import gettext as _

from apps.core import spreadsheet
from apps.dataplane.classify import NONE
from apps.dataplane.errors import Invalid

from .column_batches import Decision
from .definition import KNOWN_TAGS
from .selectors import ColumnCard, Tags

HEADER = ("connection", "schema", "table", "column", "type", "classification", "suggestion", "confidence", "reason")
NEEDED = ("schema", "table", "column", "classification")
UNCLASSIFIED = "unclassified"
MOST_BYTES = 5 * 1024 * 1024
MOST_LINES = 25_000
MOST_PROBLEMS = 50
LONGEST_CELL = 2_000

if TYPE_CHECKING:
    from _csv import Reader

Name = tuple[str, str, str, str]


@dataclass(frozen=True)
class Problem:
    """A line that cannot be taken, and what to do; line 1 is the header."""

    line: int
    sentence: str
    remedy: str = ""


@dataclass(frozen=True)
class Sheet:
    """What a sheet decides: by line, the column (connection may be empty) and its tags; `problems` where it is none."""

    lines: tuple[tuple[int, Name, Tags], ...]
    problems: tuple[Problem, ...]
    encoding: str
    delimiter: str


def written(cards: Iterable[ColumnCard]) -> str:
    """The sheet of these columns, with a byte order mark, so that a spreadsheet reads it as UTF-8."""
    text = io.StringIO()
    sheet = csv.writer(text, lineterminator="\r\n")
    sheet.writerow(HEADER)
    for card in cards:
        sheet.writerow([safe(cell) for cell in _cells(card)])
    return "\ufeff" + text.getvalue()


def safe(cell: str) -> str:
    """A cell that no spreadsheet computes; `plain` gives it back as it was."""
    return f"'{cell}" if cell.startswith("'") else spreadsheet.cell(cell)


def plain(cell: str) -> str:
    """`safe` taken back."""
    return cell[1:] if cell.startswith("'") and safe(cell[1:]) == cell else cell


def read(data: bytes) -> Sheet:
    """The decisions of a sheet. Raises Invalid, field `sheet`, where it is none at all; single lines are problems."""
    if len(data) > MOST_BYTES:
        raise _unreadable(
            _("The file is larger than %(most)s MiB.") % {"most": MOST_BYTES // 1024 // 1024},
            _("Filter the columns, export those, and upload the sheet in parts."),
        )
    text, encoding = _decoded(data)
    delimiter = _delimiter(text)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [cell.strip().strip("\ufeff").lower() for cell in next(lines, [])]
        places = _places(header)
        found = _lines(lines, places)
    except csv.Error as error:
        raise _unreadable(
            _("Line %(line)s is no CSV: %(why)s.") % {"line": lines.line_num, "why": error},
            _("Check the quotes of that line, or export it from the spreadsheet again as CSV."),
        ) from None
    return Sheet(*found, encoding, delimiter)


def compared(sheet: Sheet, cards: Sequence[ColumnCard]) -> tuple[tuple[Decision, ...], tuple[Problem, ...]]:
    """What the sheet would change among these columns, and the lines that name none or several of them."""
    by_name: dict[tuple[str, str, str], list[ColumnCard]] = {}
    for card in cards:
        by_name.setdefault(_named(card), []).append(card)
    decisions, problems = [], list(sheet.problems)
    seen: dict[UUID, int] = {}
    for line, (connection, *name), tags in sheet.lines:
        named = by_name.get((name[0], name[1], name[2]), [])
        fits = [card for card in named if connection in ("", *_connection(card))]
        problem = _problem(line, ".".join(name), connection, fits, seen)
        if problem:
            problems.append(problem)
            continue
        seen[fits[0].column.id] = line
        if tags != fits[0].tags:
            decisions.append(Decision(fits[0], tags))
    return tuple(decisions), tuple(sorted(problems, key=lambda one: one.line))


def _problem(
    line: int, name: str, connection: str, fits: Sequence[ColumnCard], seen: Mapping[UUID, int]
) -> Problem | None:
    if not fits:
        where = _(" in connection %(connection)s") % {"connection": connection} if connection else ""
        return Problem(
            line,
            _("There is no column %(name)s%(where)s, or none that you may see.") % {"name": name, "where": where},
            _("Export the sheet again, or discover the connection."),
        )
    if len(fits) > 1:
        return Problem(
            line,
            _("%(name)s exists in several connections.") % {"name": name},
            _("Name one in the column “connection”: %(names)s.")
            % {"names": ", ".join(sorted({_connection(card)[0] for card in fits}))},
        )
    before = seen.get(fits[0].column.id)
    if before:
        return Problem(
            line,
            _("%(name)s stands in line %(before)s already.") % {"name": name, "before": before},
            _("Leave one of the two lines out."),
        )
    return None


def _lines(rows: Reader, places: Mapping[str, int]) -> tuple[tuple[tuple[int, Name, Tags], ...], tuple[Problem, ...]]:
    lines: list[tuple[int, Name, Tags]] = []
    problems: list[Problem] = []
    for row in rows:
        # A cell may hold line breaks: the reader knows in which line of the file it ended.
        number = rows.line_num
        if number > MOST_LINES + 1:
            raise _unreadable(
                _("The sheet has more than %(most)s lines.") % {"most": f"{MOST_LINES:,}"},
                _("Filter the columns, export those, and upload the sheet in parts."),
            )
        if not any(cell.strip() for cell in row):
            continue
        found = _line(number, row, places)
        if isinstance(found, Problem):
            problems.append(found)
        elif found is not None:
            lines.append(found)
    return tuple(lines), tuple(problems)


def _line(number: int, row: Sequence[str], places: Mapping[str, int]) -> tuple[int, Name, Tags] | Problem | None:
    """None: the classification is empty, so the line decides nothing."""
    if len(row) <= max(places[name] for name in NEEDED):
        return Problem(
            number,
            _("The line has %(cells)s cells; the header has more.") % {"cells": len(row)},
            _("Fill every cell up to the classification; an empty one stays between its separators."),
        )
    if any(len(cell) > LONGEST_CELL or "\0" in cell for cell in row):
        return Problem(number, _("A cell is too long or holds a character that is none."), _("Shorten it."))
    cells = {name: plain(row[place]) for name, place in places.items() if place < len(row)}
    wanted = cells["classification"].strip()
    if not wanted:
        return None
    name = (cells.get("connection", "").strip(), cells["schema"], cells["table"], cells["column"])
    if not all(name[1:]):
        return Problem(number, _("Schema, table or column is empty."), _("Name the column that is classified."))
    return _classified(number, name, wanted)


def _classified(number: int, name: Name, wanted: str) -> tuple[int, Name, Tags] | Problem:
    if wanted == UNCLASSIFIED:
        return number, name, None
    tags = tuple(sorted({tag for tag in wanted.replace(",", " ").replace("|", " ").split() if tag}))
    if tags == (NONE,):
        return number, name, ()
    unknown = next((tag for tag in tags if tag not in KNOWN_TAGS), None)
    if unknown is None:
        return number, name, tags
    if unknown == NONE:
        return Problem(number, _("A column is either “none” or tagged, not both."), _("Keep one of the two."))
    return Problem(
        number,
        _("There is no tag %(tag)s.") % {"tag": unknown[:60]},
        _("Use none, unclassified, or of these: %(tags)s.") % {"tags": ", ".join(KNOWN_TAGS)},
    )


def _places(header: Sequence[str]) -> dict[str, int]:
    missing = [name for name in NEEDED if name not in header]
    if missing:
        raise _unreadable(
            _("The first line does not name the columns of the sheet: %(missing)s is missing.")
            % {"missing": ", ".join(missing)},
            _("Start from the exported sheet: its first line is %(header)s.") % {"header": ",".join(HEADER)},
        )
    doubled = next((name for name in HEADER if header.count(name) > 1), None)
    if doubled:
        raise _unreadable(_("The first line names %(name)s twice.") % {"name": doubled}, _("Leave one of them out."))
    return {name: header.index(name) for name in HEADER if name in header}


def _decoded(data: bytes) -> tuple[str, str]:
    """UTF-8 with or without its mark, UTF-16 with its mark, else what older spreadsheets write."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        codings: tuple[str, ...] = ("utf-16",)
    else:
        codings = ("utf-8-sig", "cp1252")
    for coding in codings:
        try:
            text = data.decode(coding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, coding.replace("-sig", "")
    raise _unreadable(
        _("The file is no text in UTF-8, UTF-16 or Windows-1252."),
        _("Save it from the spreadsheet as “CSV UTF-8”."),
    )


def _delimiter(text: str) -> str:
    """The separator of the first line: what a spreadsheet writes depends on its language."""
    first = text.lstrip("\ufeff").split("\n", 1)[0]
    return max(",;\t", key=first.count)


def _cells(card: ColumnCard) -> tuple[str, ...]:
    column, dataset = card.column, card.column.dataset
    now = UNCLASSIFIED if card.tags is None else " ".join(card.tags) or NONE
    sure = str(column.suggested_confidence) if column.suggested_by else ""
    place = (dataset.connection.slug, dataset.schema, dataset.table, column.name, column.type)
    return (*place, now, column.suggested_tag, sure, column.suggested_reason)


def _named(card: ColumnCard) -> tuple[str, str, str]:
    return (card.column.dataset.schema, card.column.dataset.table, card.column.name)


def _connection(card: ColumnCard) -> tuple[str, str]:
    connection = card.column.dataset.connection
    return connection.slug, f"{connection.team.slug}/{connection.slug}"


def _unreadable(sentence: str, remedy: str) -> Invalid:
    return Invalid(sentence, remedy=remedy, field="sheet")
