"""Addresses of connections, their tests, datasets and columns."""

from __future__ import annotations

from django.urls import path

from .api import columns as column_api
from .api import connections as connection_api
from .api import datasets as dataset_api
from .api import drift as drift_api
from .views import columns, connections, datasets, drift, registering, setup

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
    path("sources/<slug:team>/<slug:slug>/setup", setup.setup, name="setup"),
    path("sources/<slug:team>/<slug:slug>/edit", registering.edit, name="edit"),
    path("sources/<slug:team>/<slug:slug>/test", registering.retest, name="retest"),
    path("sources/<slug:team>/<slug:slug>/discover", connections.discover, name="discover"),
]
api_urlpatterns = [
    path("kinds", connection_api.kinds_of_connections, name="kinds"),
    path("connections", connection_api.connections, name="connections"),
    path("connections/<uuid:connection_id>", connection_api.connection, name="connection"),
    path("connections/<uuid:connection_id>/test", connection_api.test, name="test"),
    path("connections/<uuid:connection_id>/discover", connection_api.discover, name="discover"),
    path("connections/<uuid:connection_id>/coverage", column_api.covered, name="coverage"),
    path("tests/<uuid:batch>", connection_api.test_result, name="test_result"),
    path("discoveries/<uuid:discovery_id>", connection_api.discovery, name="discovery"),
    path("datasets", dataset_api.datasets, name="datasets"),
    path("datasets/<uuid:dataset_id>", dataset_api.dataset, name="dataset"),
    path("datasets/<uuid:dataset_id>/profile", dataset_api.profile, name="profile"),
    path("columns", column_api.listed, name="columns"),
    path("columns/classify", column_api.classify, name="classify"),
    path("columns/sheet", column_api.sheet, name="sheet"),
    path("drift", drift_api.listed, name="drift"),
    path("drift/settle", drift_api.settle, name="settle"),
]
