"""Carries out an approved first deletion. Imported by the changes app alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.core import jobs
from apps.core.actor import system
from apps.dataplane.errors import Conflict

from .models import Enforcement


def apply(*, proposal: Mapping[str, Any], target: str, base_version: int, change: str) -> str:
    """Queue the deletion of exactly what was counted. Raises Conflict when the rule moved or one is under way."""
    dry_run = Enforcement.objects.select_related("rule").get(id=proposal["dry_run"])
    if dry_run.rule.active_version != base_version or dry_run.rule_version != base_version:
        raise Conflict(_("The retention rule changed after this was proposed; nothing was deleted."))
    try:
        with transaction.atomic():
            run = Enforcement(
                rule=dry_run.rule,
                rule_version=base_version,
                mode=Enforcement.DELETION,
                trigger="approval",
                started_by=system("applier").id,
                before=dry_run.before,
                dry_run=dry_run,
                change=change,
            )
            run.save(force_insert=True)
            jobs.enqueue("retention.enforce", subject=f"enforcement/{run.id}")
    except IntegrityError as error:
        raise Conflict(
            _("Another count or deletion of %(name)s is under way; nothing was deleted.") % {"name": dry_run.rule.name},
            remedy=_("Wait until it has ended, then propose again."),
        ) from error
    return f"enforcement/{run.id}"
