"""A connection with old and young orders, and short ways to write a rule for them and carry it out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.sources.conftest import browse, here
from tests.sources.support import Installation

from .support import ORDERS, Orders

__all__ = ["browse", "here"]


@pytest.fixture
def orders(here: Installation) -> Orders:
    writer = f'"{here.writer.name}"'
    here.run(*ORDERS, f"GRANT USAGE ON SCHEMA crm TO {writer}", f"GRANT SELECT, DELETE ON crm.orders TO {writer}")
    here.allow_reading("crm")
    connection = here.connected(write=True)
    here.work()
    return Orders(here, connection)


@pytest.fixture
def placed(orders: Orders) -> Callable[..., None]:
    return orders.hold
