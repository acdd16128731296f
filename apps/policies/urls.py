"""Addresses of masking policies, and of why a column is treated as it is."""

from __future__ import annotations

from django.urls import path

from . import api, views

app_name = "policies"
urlpatterns = [
    path("policies/", views.policies, name="policies"),
    path("policies/new", views.new, name="new"),
    path("policies/validate", views.validate, name="validate"),
    path("policies/add-rule", views.add_rule, name="add_rule"),
    path("policies/why/<uuid:column_id>/<slug:zone>", views.why, name="why"),
    path("policies/<slug:team>/<slug:slug>/", views.policy, name="policy"),
    path("policies/<slug:team>/<slug:slug>/edit", views.edit, name="edit"),
    path("policies/<slug:team>/<slug:slug>/versions", views.versions, name="versions"),
]
api_urlpatterns = [
    path("policies", api.policies, name="policies"),
    path("policies/<slug:team>/<slug:slug>", api.policy, name="policy"),
    path("policies/<slug:team>/<slug:slug>/versions/<int:number>", api.version, name="version"),
    path("validate", api.validate, name="validate"),
    path("why/<uuid:column_id>/<slug:zone>", api.why, name="why"),
]
