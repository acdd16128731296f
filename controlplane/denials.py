"""Records every denial in the audit log, in a transaction of its own."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.accounts.selectors import ANONYMOUS
from apps.audit.services import append
from apps.dataplane.errors import Denied, LockgateError


def record_denial(request: HttpRequest, error: LockgateError) -> None:
    """An event for a Denied; nothing for any other error. The path names what was asked for, never the query."""
    if not isinstance(error, Denied):
        return
    match = request.resolver_match
    with transaction.atomic():
        append(
            actor=getattr(request, "actor", ANONYMOUS),
            action="access.denied",
            subject=f"page/{match.view_name}"[:120] if match else "page/unknown",
            summary=_("was denied: %(sentence)s") % {"sentence": error.sentence},
            detail={"verb": request.method or "", "path": request.path[:300]},
        )
