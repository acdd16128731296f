"""The jobs of this app: each is one service call."""

from __future__ import annotations

from apps.core.jobs import Lease

from . import profiling, services


def test(lease: Lease) -> None:
    services.run_test(lease=lease)


def discover(lease: Lease) -> None:
    services.run_discovery(lease=lease)


def profile(lease: Lease) -> None:
    profiling.run_profile(lease=lease)


def profile_dead(subject: str, outcome: str) -> None:
    profiling.give_up_profile(profile_id=subject.partition("/")[2], outcome=outcome)


def test_dead(subject: str, outcome: str) -> None:
    services.give_up_test(test_id=subject.partition("/")[2], outcome=outcome)


def discover_dead(subject: str, outcome: str) -> None:
    services.give_up_discovery(discovery_id=subject.partition("/")[2], outcome=outcome)


test.__test__ = test_dead.__test__ = False  # type: ignore[attr-defined]
