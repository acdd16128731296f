"""Addresses of the overview and of the search."""

from __future__ import annotations

from django.urls import path

from . import api, views

app_name = "console"
urlpatterns = [
    path("", views.home, name="home"),
    path("search/", views.search, name="search"),
    path("search/suggestions", views.suggestions, name="suggestions"),
]
api_urlpatterns = [
    path("search", api.search, name="search"),
]
