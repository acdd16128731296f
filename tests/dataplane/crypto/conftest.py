"""Random tests here have no deadline: how long one takes says something about the machine only."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
