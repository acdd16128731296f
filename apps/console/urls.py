"""Addresses of the overview and of the search."""

from __future__ import annotations

from django.urls import path

from . import api, oversight_api, oversight_views, views

app_name = "console"
urlpatterns = [
    path("", views.home, name="home"),
    path("search/", views.search, name="search"),
    path("search/suggestions", views.suggestions, name="suggestions"),
    path("review/", oversight_views.access_review, name="access_review"),
    path("review/pairs/", oversight_views.access_pairs, name="access_pairs"),
    path("review/tokens/", oversight_views.access_tokens, name="access_tokens"),
    path("review/exceptions/", oversight_views.exceptions, name="exceptions"),
    path("review/exceptions/single/", oversight_views.exceptions_alone, name="exceptions_alone"),
    path("review/exceptions/roles/", oversight_views.exceptions_grants, name="exceptions_grants"),
    path("review/<slug:table>.csv", oversight_views.review_file, name="review_file"),
]
api_urlpatterns = [
    path("search", api.search, name="search"),
    path("review/access", oversight_api.access, name="access_review"),
    path("review/pairs", oversight_api.pairs, name="access_pairs"),
    path("review/passing", oversight_api.passing, name="exceptions"),
    path("review/single-signature", oversight_api.alone, name="exceptions_alone"),
    path("review/grants", oversight_api.grants, name="exceptions_grants"),
]
