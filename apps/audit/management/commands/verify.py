"""Verifies the audit log and says to which event, or names the first one at fault."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.audit import services


class Command(BaseCommand):
    help = "Verify the audit log's chain, bodies and details; status 1 names the first event at fault."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--upto", type=int, help="verify no further than this number")

    def handle(self, *args: Any, upto: int | None = None, **options: Any) -> None:
        result = services.verify(upto)
        if not result.ok:
            raise CommandError(result.sentence)
        self.stdout.write(result.sentence)
