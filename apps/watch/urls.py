"""The address of the System page."""

from __future__ import annotations

from django.urls import path

from . import api, views

app_name = "watch"
urlpatterns = [path("system/", views.system, name="system")]
api_urlpatterns = [path("health", api.health, name="health")]
