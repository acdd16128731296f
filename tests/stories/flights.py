"""Flights that left New York in 2013: where the files lie, the first of them, and what is true of them."""

from __future__ import annotations

import csv
import gzip
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
FLIGHTS = Path(os.environ.get("LOCKGATE_TEST_FLIGHTS") or REPOSITORY.parent / "shared" / "data" / "nyc-flights-2013")
OTHERS = ("airlines", "airports", "planes", "weather")
MISSING = "NA"


@dataclass(frozen=True)
class Truth:
    """Counted by reading the files line by line, apart from anything that the product does."""

    rows: Mapping[str, int]
    without_number: int
    joined: int
    flights_of_planes: Counter[tuple[str, str, str, int, int]]

    @property
    def without_plane(self) -> int:
        return self.rows["flights"] - self.without_number - self.joined


def copy_first(folder: Path, flights: int) -> None:
    """The first flights, compressed as they are, and the four tables whole."""
    name = "flights.csv.gz"
    with gzip.open(FLIGHTS / name, "rb") as all_of_them, gzip.open(folder / name, "wb") as first:
        first.writelines(islice(all_of_them, flights + 1))
    for name in OTHERS:
        shutil.copyfile(FLIGHTS / f"{name}.csv", folder / f"{name}.csv")


def truth(folder: Path) -> Truth:
    tables = {name: _rows(folder / f"{name}.csv") for name in OTHERS}
    with gzip.open(folder / "flights.csv.gz", "rt", newline="") as file:
        flights = list(csv.DictReader(file))
    planes = {one["tailnum"]: one for one in tables["planes"]}
    known = [one for one in flights if one["tailnum"] in planes]
    return Truth(
        {"flights": len(flights)} | {name: len(rows) for name, rows in tables.items()},
        sum(one["tailnum"] == MISSING for one in flights),
        len(known),
        Counter(_of_planes(known, planes)),
    )


def _of_planes(
    flights: Iterable[Mapping[str, str]], planes: Mapping[str, Mapping[str, str]]
) -> Iterable[tuple[str, str, str, int, int]]:
    """What each plane is, how often it flew and how far, without its number: the same before and after masking."""
    flown, miles = Counter[str](), Counter[str]()
    for one in flights:
        flown[one["tailnum"]] += 1
        miles[one["tailnum"]] += int(one["distance"])
    for number, times in flown.items():
        plane = planes[number]
        yield plane["manufacturer"], plane["model"], plane["year"].replace(MISSING, ""), times, miles[number]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
