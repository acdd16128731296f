"""The shop, and browsers of its people."""

from __future__ import annotations

from tests.runs.conftest import browse, shop

__all__ = ["browse", "shop"]
