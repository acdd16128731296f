"""What becomes of runs that were under way when the backup was made from which this installation was restored."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from apps.core.clock import now
from apps.core.models import Job

from .models import LogLine, Run, Step


def end_under_way(*, backup_made_at: datetime) -> list[int]:
    """They end as FAILED with a sentence, their jobs with them; returns their numbers. Call in a transaction."""
    runs = list(Run.objects.select_for_update().filter(state__in=(Run.QUEUED, Run.RUNNING)).order_by("number"))
    sentence = _(
        "It was under way when the backup of %(at)s was made, from which this installation was restored; "
        "here it wrote nothing more."
    ) % {"at": f"{backup_made_at:%Y-%m-%d %H:%M} UTC"}
    remedy = _("Start it again. If it published after the backup, the destination already has its rows.")
    for run in runs:
        Run.objects.filter(id=run.id).update(state=Run.FAILED, sentence=sentence, remedy=remedy, ended_at=now())
        Step.objects.filter(run=run, state=Step.RUNNING).update(state=Step.FAILED, ended_at=now())
        LogLine(run=run, at=now(), level="ERROR", step="restore", sentence=sentence[:400]).save(force_insert=True)
    waiting = Job.objects.filter(kind__startswith="run.", state__in=(Job.QUEUED, Job.CLAIMED))
    waiting.update(state=Job.DEAD, owner="", lease_until=None, ended_at=now(), outcome=sentence)
    return [run.number for run in runs]
