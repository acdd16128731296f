"""Addresses of pipelines."""

from __future__ import annotations

from django.urls import path

from . import api, views

app_name = "pipelines"
urlpatterns = [
    path("pipelines/", views.pipelines, name="pipelines"),
    path("pipelines/new", views.new, name="new"),
    path("pipelines/check", views.check, name="check"),
    path("pipelines/<slug:team>/<slug:slug>/", views.pipeline, name="pipeline"),
    path("pipelines/<slug:team>/<slug:slug>/edit", views.edit, name="edit"),
    path("pipelines/<slug:team>/<slug:slug>/versions/<int:number>", views.version, name="version"),
    path("pipelines/<slug:team>/<slug:slug>/start", views.start, name="start"),
    path("pipelines/<slug:team>/<slug:slug>/pause", views.pause, name="pause"),
    path("pipelines/<slug:team>/<slug:slug>/resume", views.resume, name="resume"),
]
api_urlpatterns = [
    path("", api.pipelines, name="pipelines"),
    path("<slug:team>/<slug:slug>", api.pipeline, name="pipeline"),
    path("<slug:team>/<slug:slug>/plan", api.plan, name="plan"),
    path("<slug:team>/<slug:slug>/start", api.start, name="start"),
    path("<slug:team>/<slug:slug>/pause", api.pause, name="pause"),
    path("<slug:team>/<slug:slug>/resume", api.resume, name="resume"),
]
