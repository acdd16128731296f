"""How the API describes itself: operations named after their addresses, shapes after their apps."""

from __future__ import annotations

import re
from typing import Any

from drf_spectacular.openapi import AutoSchema


class Described(AutoSchema):
    """Names that are unique by construction: `runs_number_cancel_post`, `RunsStep`."""

    def get_operation_id(self) -> str:
        """The address, its parameters included, and the verb."""
        words = re.findall(r"[a-z0-9]+", self.path.removeprefix("/api/v1").lower())
        return "_".join([*words, str(self.method).lower()])

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        app = type(serializer).__module__.removeprefix("apps.").partition(".")[0]
        return f"{app.capitalize()}{super().get_serializer_name(serializer, direction)}"
