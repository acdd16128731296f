"""Addresses of retention rules, their dry runs and deletions, and legal holds."""

from __future__ import annotations

from django.urls import path

from . import api, views

app_name = "retention"
urlpatterns = [
    path("retention/", views.rules, name="rules"),
    path("retention/new", views.new, name="new"),
    path("retention/runs/<int:number>/", views.enforcement, name="enforcement"),
    path("retention/runs/<int:number>/propose", views.propose_deletion, name="propose_deletion"),
    path("retention/holds/", views.holds, name="holds"),
    path("retention/holds/place/<uuid:dataset_id>", views.place_hold, name="place_hold"),
    path("retention/holds/<uuid:hold_id>/release", views.release_hold, name="release_hold"),
    path("retention/<slug:team>/<slug:slug>/", views.rule, name="rule"),
    path("retention/<slug:team>/<slug:slug>/edit", views.edit, name="edit"),
    path("retention/<slug:team>/<slug:slug>/dry-run", views.dry_run, name="dry_run"),
    path("retention/<slug:team>/<slug:slug>/enforce", views.enforce, name="enforce"),
    path("retention/<slug:team>/<slug:slug>/pause", views.pause, name="pause"),
    path("retention/<slug:team>/<slug:slug>/resume", views.resume, name="resume"),
]
api_urlpatterns = [
    path("rules", api.rules, name="rules"),
    path("rules/<slug:team>/<slug:slug>", api.rule, name="rule"),
    path("rules/<slug:team>/<slug:slug>/dry-run", api.dry_run, name="dry_run"),
    path("rules/<slug:team>/<slug:slug>/enforce", api.enforce, name="enforce"),
    path("rules/<slug:team>/<slug:slug>/pause", api.pause, name="pause"),
    path("rules/<slug:team>/<slug:slug>/resume", api.resume, name="resume"),
    path("runs/<int:number>", api.enforcement, name="enforcement"),
    path("runs/<int:number>/propose", api.propose_deletion, name="propose_deletion"),
    path("holds", api.holds, name="holds"),
    path("holds/<uuid:hold_id>/release", api.release_hold, name="release_hold"),
]
