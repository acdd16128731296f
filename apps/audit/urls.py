"""Addresses of the audit log."""

from __future__ import annotations

from django.urls import path

from . import api, views

app_name = "audit"
urlpatterns = [
    path("audit/", views.events, name="events"),
    path("audit/verify", views.verify, name="verify"),
]
api_urlpatterns = [
    path("events", api.events, name="events"),
    path("verify", api.verify, name="verify"),
]
