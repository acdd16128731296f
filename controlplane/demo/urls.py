"""Addresses of the demo, which no other installation has."""

from __future__ import annotations

from django.urls import path

from . import views

app_name = "demo"
urlpatterns = [
    path("switch", views.become, name="switch"),
    path("acts/<slug:name>", views.act, name="act"),
    path("tour", views.steps, name="tour"),
    path("rows/", views.rows, name="rows"),
]
