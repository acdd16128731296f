"""Addresses of incidents."""

from __future__ import annotations

from django.urls import path

from . import api, views

app_name = "incidents"
urlpatterns = [
    path("incidents/", views.incidents, name="incidents"),
    path("incidents/many", views.many, name="many"),
    path("incidents/<int:number>/", views.incident, name="incident"),
    path("incidents/<int:number>/acknowledge", views.acknowledge, name="acknowledge"),
    path("incidents/<int:number>/assign", views.assign, name="assign"),
    path("incidents/<int:number>/snooze", views.snooze, name="snooze"),
    path("incidents/<int:number>/resolve", views.resolve, name="resolve"),
    path("incidents/<int:number>/reopen", views.reopen, name="reopen"),
    path("incidents/<int:number>/comment", views.comment, name="comment"),
]
api_urlpatterns = [
    path("", api.incidents, name="incidents"),
    path("many", api.many, name="many"),
    path("<int:number>", api.incident, name="incident"),
    path("<int:number>/acknowledge", api.acknowledge, name="acknowledge"),
    path("<int:number>/assign", api.assign, name="assign"),
    path("<int:number>/snooze", api.snooze, name="snooze"),
    path("<int:number>/resolve", api.resolve, name="resolve"),
    path("<int:number>/reopen", api.reopen, name="reopen"),
    path("<int:number>/comment", api.comment, name="comment"),
]
