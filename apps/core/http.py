"""A request as the middleware hands it to a view."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from .actor import Actor


class PageRequest(HttpRequest):
    """Only for annotations: `id` is set by core, `actor` by accounts, `htmx` by django-htmx."""

    id: str
    actor: Actor
    htmx: HtmxDetails
