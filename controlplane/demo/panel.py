"""What a demo adds to pages: in the frame who one is and whom one can become, on the overview the tour."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from .switching import PEOPLE, name_of
from .tour import tour


def frame(request: HttpRequest) -> dict[str, Any]:
    """For every page; asks the database nothing. Nothing for somebody whom the demo does not know."""
    me = name_of(request)
    if not me:
        return {}
    return {"menu": "demo/_menu.html", "banner": "demo/_banner.html", "people": PEOPLE, "me": me}


def home(request: HttpRequest) -> dict[str, Any]:
    """For the overview."""
    if not name_of(request):
        return {}
    return {"template": "demo/_tour.html", "tour": tour(), "me": name_of(request)}
