"""Addresses of the audit log."""

from __future__ import annotations

from django.urls import path

from . import api, views

app_name = "audit"
urlpatterns = [
    path("audit/", views.events, name="events"),
    path("audit/verify", views.verify, name="verify"),
    path("audit/verifications/<uuid:walk_id>/", views.walk, name="walk"),
    path("audit/events/<uuid:event_id>/", views.event, name="event"),
    path("audit/exports/", views.exports, name="exports"),
    path("audit/exports/<uuid:export_id>/", views.export, name="export"),
    path("audit/exports/<uuid:export_id>/file", views.export_file, name="export_file"),
]
api_urlpatterns = [
    path("events", api.events, name="events"),
    path("events/<uuid:event_id>", api.event, name="event"),
    path("verify", api.verify, name="verify"),
    path("verifications/<uuid:walk_id>", api.walk, name="walk"),
    path("exports", api.exports, name="exports"),
    path("exports/<uuid:export_id>", api.export, name="export"),
    path("exports/<uuid:export_id>/file", api.export_file, name="export_file"),
]
