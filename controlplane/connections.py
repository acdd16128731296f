"""Lets one thread work on the control database as another role than the rest of its process."""

from __future__ import annotations

import copy

from django.db import connections
from django.db.utils import DEFAULT_DB_ALIAS, load_backend

from . import config


def use(url: str) -> None:
    """From here on this thread's default connection is one of its own, to `url`. Other threads keep theirs."""
    settings = copy.deepcopy(connections.settings[DEFAULT_DB_ALIAS])
    settings.update(config.database(url))
    connections[DEFAULT_DB_ALIAS] = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, DEFAULT_DB_ALIAS)
