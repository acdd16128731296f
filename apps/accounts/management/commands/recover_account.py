"""Sets the password of an administrator from standard input; `manage.py recover` calls it, as the owner."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts import services
from apps.core.actor import system
from apps.dataplane.errors import LockgateError


class Command(BaseCommand):
    help = "Called by `manage.py recover`, with the new password on standard input."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, email: str = "", **options: Any) -> None:
        try:
            user = services.recover(actor=system("recover"), email=email, password=sys.stdin.read())
        except LockgateError as error:
            raise CommandError(f"{error.sentence} {error.remedy}".strip()) from error
        self.stdout.write(f"{user.name} has a new password; every session of theirs has ended, and this is on record.")
