"""Addresses of pipelines."""

from __future__ import annotations

from django.urls import path

from . import api, quality_api
from .views import checks, pages, proposing, suites

app_name = "pipelines"
urlpatterns = [
    path("pipelines/", pages.pipelines, name="pipelines"),
    path("pipelines/new", proposing.new, name="new"),
    path("pipelines/check", proposing.check, name="check"),
    path("pipelines/tables", proposing.tables, name="tables"),
    path("pipelines/times", proposing.times, name="times"),
    path("pipelines/<slug:team>/<slug:slug>/", pages.pipeline, name="pipeline"),
    path("pipelines/<slug:team>/<slug:slug>/edit", proposing.edit, name="edit"),
    path("pipelines/<slug:team>/<slug:slug>/versions/<int:number>", pages.version, name="version"),
    path("pipelines/<slug:team>/<slug:slug>/suite", suites.suite, name="suite"),
    path("pipelines/<slug:team>/<slug:slug>/suite/judge", suites.judge, name="suite_judge"),
    path("pipelines/<slug:team>/<slug:slug>/suite/<slug:stream>.json", suites.export, name="suite_export"),
    path("pipelines/<slug:team>/<slug:slug>/checks", checks.results, name="results"),
    path("pipelines/<slug:team>/<slug:slug>/checks/<slug:stream>/<str:check_id>", checks.result, name="result"),
    path("pipelines/<slug:team>/<slug:slug>/start", pages.start, name="start"),
    path("pipelines/<slug:team>/<slug:slug>/pause", pages.pause, name="pause"),
    path("pipelines/<slug:team>/<slug:slug>/resume", pages.resume, name="resume"),
]
api_urlpatterns = [
    path("", api.pipelines, name="pipelines"),
    path("judge", quality_api.judge, name="judge"),
    path("times", quality_api.times, name="times"),
    path("expectations", quality_api.expectations, name="expectations"),
    path("<slug:team>/<slug:slug>", api.pipeline, name="pipeline"),
    path("<slug:team>/<slug:slug>/plan", api.plan, name="plan"),
    path("<slug:team>/<slug:slug>/suite", quality_api.suite, name="suite"),
    path("<slug:team>/<slug:slug>/suite/<slug:stream>", quality_api.export, name="suite_export"),
    path("<slug:team>/<slug:slug>/suite/<slug:stream>/import", quality_api.import_, name="suite_import"),
    path("<slug:team>/<slug:slug>/suggestions", quality_api.suggestions, name="suggestions"),
    path("<slug:team>/<slug:slug>/results", quality_api.results, name="results"),
    path("<slug:team>/<slug:slug>/start", api.start, name="start"),
    path("<slug:team>/<slug:slug>/pause", api.pause, name="pause"),
    path("<slug:team>/<slug:slug>/resume", api.resume, name="resume"),
]
