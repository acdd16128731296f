"""Addresses of the bell."""

from __future__ import annotations

from django.urls import path

from . import api, views

app_name = "alerts"
urlpatterns = [
    path("notices/", views.notices, name="notices"),
    path("notices/read/", views.read_all, name="read_all"),
    path("notices/<uuid:notice_id>/", views.read, name="read"),
]
api_urlpatterns = [
    path("notices", api.notices, name="notices"),
    path("notices/<uuid:notice_id>/read", api.read, name="read"),
]
