"""Connectors: how Lockgate reaches the systems that data comes from and goes to; one package for each kind."""

from __future__ import annotations

from apps.dataplane.errors import Invalid

from . import files, postgres
from .base import Connector

_ALL = (postgres.CONNECTOR, files.CONNECTOR)


def kinds() -> tuple[Connector, ...]:
    """Every kind of connection there is, in the order in which they are offered."""
    return _ALL


def connector(kind: object) -> Connector:
    """The connector of that kind. Raises Invalid for an unknown one."""
    for one in _ALL:
        if one.kind == kind:
            return one
    known = ", ".join(one.kind for one in _ALL)
    raise Invalid("This kind of connection is unknown.", field="kind", remedy=f"Choose one of {known}.")
