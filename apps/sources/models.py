"""Connections and their versions, the datasets and columns found there, and what each column is classified as."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import F, Func, Value
from django.db.models.functions import Now

from apps.accounts.models import Team
from apps.core.ids import uuid7
from apps.core.models import Record
from apps.dataplane.plan import TableRef

# The words of a name such as `contact_e-mail`; the text search would take what has dots and slashes for an address.
NAME_WORDS = SearchVector(
    Func(F("name"), Value("_-./"), Value("    "), function="translate", output_field=models.TextField()),
    config="simple",
)


class Connection(Record):
    """A system that can be reached. What it says is in its active version; governed."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="connections")
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20)
    active_version = models.PositiveIntegerField()
    archived_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="connection_slug", fields=["team", "slug"])]

    def __str__(self) -> str:
        return self.name


class ConnectionVersion(Record):
    """One approved definition: settings, zone and region, and the credentials sealed to the worker classes."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField(help_text="{format, settings, zone, region, credentials: {read, write}}")
    hash = models.CharField(max_length=64)
    change = models.CharField(max_length=80)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="connection_version", fields=["connection", "number"])]

    def __str__(self) -> str:
        return f"{self.connection_id} v{self.number}"


class ConnectionTest(Record):
    """A stepwise test of a proposed (or the active) definition, run by the worker that holds the credential.

    The read and the write credential are tested by different workers: two rows that share a `batch`.
    """

    RUNNING, PASSED, FAILED = "RUNNING", "PASSED", "FAILED"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="connection_tests")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, null=True, related_name="tests")
    batch = models.UUIDField()
    purpose = models.CharField(max_length=10)
    proposal = models.JSONField(help_text="The proposal tested: {slug, name, kind, definition}, credentials sealed.")
    state = models.CharField(max_length=10, default=RUNNING)
    steps = models.JSONField(default=list, help_text="[{step, ok, sentence, field, remedy, milliseconds}]")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="one_test_per_purpose", fields=["batch", "purpose"])]
        indexes: ClassVar = [models.Index(name="test_of_connection", fields=["connection", "id"])]

    def __str__(self) -> str:
        return f"{self.purpose} {self.state}"


class Discovery(Record):
    """One look at what a connection holds, and how that differs from the look before."""

    RUNNING, DONE, FAILED = "RUNNING", "DONE", "FAILED"

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="discoveries")
    state = models.CharField(max_length=10, default=RUNNING)
    drift = models.JSONField(default=list, help_text="[{dataset, column, what: added|dropped|retyped, before, after}]")
    failure = models.TextField(blank=True)
    datasets = models.PositiveIntegerField(default=0)
    columns = models.PositiveIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(name="discovery_of_connection", fields=["connection", "id"])]

    def __str__(self) -> str:
        return f"{self.connection_id} {self.state}"


class Dataset(Record):
    """A table of a connection, as last discovered. Its id outlives a rename of the connection."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="datasets")
    schema = models.CharField(max_length=63)
    table = models.CharField(max_length=63)
    schema_hash = models.CharField(max_length=64)
    live_schema = models.JSONField(help_text="The TableSchema as JSON.")
    estimated_rows = models.BigIntegerField(default=0)
    seen_at = models.DateTimeField(db_default=Now())
    gone_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="dataset_name", fields=["connection", "schema", "table"])]

    def __str__(self) -> str:
        return str(TableRef(self.schema, self.table))


class Column(Record):
    """A column of a dataset, as last discovered. One that went and came back is a new row: nobody has classified it."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="columns")
    name = models.CharField(max_length=63)
    type = models.CharField(max_length=200)
    position = models.PositiveIntegerField()
    gone_at = models.DateTimeField(null=True)
    suggested_tag = models.CharField(max_length=60, blank=True)
    suggested_confidence = models.PositiveSmallIntegerField(default=0)
    suggested_reason = models.CharField(max_length=300, blank=True)
    suggested_by = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="column_name", fields=["dataset", "name"], condition=models.Q(gone_at__isnull=True)
            )
        ]
        # Search finds a column by the beginning of any word of its name, among tens of thousands.
        indexes: ClassVar = [GinIndex(NAME_WORDS, name="column_words")]

    def __str__(self) -> str:
        return self.name


class Profile(Record):
    """What a bounded look at a dataset's rows counted. Only the newest that is done keeps its body.

    Of a column that nobody decided is not sensitive the body holds shapes and counts, no value.
    """

    RUNNING, DONE, FAILED = "RUNNING", "DONE", "FAILED"

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="profiles")
    state = models.CharField(max_length=10, default=RUNNING)
    body = models.JSONField(default=dict, help_text="{rows, sampled, at, columns: [ColumnProfile]}")
    failure = models.TextField(blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_profile_at_work", fields=["dataset"], condition=models.Q(state="RUNNING"))
        ]
        indexes: ClassVar = [models.Index(name="profile_of_dataset", fields=["dataset", "id"])]

    def __str__(self) -> str:
        return f"{self.dataset_id} {self.state}"


class Difference(Record):
    """A difference that discovery found and nobody has settled: classified, seen, or gone back to what it was.

    `column` is empty where the whole dataset came or went. Of one column there is one: from what it was to what it is.
    """

    CLASSIFIED, SEEN, REVERTED = "CLASSIFIED", "SEEN", "REVERTED"

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="differences")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="differences")
    column = models.CharField(max_length=63, blank=True)
    what = models.CharField(max_length=10)
    before = models.CharField(max_length=200, blank=True)
    after = models.CharField(max_length=200, blank=True)
    settled_at = models.DateTimeField(null=True)
    settled_by = models.CharField(max_length=120, blank=True)
    settled_how = models.CharField(max_length=10, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_open_difference", fields=["dataset", "column"], condition=models.Q(settled_at__isnull=True)
            )
        ]
        indexes: ClassVar = [models.Index(name="difference_of_connection", fields=["connection", "id"])]

    def __str__(self) -> str:
        return f"{self.what} {self.column}"


class Classification(models.Model):
    """What a column is, decided by an approved change. The newest row of a column counts; no row: unclassified.

    `tags` is empty for `none`: somebody looked, and it is not sensitive. Governed.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    column = models.ForeignKey(Column, on_delete=models.PROTECT, related_name="classifications")
    number = models.PositiveIntegerField()
    tags = ArrayField(models.CharField(max_length=60))
    unclassified = models.BooleanField(default=False, help_text="Rolled back to nobody having looked.")
    change = models.CharField(max_length=80)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="classification_number", fields=["column", "number"])]

    def __str__(self) -> str:
        return ", ".join(self.tags) or "none"
