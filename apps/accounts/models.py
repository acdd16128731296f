"""People, teams, who holds which role, and tokens for programs."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from knox.models import AbstractAuthToken

from apps.core.ids import uuid7
from apps.core.models import Record


class Users(BaseUserManager["User"]):
    """Finds people by e-mail address, whatever its case."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username or "")


class User(AbstractBaseUser):
    """A person. Roles are held in teams and in the organisation; there is no superuser."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    email = models.EmailField()
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=60, default="UTC")
    is_active = models.BooleanField(default=True)
    is_service = models.BooleanField(default=False)
    activated_at = models.DateTimeField(
        null=True, help_text="When an invitation was accepted; null: active from the start."
    )
    deactivated_at = models.DateTimeField(null=True)

    objects: ClassVar[Users] = Users()  # type: ignore[assignment]
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(Lower("email"), name="one_person_per_email")]

    def __str__(self) -> str:
        return self.name


class Organisation(models.Model):
    """The one row about the installation. Founding closes for ever when the second reviewer is active."""

    only = models.BooleanField(primary_key=True, default=True)
    name = models.CharField(max_length=120)
    founded_at = models.DateTimeField(db_default=Now())
    founding_closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(name="there_is_one_organisation", condition=Q(only=True))]

    def __str__(self) -> str:
        return self.name


class Team(Record):
    """Owns connections, pipelines, policies and suites."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    archived_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Membership(Record):
    """A person holds a role in a team (or, without a team, in the organisation). Revoked rows stay as history."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, related_name="memberships")
    role = models.CharField(max_length=20)
    granted_by = models.CharField(max_length=120, help_text="Soft reference: change/<id>.")
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="a_role_is_held_once",
                fields=["user", "team", "role"],
                condition=Q(revoked_at__isnull=True),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="roles_are_known_and_in_their_place",
                condition=Q(team__isnull=False, role__in=["viewer", "engineer", "steward", "reviewer"])
                | Q(team__isnull=True, role__in=["auditor", "administrator"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.user_id}"


class ApiToken(AbstractAuthToken):
    """A program's key to the API: hashed, expiring, limited to scopes; it acts as its owner."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    public_id = models.UUIDField(
        default=uuid7, unique=True, editable=False, help_text="Names it without a piece of it."
    )
    name = models.CharField(max_length=80)
    scopes = ArrayField(models.CharField(max_length=10))
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(name="token_owner", fields=["user", "created"])]

    def __str__(self) -> str:
        return self.name


class Device(Record):
    """A session in some browser, so that its owner can recognise and end it. Its key opens nothing by itself elsewhere.

    `session_key` is empty once the session has ended; the row stays as history.
    """

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    session_key = models.CharField(max_length=40, blank=True)
    browser = models.CharField(max_length=120, help_text="What the browser calls itself, shortened; no address.")
    seen_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=120, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(name="device_owner", fields=["user", "id"], condition=Q(ended_at=None))]

    def __str__(self) -> str:
        return self.browser
