"""Keys, wrapped: only a process of the right class, started with that class's KEK, can open one."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

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


class KeyFile(models.Model):
    """The key-encryption key that a class was last started with, and who said that a copy of it is kept elsewhere.

    `begins` is the beginning of the SHA-256 of the file, written by the process that read it: 32 bits of a hash of 256
    random ones give nothing away. Another key file has another beginning, which nobody has confirmed.
    """

    holder = models.CharField(primary_key=True, max_length=20)
    begins = models.CharField(max_length=8)
    place = models.CharField(max_length=400, default="", help_text="Where the process read it from.")
    seen_at = models.DateTimeField(db_default=Now())
    copied_begins = models.CharField(max_length=8, blank=True)
    copied_at = models.DateTimeField(null=True)
    copied_by = models.CharField(max_length=60, blank=True)

    def __str__(self) -> str:
        return f"{self.holder}.kek"
