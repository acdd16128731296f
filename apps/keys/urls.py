"""Addresses of the keys."""

from __future__ import annotations

from django.urls import path

from . import api, views

app_name = "keys"
urlpatterns = [path("keys/", views.keys, name="keys")]
api_urlpatterns = [
    path("", api.keys, name="keys"),
    path("copied", api.copied, name="copied"),
]
