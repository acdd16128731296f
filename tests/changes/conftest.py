"""The CRM that changes are about."""

from __future__ import annotations

import pytest

from tests.support import World

from .support import Crm


@pytest.fixture
def crm(world: World) -> Crm:
    return Crm.discovered(world)
