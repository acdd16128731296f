"""Addresses of connections, their tests, datasets and columns."""

from __future__ import annotations

from django.urls import path

from . import api, views

app_name = "sources"
urlpatterns = [
    path("sources/", views.connections, name="sources"),
    path("sources/new", views.new, name="new"),
    path("sources/datasets/", views.datasets, name="datasets"),
    path("sources/datasets/<uuid:dataset_id>/", views.dataset, name="dataset"),
    path("sources/datasets/<uuid:dataset_id>/classify", views.classify, name="classify"),
    path("sources/discoveries/<uuid:discovery_id>", views.discovery, name="discovery"),
    path("sources/tests/<uuid:batch>/", views.test, name="test"),
    path("sources/tests/<uuid:batch>/propose", views.propose, name="propose"),
    path("sources/<slug:team>/<slug:slug>/", views.connection, name="connection"),
    path("sources/<slug:team>/<slug:slug>/edit", views.edit, name="edit"),
    path("sources/<slug:team>/<slug:slug>/test", views.retest, name="retest"),
    path("sources/<slug:team>/<slug:slug>/discover", views.discover, name="discover"),
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
