"""Registers the composition root: Celery's application, so that all nudge the right broker, and the file roots."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from django.conf import settings

from apps.dataplane.connectors.files import roots


class ControlplaneConfig(AppConfig):
    name = "controlplane"

    def ready(self) -> None:
        import_module("controlplane.celery")
        roots.allow(settings.LOCKGATE.file_roots)
