"""Addresses of retention rules, their dry runs and deletions, and legal holds."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "retention"
urlpatterns: list[URLPattern] = []
