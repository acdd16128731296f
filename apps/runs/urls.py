"""Addresses of runs."""

from __future__ import annotations

from django.urls import path

from . import api, live, views

app_name = "runs"
urlpatterns = [
    path("runs/", views.runs, name="runs"),
    path("runs/list.csv", views.sheet, name="sheet"),
    path("runs/new/<slug:team>/<slug:slug>", views.new, name="new"),
    path("runs/<int:number>/", views.run, name="run"),
    path("runs/<int:number>/events", live.events, name="events"),
    path("runs/<int:number>/checks", views.checks, name="checks"),
    path("runs/<int:number>/quarantine", views.quarantine, name="quarantine"),
    path("runs/<int:number>/plan", views.plan, name="plan"),
    path("runs/<int:number>/manifest", views.manifest, name="manifest"),
    path("runs/<int:number>/manifest.json", views.manifest_file, name="manifest_file"),
    path("runs/<int:number>/log", views.log, name="log"),
    path("runs/<int:number>/log.txt", views.log_file, name="log_file"),
    path("runs/<int:number>/cancel", views.cancel, name="cancel"),
    path("runs/<int:number>/again", views.again, name="again"),
    path("runs/<int:number>/repeat", views.repeat, name="repeat"),
    path("runs/<int:number>/compare", views.compare, name="compare"),
    path("runs/<int:number>/recall", views.recall, name="recall"),
    path("runs/<int:number>/recall.json", views.recall_file, name="recall_file"),
]
api_urlpatterns = [
    path("", api.runs, name="runs"),
    path("<int:number>", api.run, name="run"),
    path("<int:number>/plan", api.plan, name="plan"),
    path("<int:number>/checks", api.checks, name="checks"),
    path("<int:number>/manifest", api.manifest, name="manifest"),
    path("<int:number>/log", api.log, name="log"),
    path("<int:number>/cancel", api.cancel, name="cancel"),
    path("<int:number>/retry", api.retry, name="retry"),
    path("<int:number>/repeat", api.repeat, name="repeat"),
    path("<int:number>/recall", api.recall, name="recall"),
    path("<int:number>/compare", api.compare, name="compare"),
]
