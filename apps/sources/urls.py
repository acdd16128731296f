"""Addresses of connections, their tests, datasets and columns."""

from __future__ import annotations

from django.urls import path

from . import api
from .views import columns, connections, datasets, drift, registering

app_name = "sources"
urlpatterns = [
    path("sources/", connections.connections, name="sources"),
    path("sources/new", registering.new, name="new"),
    path("sources/datasets/", datasets.datasets, name="datasets"),
    path("sources/datasets/<uuid:dataset_id>/", datasets.dataset, name="dataset"),
    path("sources/datasets/<uuid:dataset_id>/classify", datasets.classify, name="classify"),
    path("sources/datasets/<uuid:dataset_id>/profile", datasets.profile, name="profile"),
    path("sources/datasets/<uuid:dataset_id>/profile/again", datasets.profile_again, name="profile_again"),
    path("sources/columns/", columns.listed, name="columns"),
    path("sources/columns/sheet.csv", columns.sheet, name="column_sheet"),
    path("sources/columns/sheet", columns.upload, name="column_upload"),
    path("sources/columns/sheet/propose", columns.take, name="column_take"),
    path("sources/drift/", drift.listed, name="drift"),
    path("sources/discoveries/<uuid:discovery_id>", connections.discovery, name="discovery"),
    path("sources/tests/<uuid:batch>/", registering.test, name="test"),
    path("sources/tests/<uuid:batch>/propose", registering.propose, name="propose"),
    path("sources/<slug:team>/<slug:slug>/", connections.connection, name="connection"),
    path("sources/<slug:team>/<slug:slug>/edit", registering.edit, name="edit"),
    path("sources/<slug:team>/<slug:slug>/test", registering.retest, name="retest"),
    path("sources/<slug:team>/<slug:slug>/discover", connections.discover, name="discover"),
]
api_urlpatterns = [
    path("connections", api.connections, name="connections"),
    path("connections/<uuid:connection_id>", api.connection, name="connection"),
    path("connections/<uuid:connection_id>/test", api.test, name="test"),
    path("connections/<uuid:connection_id>/discover", api.discover, name="discover"),
    path("tests/<uuid:batch>", api.test_result, name="test_result"),
    path("discoveries/<uuid:discovery_id>", api.discovery, name="discovery"),
    path("datasets", api.datasets, name="datasets"),
    path("datasets/<uuid:dataset_id>", api.dataset, name="dataset"),
]
