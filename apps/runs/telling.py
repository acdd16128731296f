"""The words of an incident of a run: what a check found against its limit, and which data is still served."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from django.utils.translation import gettext as _

from apps.core.clock import now
from apps.dataplane.quality.gate import CheckOutcome

from .models import Run

_MEASURED = re.compile(r"(?P<found>[0-9][0-9.,]*(?: ?%)?)(?P<of>.*?), limit (?P<limit>.+)")


def headline(one: CheckOutcome) -> str:
    """`customers: e-mail validity 91.2 % (limit 99)`."""
    found = _MEASURED.fullmatch(one.observed)
    if not found:
        return f"{one.stream}: {_words(one.check)} {one.observed}"
    # A share of rows needs no unit twice; a count keeps its noun.
    share = found["found"].endswith("%")
    said, limit = (found["found"], re.sub(r" ?%", "", found["limit"])) if share else (
        found["found"] + found["of"], found["limit"]
    )  # fmt: skip
    return f"{one.stream}: {_words(one.check)} {said} (limit {limit})"


def _words(check: str) -> str:
    return re.sub(r"\bemail\b", "e-mail", re.sub(r"[-_]+", " ", check).strip())


def still_served(run: Run) -> str:
    """`yesterday's data still served`, after what the pipeline published last before this run."""
    before = Run.objects.filter(pipeline_id=run.pipeline_id, state=Run.PUBLISHED, number__lt=run.number)
    at = before.order_by("-number").values_list("ended_at", flat=True).first()
    return _data_of(at) if at else _("nothing published yet")


def _data_of(at: datetime) -> str:
    day, today = at.astimezone(UTC).date(), now().astimezone(UTC).date()
    if day == today:
        return _("today's earlier data still served")
    if day == today - timedelta(days=1):
        return _("yesterday's data still served")
    return _("data of %(day)s still served") % {"day": day.isoformat()}


def effect(run: Run, *, blocked: bool) -> str:
    """What became of the data, for the subject of the mail."""
    if not blocked:
        return _("published all the same")
    return _("publish blocked, %(served)s") % {"served": still_served(run)}
