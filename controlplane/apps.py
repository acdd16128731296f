"""Registers the composition root, and Celery's application with it, so that every process nudges the right broker."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class ControlplaneConfig(AppConfig):
    name = "controlplane"

    def ready(self) -> None:
        import_module("controlplane.celery")
