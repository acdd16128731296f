"""The last step of `manage.py restore`, as the owner of the restored database: nothing goes on unawares."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane import restoring


class Command(BaseCommand):
    help = "Called by `manage.py restore` with the backup's manifest on standard input."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        manifest = json.load(sys.stdin)
        result = restoring.settle(
            made_at=datetime.fromisoformat(manifest["made_at"]),
            events=int(manifest["audit"]["events"]),
            chain_hash=str(manifest["audit"]["chain_hash"]),
        )
        for sentence in result.sentences:
            self.stdout.write(sentence)
        if result.fault:
            raise CommandError(result.fault)
