"""Addresses of masking policies, starter packs and simulation, and of why a column is treated as it is."""

from __future__ import annotations

from django.urls import path

from . import api
from .views import editor, packs, pages, simulation

app_name = "policies"
urlpatterns = [
    path("policies/", pages.policies, name="policies"),
    path("policies/new", editor.new, name="new"),
    path("policies/validate", editor.validate, name="validate"),
    path("policies/packs", packs.packs, name="packs"),
    path("policies/simulation", simulation.simulation, name="simulation"),
    path("policies/why/<uuid:column_id>/<slug:zone>", pages.why, name="why"),
    path("policies/<slug:team>/<slug:slug>/", pages.policy, name="policy"),
    path("policies/<slug:team>/<slug:slug>/edit", editor.edit, name="edit"),
    path("policies/<slug:team>/<slug:slug>/versions", pages.versions, name="versions"),
]
api_urlpatterns = [
    path("policies", api.policies, name="policies"),
    path("policies/<slug:team>/<slug:slug>", api.policy, name="policy"),
    path("policies/<slug:team>/<slug:slug>/versions/<int:number>", api.version, name="version"),
    path("packs", api.packs, name="packs"),
    path("simulate", api.simulate, name="simulate"),
    path("validate", api.validate, name="validate"),
    path("why/<uuid:column_id>/<slug:zone>", api.why, name="why"),
]
