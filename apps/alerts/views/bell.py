"""The bell, a person's notices; and the built-in outbox."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.alerts import selectors, services
from apps.core.http import PageRequest


@require_safe
def notices(request: PageRequest) -> HttpResponse:
    """Newest first; `?unread=1` leaves out what was read."""
    unread = request.GET.get("unread") == "1"
    page = selectors.notices(request.actor, unread=unread, cursor=request.GET.get("cursor", ""))
    waiting = selectors.unread(request.actor)
    here = reverse("alerts:notices")
    tabs = [
        {"url": here, "label": _("All"), "active": not unread},
        {"url": f"{here}?unread=1", "label": _("Not read"), "active": unread, "badge": waiting},
    ]
    return render(request, "alerts/notices.html", {"page": page, "tabs": tabs, "waiting": waiting, "unread": unread})


@require_safe
def read(request: PageRequest, notice_id: UUID) -> HttpResponse:
    """Go where a notice points; following it reads it."""
    target = selectors.target(request.actor, notice_id)
    services.mark_read(actor=request.actor, notice_id=notice_id)
    return redirect(target)


@require_POST
def read_all(request: PageRequest) -> HttpResponse:
    services.mark_read(actor=request.actor)
    return redirect("alerts:notices")


@require_safe
def outbox(request: PageRequest) -> HttpResponse:
    """Mail that was written to files: one's own; everybody's for who operates Lockgate, and in a demo."""
    everybody = selectors.sees_every_mail(request.actor, demo=settings.LOCKGATE.demo)
    alone = request.GET.get("about") == "incidents"
    cursor = request.GET.get("cursor", "")
    page = selectors.outbox(request.actor, everybody=everybody, incidents=alone, cursor=cursor)
    here = reverse("alerts:outbox")
    tabs = [
        {"url": here, "label": _("All"), "active": not alone},
        {"url": f"{here}?about=incidents", "label": _("About incidents"), "active": alone},
    ]
    shown = {"page": page, "everybody": everybody, "leaves": selectors.mail_leaves(), "tabs": tabs}
    return render(request, "alerts/outbox.html", shown)
