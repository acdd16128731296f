"""Turns the error tree into pages, partials and problem documents; a bug is not caught here."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from apps.dataplane.errors import LockgateError

from . import pages, problems
from .denials import record_denial

log = logging.getLogger("lockgate.web")


class Failures(MiddlewareMixin):
    """An expected failure that no view has shown becomes an answer with its sentence and remedy."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, pages.AWAY):
            log.warning("the database did not answer (%s)", type(exception).__name__)
            return pages.away(request)
        if not isinstance(exception, LockgateError):
            return None
        record_denial(request, exception)
        if request.path.startswith("/api/"):
            return problems.answer(request, exception)
        return pages.failure(request, exception)
