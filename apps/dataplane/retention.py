"""A retention rule: what it reaches, how long rows are kept, and the moment before which they are due to go.

{format: 1, connection: id, dataset: {schema, table} | null, tag: "", age_column, keep: {amount, unit}, zone,
 action: "delete", schedule: {cron, zone} | null}; exactly one of `dataset` and `tag` is given.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, get_args
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .definition import Schedule
from .errors import Invalid
from .plan import TableRef

FORMAT = 1
Unit = Literal["days", "months", "years"]
UNITS: tuple[Unit, ...] = get_args(Unit)
MOST = {"days": 36_500, "months": 1_200, "years": 100}
AGE_TYPES = ("date", "timestamp without time zone", "timestamp with time zone")
KEYS = ("format", "connection", "dataset", "tag", "age_column", "keep", "zone", "action", "schedule")


@dataclass(frozen=True)
class Keep:
    """How long a row is kept after the date in its age column."""

    amount: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.amount} {self.unit if self.amount != 1 else self.unit[:-1]}"


@dataclass(frozen=True)
class RetentionDefinition:
    """One rule. With a tag it reaches every dataset of the connection that has a column under it."""

    connection: str
    dataset: TableRef | None
    tag: str
    age_column: str
    keep: Keep
    zone: str
    schedule: Schedule | None = None
    action: Literal["delete"] = "delete"

    def as_document(self) -> dict[str, Any]:
        """The canonical JSON form; `parse` of it gives an equal definition."""
        return {
            "format": FORMAT,
            "connection": self.connection,
            "dataset": {"schema": self.dataset.schema, "table": self.dataset.table} if self.dataset else None,
            "tag": self.tag,
            "age_column": self.age_column,
            "keep": {"amount": self.keep.amount, "unit": self.keep.unit},
            "zone": self.zone,
            "action": self.action,
            "schedule": {"cron": self.schedule.cron, "zone": self.schedule.zone} if self.schedule else None,
        }


def parse(document: Mapping[str, Any]) -> RetentionDefinition:
    """Raises Invalid naming the field."""
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise Invalid(f"A retention rule is an object of format {FORMAT}.", field="definition")
    unknown = next((key for key in document if key not in KEYS), None)
    if unknown is not None:
        raise Invalid(f"`{unknown}` is unknown here; known are {', '.join(KEYS)}.", field=str(unknown))
    dataset, tag = _dataset(document.get("dataset")), _text(document.get("tag", ""), "tag", 60)
    if bool(dataset) == bool(tag):
        raise Invalid("Name either a dataset or a tag.", field="dataset", remedy="Leave one of them empty.")
    if document.get("action", "delete") != "delete":
        raise Invalid("This action is unknown; known is delete.", field="action")
    age_column = _text(document.get("age_column"), "age_column", 63)
    if not age_column:
        raise Invalid("Name the column that tells how old a row is.", field="age_column")
    return RetentionDefinition(
        connection=_connection(document.get("connection")),
        dataset=dataset,
        tag=tag,
        age_column=age_column,
        keep=_keep(document.get("keep")),
        zone=_zone(document.get("zone", "UTC")),
        schedule=_schedule(document.get("schedule")),
    )


def cutoff(keep: Keep, zone: str, at: datetime) -> datetime:
    """The local midnight that began the day `keep` before the day of `at`; rows dated before it are due.

    Exact by the calendar: a month before 31 March is 28 or 29 February. `at` is an aware time; the answer is aware,
    in `zone`.
    """
    place = ZoneInfo(zone)
    day = _before(at.astimezone(place).date(), keep)
    return datetime(day.year, day.month, day.day, tzinfo=place)


def _before(day: date, keep: Keep) -> date:
    if keep.unit == "days":
        return day - timedelta(days=keep.amount)
    months = keep.amount * (12 if keep.unit == "years" else 1)
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _keep(value: Any) -> Keep:
    if not isinstance(value, Mapping) or set(value) != {"amount", "unit"}:
        raise Invalid("The keep period is an object of amount and unit.", field="keep")
    amount, unit = value["amount"], value["unit"]
    if unit not in UNITS:
        raise Invalid(f"The unit is one of {', '.join(UNITS)}.", field="keep_unit")
    if isinstance(amount, bool) or not isinstance(amount, int) or not 1 <= amount <= MOST[unit]:
        raise Invalid(f"Keep rows for 1 to {MOST[unit]} {unit}.", field="keep_amount")
    return Keep(amount, unit)


def _dataset(value: Any) -> TableRef | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or set(value) != {"schema", "table"}:
        raise Invalid("A dataset is an object of schema and table.", field="dataset")
    schema, table = (_text(value[key], "dataset", 63) for key in ("schema", "table"))
    if not schema or not table:
        raise Invalid("A dataset has a schema and a table.", field="dataset")
    return TableRef(schema, table)


def _connection(value: Any) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise Invalid("Choose a connection.", field="connection") from None


def _zone(value: Any) -> str:
    try:
        return ZoneInfo(_text(value, "zone", 64)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid("This time zone is unknown.", field="zone", remedy="Write it like Europe/Berlin.") from None


def _schedule(value: Any) -> Schedule | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or set(value) != {"cron", "zone"}:
        raise Invalid("A schedule is an object of cron and zone.", field="cron")
    return Schedule(_text(value["cron"], "cron", 100), _text(value["zone"], "cron", 64))


def _text(value: Any, field: str, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise Invalid(f"This must be text of at most {longest} printable characters.", field=field)
    return value
