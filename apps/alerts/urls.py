"""Addresses of the bell, the outbox, channels, routes and deliveries."""

from __future__ import annotations

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from . import api
from .views import bell, channels


class Kind(StringConverter):
    """A kind of channel."""

    regex = "smtp|webhook"


register_converter(Kind, "channel_kind")

app_name = "alerts"
urlpatterns = [
    path("notices/", bell.notices, name="notices"),
    path("notices/read/", bell.read_all, name="read_all"),
    path("notices/<uuid:notice_id>/", bell.read, name="read"),
    path("outbox/", bell.outbox, name="outbox"),
    path("channels/", channels.channels, name="channels"),
    path("channels/new/<channel_kind:kind>", channels.new, name="new"),
    path("channels/tests/<uuid:test_id>/", channels.test, name="test"),
    path("channels/tests/<uuid:test_id>/propose", channels.propose, name="propose"),
    path("channels/<slug:slug>/edit", channels.edit, name="edit"),
    path("channels/<slug:slug>/test", channels.retest, name="retest"),
    path("channels/<slug:slug>/off", channels.switch_off, name="switch_off"),
    path("routes/new", channels.new_route, name="new_route"),
    path("routes/<slug:slug>/edit", channels.edit_route, name="edit_route"),
    path("routes/<slug:slug>/off", channels.switch_off_route, name="switch_off_route"),
    path("deliveries/", channels.deliveries, name="deliveries"),
    path("deliveries/<uuid:delivery_id>/replay", channels.replay, name="replay"),
]
api_urlpatterns = [
    path("notices", api.notices, name="notices"),
    path("notices/<uuid:notice_id>/read", api.read, name="read"),
    path("outbox", api.outbox, name="outbox"),
    path("channels", api.channels, name="channels"),
    path("channels/<slug:slug>/test", api.test, name="test"),
    path("channels/<slug:slug>/off", api.switch_off, name="switch_off"),
    path("channels/tests/<uuid:test_id>", api.test_result, name="test_result"),
    path("routes", api.routes, name="routes"),
    path("routes/<slug:slug>/off", api.switch_off_route, name="switch_off_route"),
    path("deliveries", api.deliveries, name="deliveries"),
    path("deliveries/<uuid:delivery_id>/replay", api.replay, name="replay"),
]
