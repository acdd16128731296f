"""Which datasets a retention rule reaches, from what discovery and review left."""

from __future__ import annotations

from apps.core.actor import system
from apps.dataplane.plan import TableRef
from apps.dataplane.policy import under
from apps.dataplane.retention import RetentionDefinition
from apps.sources import selectors as sources

PLANNER = system("planner")


def reached(definition: RetentionDefinition) -> tuple[TableRef, ...]:
    """The rule's dataset, or every dataset of its connection with a column classified under its tag, by name."""
    if definition.dataset:
        return (definition.dataset,)
    connection = sources.connection(PLANNER, definition.connection)
    facts = sources.team_facts(connection.team_id)
    tagged = {fact.dataset for fact in facts if any(under(tag, definition.tag) for tag in fact.tags or ())}
    return tuple(ref for ref in sources.tables(connection.id) if ref in tagged)


def estimated_rows(definition: RetentionDefinition) -> int:
    """About how many rows stand in the datasets reached, as last discovered."""
    schemas = (sources.stored_schema(definition.connection, ref) for ref in reached(definition))
    return sum(schema.estimated_rows for schema in schemas if schema)


def dates_are_sensitive(definition: RetentionDefinition, ref: TableRef) -> bool:
    """Whether the age column is classified as sensitive: then not even its oldest date is shown."""
    facts = sources.facts(definition.connection, ref)
    return any(fact.tags for fact in facts if fact.name == definition.age_column)
