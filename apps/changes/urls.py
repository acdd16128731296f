"""Addresses of the inbox, of each change, and of what can be done with it."""

from __future__ import annotations

from django.urls import path

from . import api, views

app_name = "changes"
urlpatterns = [
    path("changes/", views.changes, name="changes"),
    path("changes/<int:number>/", views.change, name="change"),
    path("changes/<int:number>/decide", views.decide, name="decide"),
    path("changes/<int:number>/comment", views.comment, name="comment"),
    path("changes/<int:number>/edit", views.edit, name="edit"),
    path("changes/<int:number>/withdraw", views.withdraw, name="withdraw"),
    path("changes/<int:number>/roll-back", views.roll_back, name="roll_back"),
]
api_urlpatterns = [
    path("", api.changes, name="changes"),
    path("<int:number>", api.change, name="change"),
    path("<int:number>/edit", api.edit, name="edit"),
    path("<int:number>/approve", api.approve, name="approve"),
    path("<int:number>/reject", api.reject, name="reject"),
    path("<int:number>/request-changes", api.request_changes, name="request_changes"),
    path("<int:number>/comment", api.comment, name="comment"),
    path("<int:number>/withdraw", api.withdraw, name="withdraw"),
    path("<int:number>/roll-back", api.roll_back, name="roll_back"),
]
