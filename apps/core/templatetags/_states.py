"""What a state value of the product looks like: kind of chip, word, icon."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

_STATES = {
    "ok": {
        "SUCCEEDED": _("Succeeded"), "PUBLISHED": _("Published"), "PASSED": _("Passed"), "APPROVED": _("Approved"),
        "APPLIED": _("Applied"), "ACTIVE": _("Active"), "RESOLVED": _("Resolved"), "DONE": _("Done"),
        "COMPLETED": _("Completed"), "DELIVERED": _("Delivered"), "CONFIRMED": _("Confirmed"), "OK": _("OK"),
        "VERIFIED": _("Verified"), "SENT": _("Sent"), "OPEN_GATE": _("Gate open"), "REACHABLE": _("Reachable"),
    },
    "fail": {
        "FAILED": _("Failed"), "REFUSED": _("Refused"), "REJECTED": _("Rejected"), "BLOCKED": _("Blocked"),
        "ERROR": _("Error"), "OPEN": _("Open"), "DEAD": _("Dead"), "LOST": _("Lost"), "DESTROYED": _("Destroyed"),
        "UNREACHABLE": _("Unreachable"), "HIGH": _("High"), "CRITICAL": _("Critical"),
    },
    "run": {
        "RUNNING": _("Running"), "PLANNING": _("Planning"), "EXTRACTING": _("Extracting"), "SETTLING": _("Settling"),
        "GATING": _("At the gate"), "PUBLISHING": _("Publishing"), "CONCLUDING": _("Concluding"),
        "APPLYING": _("Applying"), "CLAIMED": _("Claimed"), "STARTED": _("Started"), "PLANNED": _("Planned"),
        "STAGED": _("Staged"), "RESUMED": _("Resumed"),
    },
    "warn": {
        "AWAITING_REVIEW": _("Awaiting review"), "IN_REVIEW": _("In review"), "PROPOSED": _("Awaiting review"),
        "CHANGES_REQUESTED": _("Changes requested"), "ACKNOWLEDGED": _("Acknowledged"), "WARN": _("Warning"),
        "WARNING": _("Warning"), "DRIFT": _("Schema drift"), "DRIFTED": _("Schema drift"), "PAUSED": _("Paused"),
        "HELD": _("Held"), "CANCELLING": _("Cancelling"), "UNCLASSIFIED": _("Unclassified"), "RETRYING": _("Retrying"),
        "STALE": _("Out of date"), "MEDIUM": _("Medium"), "QUARANTINED": _("Quarantined"), "INVITED": _("Invited"),
        "FOUNDING": _("Founding"), "ASKED": _("Changes requested"),
    },
    "mute": {
        "QUEUED": _("Queued"), "WAITING": _("Waiting"), "PENDING": _("Pending"), "DRAFT": _("Draft"),
        "CANCELLED": _("Cancelled"), "WITHDRAWN": _("Withdrawn"), "EXPIRED": _("Expired"), "ARCHIVED": _("Archived"),
        "SKIPPED": _("Skipped"), "SUPERSEDED": _("Superseded"), "RETIRED": _("Retired"), "REVOKED": _("Revoked"),
        "SNOOZED": _("Snoozed"), "INACTIVE": _("Inactive"), "DEACTIVATED": _("Deactivated"), "LOW": _("Low"),
        "NONE": _("Not sensitive"), "ROLLED_BACK": _("Rolled back"), "COUNTED": _("Counted"), "DELETED": _("Deleted"),
    },
}  # fmt: skip
_KINDS = {value: (kind, word) for kind, words in _STATES.items() for value, word in words.items()}
_ICONS = {
    "AWAITING_REVIEW": "clock", "IN_REVIEW": "clock", "PROPOSED": "clock", "INVITED": "mail", "PAUSED": "player-pause",
    "HELD": "hand-stop", "REFUSED": "ban", "BLOCKED": "ban", "QUEUED": "clock", "WAITING": "clock", "PENDING": "clock",
    "DRAFT": "pencil", "ARCHIVED": "archive", "ROLLED_BACK": "arrow-back-up", "SKIPPED": "player-skip-forward",
    "CANCELLED": "ban", "OPEN": "flame", "ACKNOWLEDGED": "eye", "UNCLASSIFIED": "help-circle", "QUARANTINED": "lock",
    "CHANGES_REQUESTED": "message", "ASKED": "message",
}  # fmt: skip
# An open incident is bad news; an open change waits for somebody.
_OF = {("change", "OPEN"): "AWAITING_REVIEW"}


def shown(value: object, of: str = "") -> tuple[str, str, str]:
    """Kind, word and icon name (empty: the kind's own); an unknown value is shown plainly in grey."""
    key = str(getattr(value, "value", value)).upper().replace("-", "_").replace(" ", "_")
    key = _OF.get((of, key), key)
    kind, word = _KINDS.get(key, ("mute", key.replace("_", " ").capitalize()))
    return kind, str(word), _ICONS.get(key, "")
