"""Keys, wrapped: only a process of the right class, started with that class's KEK, can open one."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from apps.core.models import Record


class Key(Record):
    """One version of a key. `holder` is the process class whose KEK wraps it: extract, publish, general or notary.

    Purposes: `treatment` (32 bytes, by domain), `quarantine` (32 bytes), `parts` and `notary` (Ed25519), `credentials`
    (X25519). `public` is empty for symmetric keys.
    """

    ACTIVE, RETIRED, DESTROYED = "ACTIVE", "RETIRED", "DESTROYED"

    holder = models.CharField(max_length=20)
    purpose = models.CharField(max_length=20)
    domain = models.CharField(max_length=60)
    version = models.PositiveIntegerField()
    state = models.CharField(max_length=10, default=ACTIVE)
    public = models.BinaryField(default=b"")
    wrapped = models.BinaryField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_key_per_version", fields=["holder", "purpose", "domain", "version"]),
            models.UniqueConstraint(
                name="one_active_version", fields=["holder", "purpose", "domain"], condition=models.Q(state="ACTIVE")
            ),
        ]

    def __str__(self) -> str:
        return "/".join(filter(None, (self.purpose, self.domain, str(self.version))))
