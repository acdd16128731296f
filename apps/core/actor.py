"""Who acts: a frozen description built once by the interface and handed down to every service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["person", "token", "system"]


@dataclass(frozen=True)
class Actor:
    """Identity, roles and scope of whoever asks.

    `id` is the user's id, or the process's name for a system actor; `teams` maps a team's id to the roles held there;
    `organisation` holds the organisation-wide roles; `scopes` limits a token to those actions (None: no limit).
    """

    id: str
    name: str
    kind: Kind = "person"
    teams: Mapping[str, frozenset[str]] = field(default_factory=dict)
    organisation: frozenset[str] = frozenset()
    scopes: frozenset[str] | None = None
    request_id: str = ""

    def roles(self, team_id: object) -> frozenset[str]:
        """The roles in one team."""
        return self.teams.get(str(team_id), frozenset())

    @property
    def team_ids(self) -> frozenset[str]:
        return frozenset(self.teams)


def system(name: str) -> Actor:
    """A process of the product acting by itself, such as `scheduler`; it passes every check and is named in the log."""
    return Actor(id=name, name=name, kind="system")
