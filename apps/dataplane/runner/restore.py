"""Puts a destination back to what good runs had published: their parts once more, in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from apps.dataplane.connectors.base import Publisher
from apps.dataplane.content import ContentHash
from apps.dataplane.definition import StreamDefinition
from apps.dataplane.destination import problems_at
from apps.dataplane.errors import PartRejected, PublishRefused
from apps.dataplane.plan import ColumnPlan, KeptPosition, RunPlan, StreamPlan, TableRef, TableSchema

from .progress import Progress, Report
from .publish import created, load, positions_after, require_treated, same_treatment
from .staged import Staged

NOTHING = "Nothing was changed."
_NEW_RUN = "Start a new run instead: it is planned by the rules and tables of now."


@dataclass(frozen=True)
class RestoreReport:
    """Rows loaded again and their content hash, by stream. `already`: an earlier attempt had committed."""

    rows: Mapping[str, int]
    content: Mapping[str, str]
    already: bool


def chain_of(name: str, newest_first: Sequence[RunPlan]) -> tuple[int, ...] | None:
    """Which of these good runs, by place and oldest first, make up what a stream's table holds; None: not all of it.

    Back to the run that loaded the table as a whole: everything it holds has come from there on. A run that did not
    have the stream left the table alone.
    """
    places = []
    for place, plan in enumerate(newest_first):
        stream = next((stream for stream in plan.streams if stream.name == name), None)
        if stream is None:
            continue
        places.append(place)
        if not stream.incremental:
            return tuple(reversed(places))
    return None


@dataclass
class Restoration:
    """One attempt. `recalled` is the plan whose rows go; `good` the last good run and those before it, newest first.

    `mine` are the names under which this recall may have committed already, `written_by` the recalled run. `required`
    holds, by stream of the last good run, the columns as the policies active now would have them. Without a good run
    the tables are emptied.
    """

    recalled: RunPlan
    good: Sequence[Staged]
    recall: str
    fence: int
    written_by: str
    mine: Collection[str]
    required: Mapping[str, tuple[ColumnPlan, ...]]
    publisher: Publisher
    report: Report
    content: dict[str, ContentHash] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    def run(self) -> RestoreReport:
        """Raises PartRejected or PublishRefused before anything is changed, Fenced when something later published."""
        state = self.publisher.state(self.recalled.pipeline, fence=self.fence)
        if state and state.run in self.mine:
            return self._recounted()
        chains = self._chains()
        for staged in self.good:
            staged.verify()
        if state is None or state.run != self.written_by:
            raise PublishRefused(
                f"The destination says that another run published to it last. {NOTHING}",
                remedy="Look at who else writes there; then start a new run.",
            )
        self._require_policies()
        self._empty()
        for name, stages in chains.items():
            self._load(name, stages)
        last = self.good[0].plan.hash if self.good else ""
        self.publisher.record_state(self.recalled.pipeline, self.recall, self.fence, last, self._positions())
        self.publisher.commit()
        return self._report(already=False)

    def _chains(self) -> dict[str, list[Staged]]:
        """By stream of the last good run, the runs whose rows make up its table, oldest first."""
        plans = [staged.plan for staged in self.good]
        chains = {}
        for stream in plans[0].streams if plans else ():
            places = chain_of(stream.name, plans)
            if places is None or any(plans[place].stream(stream.name).binding != stream.binding for place in places):
                raise PublishRefused(
                    f"What {stream.destination} held before is not known from its runs alone: the first of them added "
                    f"to a table that had been there. {NOTHING}",
                    remedy="Start a run that loads the table anew.",
                )
            chains[stream.name] = [self.good[place] for place in places]
        return chains

    def _require_policies(self) -> None:
        """What was right when it was staged may be forbidden now: it is not published again for having been allowed."""
        for staged in self.good[:1]:
            for stream in staged.plan.streams:
                now = {column.name: column for column in self.required.get(stream.name, ())}
                for column in stream.columns:
                    if not same_treatment(column, now.get(column.name)):
                        raise PublishRefused(
                            f"Column {stream.source}.{column.name} was published as {column.treatment} then, which is "
                            f"not what the active policies require now. {NOTHING}",
                            remedy=_NEW_RUN,
                        )

    def _empty(self) -> None:
        """Every table that either run wrote; one that is gone is made again."""
        wanted = {stream.destination: stream for stream in (self.good[0].plan.streams if self.good else ())}
        tables = dict.fromkeys((*(stream.destination for stream in self.recalled.streams), *wanted))
        for table in reversed(tables):
            live = self.publisher.schema(table)
            if live is not None:
                self.publisher.delete_all(table)
                live = self.publisher.schema(table)
            if table in wanted:
                self._make_fit(wanted[table], table, live)

    def _make_fit(self, stream: StreamPlan, table: TableRef, live: TableSchema | None) -> None:
        if live is None:
            self.publisher.create(table, [created(column) for column in stream.written], stream.key)
            return
        asked = StreamDefinition(stream.name, stream.source, table)
        for problem in problems_at(asked, live, live, stream.columns):
            raise PublishRefused(f"{problem.sentence} {NOTHING}", remedy=problem.remedy)

    def _load(self, name: str, stages: Sequence[Staged]) -> None:
        for staged in stages:
            stream = staged.plan.stream(name)
            count = load(self.publisher, stream, self._verified(stream, staged))
            self.rows[name] = self.rows.get(name, 0) + count

    def _verified(self, stream: StreamPlan, staged: Staged) -> Iterator[pa.RecordBatch]:
        names = [column.destination for column in stream.written]
        content = self.content.setdefault(stream.name, ContentHash())
        done = 0
        for table in staged.rows(stream.name):
            for batch in table.select(names).combine_chunks().to_batches():
                for column in stream.written:
                    require_treated(stream, column, batch.column(column.destination))
                content.add(batch)
                yield batch
                done += batch.num_rows
                self.report(Progress("publish", stream.name, done))

    def _positions(self) -> dict[str, KeptPosition]:
        """As they were after the last good run: each run moved them on from where the one before had left them."""
        positions: dict[str, KeptPosition] = {}
        for staged in reversed(self.good):
            positions = positions_after(staged.plan, staged.run, positions)
        return positions

    def _recounted(self) -> RestoreReport:
        """What an earlier attempt had committed is counted and hashed from the parts, not written again.

        It stands, whatever has become of the parts meanwhile: then it is not counted.
        """
        try:
            for name, stages in self._chains().items():
                read = (self._verified(staged.plan.stream(name), staged) for staged in stages)
                self.rows[name] = sum(batch.num_rows for batches in read for batch in batches)
        except (PartRejected, PublishRefused):
            return RestoreReport({}, {}, already=True)
        return self._report(already=True)

    def _report(self, *, already: bool) -> RestoreReport:
        return RestoreReport(dict(self.rows), {name: one.text for name, one in self.content.items()}, already)
