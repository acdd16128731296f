"""The one Celery task: carry out a job by its id."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from django.conf import settings

from . import jobs


@shared_task(name="lockgate.run_job")  # type: ignore[untyped-decorator]
def run_job(job: str) -> None:
    """A message that is no job's id, is doubled, comes late or came to another class of worker does nothing."""
    try:
        UUID(str(job))
    except ValueError:
        return
    jobs.work(str(job), queue=settings.LOCKGATE_QUEUE)
