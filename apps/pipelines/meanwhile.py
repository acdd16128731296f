"""Somebody changed it while another was editing: both texts side by side, and nothing that was typed is lost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Meanwhile:
    """What became of the text that was opened, and how what stands in the form differs from that.

    `before` is empty where what was opened is no longer known.
    """

    sentence: str
    before: str
    theirs: str
    mine: str
