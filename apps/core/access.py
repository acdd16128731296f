"""Which role may do what: one pure table, asked in the first line of every service."""

from __future__ import annotations

from collections.abc import Mapping

from apps.dataplane.errors import Denied

from .actor import Actor

VIEWER, ENGINEER, STEWARD, REVIEWER = "viewer", "engineer", "steward", "reviewer"
AUDITOR, ADMINISTRATOR = "auditor", "administrator"
TEAM_ROLES = (VIEWER, ENGINEER, STEWARD, REVIEWER)
ORGANISATION_ROLES = (AUDITOR, ADMINISTRATOR)
READ, WRITE = "read", "write"
SCOPES = (READ, WRITE)

_MEMBERS = frozenset(TEAM_ROLES)
_READERS = _MEMBERS | {AUDITOR}

# Organisation roles stand beside team roles; a team's action without a team is open to whoever holds the role anywhere.
ACTIONS: Mapping[str, frozenset[str]] = {
    "connection.view": _READERS,
    "connection.test": frozenset({ENGINEER, STEWARD}),
    "connection.discover": frozenset({ENGINEER, STEWARD}),
    "connection.propose": frozenset({ENGINEER}),
    "dataset.view": _READERS,
    "dataset.profile": frozenset({ENGINEER, STEWARD}),
    "drift.settle": frozenset({ENGINEER, STEWARD}),
    "classification.propose": frozenset({STEWARD, ENGINEER}),
    "policy.view": _READERS,
    "policy.propose": frozenset({STEWARD}),
    "pipeline.view": _READERS,
    "pipeline.propose": frozenset({ENGINEER}),
    "pipeline.pause": frozenset({ENGINEER, STEWARD}),
    "run.view": _READERS,
    "run.start": frozenset({ENGINEER}),
    "run.cancel": frozenset({ENGINEER, STEWARD}),
    "run.recall": frozenset({ENGINEER, STEWARD}),
    "change.view": _READERS,
    "change.comment": _MEMBERS - {VIEWER},
    "change.edit": frozenset({ENGINEER, STEWARD, ADMINISTRATOR}),
    "change.review": frozenset({REVIEWER}),
    "retention.view": _READERS,
    "retention.propose": frozenset({STEWARD}),
    "retention.count": frozenset({STEWARD, ENGINEER}),
    "retention.enforce": frozenset({STEWARD}),
    "retention.pause": frozenset({STEWARD, ENGINEER}),
    "hold.view": _READERS,
    "hold.place": frozenset({STEWARD, REVIEWER}),
    "hold.release": frozenset({STEWARD}),
    "incident.view": _READERS,
    "incident.acknowledge": frozenset({ENGINEER, STEWARD, REVIEWER}),
    "incident.resolve": frozenset({ENGINEER, STEWARD, REVIEWER}),
    "audit.view": frozenset({AUDITOR}),
    "audit.verify": frozenset({AUDITOR}),
    "audit.export": frozenset({AUDITOR}),
    "people.view": frozenset({ADMINISTRATOR, AUDITOR}),
    "session.end": frozenset({ADMINISTRATOR}),
    "token.revoke": frozenset({ADMINISTRATOR}),
    "key.view": frozenset({ADMINISTRATOR, AUDITOR}),
    "key.confirm": frozenset({ADMINISTRATOR}),
    "membership.propose": frozenset({ADMINISTRATOR}),
    "person.deactivate": frozenset({ADMINISTRATOR}),
    "role.revoke": frozenset({ADMINISTRATOR}),
    "operation.view": frozenset({ADMINISTRATOR, AUDITOR}),
    "operation.act": frozenset({ADMINISTRATOR}),
    "channel.view": _READERS | {ADMINISTRATOR},
    "channel.propose": frozenset({ADMINISTRATOR}),
    "route.propose": frozenset({ADMINISTRATOR, ENGINEER, STEWARD}),
}
READING = frozenset(action for action in ACTIONS if action.endswith((".view", ".verify")))


def allowed(actor: Actor, action: str, team_id: object | None = None) -> bool:
    """Whether the actor may do the action in that team, or at all without one. An unknown action: KeyError."""
    roles = ACTIONS[action]
    if actor.kind == "system":
        return True
    if actor.scopes is not None and (READ if action in READING else WRITE) not in actor.scopes:
        return False
    if roles & actor.organisation:
        return True
    held = actor.roles(team_id) if team_id else frozenset().union(*actor.teams.values())
    return bool(roles & held)


def everywhere(actor: Actor, action: str) -> bool:
    """Whether the action is open to the actor in every team: an auditor, or the product itself."""
    return actor.kind == "system" or bool(ACTIONS[action] & actor.organisation and allowed(actor, action))


def teams(actor: Actor, action: str) -> list[str]:
    """The teams in which the actor may do the action."""
    return [team for team in actor.teams if allowed(actor, action, team)]


def require(actor: Actor, action: str, team_id: object | None = None) -> None:
    """Raise Denied, naming action and roles, unless the actor may."""
    if not allowed(actor, action, team_id):
        who = " or ".join(sorted(ACTIONS[action]))
        raise Denied(
            f"{actor.name} may not do this ({action}); it takes the role {who}.",
            remedy="Ask an administrator for the role, or somebody who holds it.",
        )
