"""`manage.py demo`: called by `up --demo` while everything runs."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand

from apps.dataplane.errors import LockgateError
from controlplane.demo import story


class Command(BaseCommand):
    help = "Seed the demo organisation where it is missing and run its pipeline; `manage.py up --demo` calls it."

    def handle(self, *args: Any, **options: Any) -> None:
        admin_url = os.environ.get("LOCKGATE_BOOT_ADMIN_URL", "")
        if not admin_url:
            self.stderr.write("The demo is started by `python3 manage.py up --demo`.")
            sys.exit(1)
        try:
            status = story.tell(admin_url, lambda line: self.stdout.write(line))
        except LockgateError as error:
            self.stderr.write(f"{error.sentence} {error.remedy}".strip())
            status = 1
        sys.exit(status)
