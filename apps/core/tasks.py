"""The one Celery task: carry out a job by its id."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from django.db import close_old_connections

from . import jobs


@shared_task(name="lockgate.run_job")  # type: ignore[misc]
def run_job(job: str) -> None:
    """A message that is no job's id, is doubled or comes late does nothing."""
    try:
        UUID(str(job))
    except ValueError:
        return
    close_old_connections()
    try:
        jobs.work(str(job))
    finally:
        close_old_connections()
