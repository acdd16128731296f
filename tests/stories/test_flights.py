"""Real flights from CSV into PostgreSQL: checked, tail numbers masked in one domain, and every count and join the same.

It runs on the first 20,000 flights and the four tables beside them, where `LOCKGATE_TEST_FLIGHTS` or the folder
`shared/data/nyc-flights-2013` next to the repository holds them. Where nothing holds them it is deselected and counted
as that: a run of the suite never calls it passed or skipped.
"""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from typing import Any

import pytest

from apps.core import jobs
from apps.pipelines.models import Pipeline
from apps.runs.models import Quarantine, Run
from apps.sources.models import Column, Connection, Dataset
from tests.runs.test_files import Folder, folder, rows  # noqa: F401
from tests.sources.conftest import here  # noqa: F401

from . import flights

FIRST = 20_000
TAIL_NUMBERS = {"name": "tail numbers", "tag": "pii.vehicle", "zone": "analytics", "treatment": {"kind": "token"}}
POLICY = {
    "slug": "aircraft",
    "name": "Aircraft",
    "text": {"format": 1, "rules": [{**TAIL_NUMBERS, "domain": "default"}]},
}
TIMES = ("dep_time", "sched_dep_time", "arr_time", "sched_arr_time")
FLIGHT = ["year", "month", "day", "carrier", "flight", "sched_dep_time", "origin", "dest"]
KEYS = {
    "airlines": ["carrier"],
    "airports": ["faa"],
    "planes": ["tailnum"],
    "weather": ["origin", "time_hour"],
    "flights": FLIGHT,
}
TOKEN = "^tok_[0-9a-f]{32}$"


def between(column: str, low: int, high: int) -> dict[str, Any]:
    return {"id": f"{column}-in-bounds", "kind": "between", "column": column, "params": {"min": low, "max": high}}


def references(column: str, target: str) -> dict[str, Any]:
    rule = {"id": f"{column}-known", "kind": "references", "target": target}
    return rule | {"columns": [column], "to": [column]}


def table(name: str) -> dict[str, Any]:
    key = {"id": f"{name}-once", "kind": "unique", "columns": KEYS[name]}
    made: dict[str, Any] = {
        "name": name,
        "source": {"schema": ".", "table": name},
        "destination": {"schema": "flights", "table": name},
        "settle": [key],
    }
    if name == "flights":
        made["row_checks"] = [*(between(time, 0, 2400) for time in TIMES), between("distance", 17, 5000)]
        made["settle"] += [references("carrier", "airlines"), references("tailnum", "planes")]
    return made


def expectation(id: str, stream: str, kind: str, severity: str = "ERROR", **kwargs: Any) -> dict[str, Any]:
    return {"id": id, "stream": stream, "expectation": f"expect_{kind}", "severity": severity, "kwargs": kwargs}


SUITE = [
    expectation("enough", "flights", "table_row_count_to_be_between", min_value=15_000, max_value=FIRST),
    expectation("origins", "flights", "column_values_to_be_in_set", column="origin", value_set=["EWR", "JFK", "LGA"]),
    expectation("flights-masked", "flights", "column_values_to_match_regex", column="tailnum", regex=TOKEN),
    expectation("planes-masked", "planes", "column_values_to_match_regex", column="tailnum", regex=TOKEN),
    expectation("planes-distinct", "planes", "column_values_to_be_unique", column="tailnum"),
    expectation("departed", "flights", "column_values_to_not_be_null", "WARN", column="dep_time", mostly="0.999"),
]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease is renewed over another connection, which cannot see the job: the test has not committed it."""
    monkeypatch.setattr(jobs, "renewing", lambda lease: nullcontext())


@pytest.fixture
def known(folder: Folder) -> flights.Truth:  # noqa: F811
    flights.copy_first(folder.path, FIRST)
    return flights.truth(folder.path)


def registered(folder: Folder) -> Connection:  # noqa: F811
    """Discovered, tail numbers tagged in both tables, everything else looked at and not sensitive."""
    source = folder.connected("read", na={"*": ["NA"]})
    for dataset in Dataset.objects.filter(connection=source):
        columns = Column.objects.filter(dataset=dataset).values_list("name", flat=True)
        tags: dict[str, list[str]] = {name: ["pii.vehicle"] if name == "tailnum" else [] for name in columns}
        folder.classify(source, ".", dataset.table, **tags)
    return source


def built(folder: Folder, source: Connection) -> Pipeline:  # noqa: F811
    folder.place.approved("connection", folder.place.proposal(write=True, zone="analytics"))
    folder.place.approved("policy", POLICY, by="bob", reviewers="erin")
    streams = [table(name) for name in KEYS]
    definition = {"format": 1, "purpose": "analytics", "streams": streams, "output_checks": SUITE}
    warehouse = Connection.objects.get(slug="demo-crm")
    ends = {"source": str(source.id), "destination": str(warehouse.id)}
    folder.place.approved("pipeline", {"slug": "flights", "name": "Flights", **ends, "definition": definition})
    return Pipeline.objects.get(slug="flights")


def test_types_are_those_of_the_values_and_na_is_nothing(folder: Folder, known: flights.Truth) -> None:  # noqa: F811
    source = registered(folder)
    assert known.rows == {"flights": FIRST, "airlines": 16, "airports": 1458, "planes": 3322, "weather": 26115}
    types = {f"{one.dataset.table}.{one.name}": one.type for one in Column.objects.filter(dataset__connection=source)}
    assert len(types) == 53
    assert {types[f"flights.{name}"] for name in (*TIMES, "dep_delay", "air_time", "distance")} == {"integer"}
    assert types["flights.time_hour"] == types["weather.time_hour"] == "timestamp with time zone"
    assert (types["airports.lat"], types["weather.temp"], types["planes.speed"]) == ("numeric", "numeric", "integer")
    assert types["flights.tailnum"] == types["planes.tailnum"] == "text"


def test_twenty_thousand_flights_find_their_planes_by_masked_numbers(
    folder: Folder,  # noqa: F811
    known: flights.Truth,
) -> None:
    run = folder.run(built(folder, registered(folder)))
    assert run.state == Run.PUBLISHED, (run.sentence, run.refusals)
    assert (known.without_number, known.joined, known.without_plane) == (67, 16_739, 3_194)
    assert (run.rows_read, run.rows_published) == (50_911, 47_717)
    assert (run.rows_quarantined, run.rows_rejected, run.rows_excluded) == (3_194, 0, 0)
    away = Quarantine.objects.filter(run=run).values_list("stream", "rule", "rows")
    assert [one for one in away if one[2]] == [("flights", "tailnum-known", 3_194)]
    arrived = {name: rows(folder, f"SELECT count(*) FROM flights.{name}")[0][0] for name in KEYS}
    assert arrived == {**known.rows, "flights": FIRST - 3_194}
    _every_join_as_before(folder, known)
    _no_number_in_clear(folder)


def _every_join_as_before(folder: Folder, known: flights.Truth) -> None:  # noqa: F811
    by_number = "FROM flights.flights f JOIN flights.planes p USING (tailnum)"
    assert rows(folder, f"SELECT count(*) {by_number}") == [(known.joined,)]
    by_carrier = "SELECT count(*) FROM flights.flights JOIN flights.airlines USING (carrier)"
    assert rows(folder, by_carrier) == [(known.joined + known.without_number,)]
    plane = "p.manufacturer, p.model, coalesce(p.year::text, ''), count(*), sum(f.distance)"
    grouped = f"SELECT {plane} {by_number} GROUP BY tailnum, p.manufacturer, p.model, p.year"
    assert Counter(rows(folder, grouped)) == known.flights_of_planes
    assert len(known.flights_of_planes) > 2_000


def _no_number_in_clear(folder: Folder) -> None:  # noqa: F811
    masked = f"count(tailnum), count(*) FILTER (WHERE tailnum ~ '{TOKEN}'), count(DISTINCT tailnum)"
    assert rows(folder, f"SELECT {masked} FROM flights.planes") == [(3322, 3322, 3322)]
    assert rows(folder, f"SELECT {masked} FROM flights.flights") == [(16_739, 16_739, 2_493)]
    strangers = "SELECT tailnum FROM flights.flights EXCEPT SELECT tailnum FROM flights.planes"
    assert rows(folder, strangers) == [(None,)]
