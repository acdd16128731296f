"""The body of the job: looks at each dataset that a rule reaches and counts its old rows, or deletes them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.core import jobs
from apps.core.actor import system
from apps.core.jobs import Lease
from apps.dataplane.connectors.postgres import Credentials, PostgresSettings
from apps.dataplane.connectors.postgres.ageing import Aged, count_older, delete_older
from apps.dataplane.errors import Fenced, Invalid, NotFound, Refused
from apps.dataplane.plan import TableRef
from apps.dataplane.retention import RetentionDefinition
from apps.grants import selectors as holds
from apps.grants import services as grants
from apps.sources import services as sources

from . import ending, reach, selectors
from .models import Enforcement

WHO = system("publish worker")


def carry_out(lease: Lease) -> None:
    """Dataset by dataset; one that is held or has no such column is named and left, the others go on.

    Raises Unreachable when the connection does not answer.
    """
    run = _take_up(lease)
    definition = selectors.definition_of(run.rule, run.rule_version)
    settings, credentials, _version = sources.open_settings(definition.connection, "write")
    work = _Work(run, definition, lease, settings, credentials, _expected(run))
    outcomes = [work.dataset(ref) for ref in reach.reached(definition)]
    with transaction.atomic():
        _keep(run, outcomes)
        ending.tell(run.id, actor=WHO)
        jobs.finish(lease)


@dataclass(frozen=True)
class _Work:
    """One attempt over one connection. `expected`: by dataset the rows that an approved dry run counted."""

    run: Enforcement
    definition: RetentionDefinition
    lease: Lease
    settings: PostgresSettings
    credentials: Credentials
    expected: Mapping[str, int] | None

    def dataset(self, ref: TableRef) -> dict[str, Any]:
        """The outcome of one dataset, which is never half done."""
        self.lease.check()
        try:
            if self.run.mode == Enforcement.DRY_RUN:
                return self._outcome(ref, Enforcement.COUNTED, self._count(ref))
            return self._outcome(ref, Enforcement.DELETED, self._delete(ref))
        except _Held as error:
            return self._outcome(ref, Enforcement.HELD, None, error.sentence)
        except (Invalid, NotFound) as error:
            return self._outcome(ref, Enforcement.SKIPPED, None, f"{error.sentence} {error.remedy}".strip())
        except Refused as error:
            return self._outcome(ref, Enforcement.REFUSED, None, f"{error.sentence} {error.remedy}".strip())

    def _count(self, ref: TableRef) -> Aged:
        self._require_not_held(ref)
        return count_older(self.settings, self.credentials, ref, self.definition.age_column, self._before)

    def _delete(self, ref: TableRef) -> Aged:
        with ExitStack() as until_committed:

            def approve(found: Aged) -> None:
                self.lease.check()
                self._require_as_counted(ref, found)
                # A hold placed from here on waits until the destination has committed, and comes after the deletion.
                until_committed.enter_context(transaction.atomic())
                grants.require_free(self.definition.connection, ref)

            return delete_older(
                self.settings,
                self.credentials,
                ref,
                self.definition.age_column,
                self._before,
                act=str(self.run.id),
                permit=lambda: self._permit(ref),
                approve=approve,
            )

    @property
    def _before(self) -> datetime:
        return self.run.before.astimezone(ZoneInfo(self.definition.zone))

    def _permit(self, ref: TableRef) -> None:
        self._require_not_held(ref)
        if self.expected is not None and str(ref) not in self.expected:
            raise NotFound(_("It was not counted in the dry run that was approved."))

    def _require_not_held(self, ref: TableRef) -> None:
        found = holds.holds_on(self.definition.connection, ref)
        if found:
            raise _Held(_("Under legal hold %(title)s: no row of it goes.") % {"title": found[0].title})

    def _require_as_counted(self, ref: TableRef, found: Aged) -> None:
        if self.expected is not None and found.rows != self.expected[str(ref)]:
            raise Refused(
                _("%(dataset)s has %(now)s rows to delete, but %(then)s were approved. Nothing was deleted.")
                % {"dataset": str(ref), "now": f"{found.rows:,}", "then": f"{self.expected[str(ref)]:,}"},
                remedy=_("Make a dry run again and have it approved."),
            )

    def _outcome(self, ref: TableRef, state: str, aged: Aged | None, sentence: str = "") -> dict[str, Any]:
        shown = aged and not reach.dates_are_sensitive(self.definition, ref)
        return {
            "dataset": str(ref),
            "column": self.definition.age_column,
            "state": state,
            "rows": aged.rows if aged else 0,
            "oldest": aged.oldest[:10] if aged and shown else "",
            "newest": aged.newest[:10] if aged and shown else "",
            "undated": aged.undated if aged else 0,
            "sentence": sentence,
        }


class _Held(Refused):
    """The dataset is under legal hold."""


def _expected(run: Enforcement) -> dict[str, int] | None:
    if run.dry_run is None:
        return None
    return {one["dataset"]: one["rows"] for one in run.dry_run.outcomes if one["state"] == Enforcement.COUNTED}


def _keep(run: Enforcement, outcomes: list[dict[str, Any]]) -> None:
    """A deletion of which one dataset was refused counts as refused, with the receipts of those that went."""
    refused = next((one for one in outcomes if one["state"] == Enforcement.REFUSED), None)
    kept = Enforcement.objects.filter(id=run.id, state=Enforcement.RUNNING).update(
        state=Enforcement.REFUSED if refused else Enforcement.DONE,
        outcomes=outcomes,
        rows=sum(one["rows"] for one in outcomes),
        sentence=refused["sentence"] if refused else "",
        ended_at=Now(),
    )
    if not kept:
        raise Fenced(_("Enforcement %(number)s has ended meanwhile.") % {"number": run.number})


def _take_up(lease: Lease) -> Enforcement:
    """Raises Fenced when it has ended."""
    open_ = Enforcement.objects.filter(id=lease.subject_id).exclude(state__in=Enforcement.ENDED)
    if not open_.update(state=Enforcement.RUNNING):
        raise Fenced(f"{lease.subject} has ended; nothing is left to do.")
    return Enforcement.objects.select_related("rule", "dry_run").get(id=lease.subject_id)
