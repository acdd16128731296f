"""Addresses of incidents."""

from __future__ import annotations

from django.urls import path

from . import api, views

app_name = "incidents"
urlpatterns = [
    path("incidents/", views.incidents, name="incidents"),
    path("incidents/<int:number>/", views.incident, name="incident"),
    path("incidents/<int:number>/acknowledge", views.acknowledge, name="acknowledge"),
    path("incidents/<int:number>/resolve", views.resolve, name="resolve"),
]
api_urlpatterns = [
    path("", api.incidents, name="incidents"),
    path("<int:number>", api.incident, name="incident"),
    path("<int:number>/acknowledge", api.acknowledge, name="acknowledge"),
    path("<int:number>/resolve", api.resolve, name="resolve"),
]
