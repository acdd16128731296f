"""What a proposed classification means: its canonical form, what is active, its text, and its consequence.

A proposal may name a few columns; its canonical form is complete for its scope (one dataset, or the connection where it
touches several), so that a difference to what is active is exactly what would change. A column that a complete proposal
leaves out is unclassified.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core.governed import Consequence, Current
from apps.core.ids import Id
from apps.dataplane.classify import NONE
from apps.dataplane.errors import Invalid, NotFound
from apps.dataplane.policy import under

from .definition import KNOWN_TAGS
from .models import Classification, Column, Connection, Dataset
from .selectors import Tags, tags_of

ACTION = "classification.propose"
SURE = 80
MOST_TAGS = 8
LONGEST_TITLE = 200
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Name = tuple[str, str, str]


def normalise(proposal: Mapping[str, Any], *, team_id: Id) -> dict[str, Any]:
    """`{connection, scope, complete, columns: [{schema, table, column, tags}]}`, sorted; Invalid names the field."""
    if not isinstance(proposal, Mapping) or not isinstance(proposal.get("columns"), list | tuple):
        raise Invalid(_("A classification is an object of connection and columns."), field="columns")
    connection = _connection(proposal.get("connection"), team_id)
    named = dict(_entry(entry, index) for index, entry in enumerate(proposal["columns"]))
    if proposal.get("complete"):
        scope = _given_scope(proposal.get("scope"), connection)
        live = _live(_columns_in(scope, connection))
        wanted = {name: tags for name, tags in named.items() if name in live and tags is not None}
    else:
        scope = _scope(connection, named)
        live = _live(_columns_in(scope, connection))
        _require_known(named, live)
        wanted = {name: tags for name, tags in {**_current_tags(live), **named}.items() if tags is not None}
    return _document(connection.id, scope, wanted)


def target(proposal: Mapping[str, Any], *, team_id: Id) -> str:
    return f"classification/{proposal['scope']}"


def current(target: str) -> Current:
    """What is active in the scope. The version counts every classification ever made there."""
    scope = target.removeprefix("classification/")
    connection = _connection_of(scope)
    tags = _current_tags(_live(_columns_in(scope, connection)))
    known = {name: held for name, held in tags.items() if held is not None}
    return Current(version(scope), _document(connection.id, scope, known))


def version(scope: str) -> int:
    """How many classifications the scope has seen: it grows with each one and never shrinks."""
    kind, _slash, identity = scope.partition("/")
    rows = Classification.objects
    if kind == "dataset":
        return rows.filter(column__dataset_id=UUID(identity)).count()
    return rows.filter(column__dataset__connection_id=UUID(identity)).count()


def text(proposal: Mapping[str, Any]) -> str:
    """One line for each classified column."""
    lines = ["classification:"]
    for entry in proposal["columns"]:
        name = ".".join(_quoted(entry[part]) for part in ("schema", "table", "column"))
        lines.append(f"  {name}: {', '.join(entry['tags']) or 'none'}")
    return "\n".join(lines) + "\n"


def consequence(before: Mapping[str, Any] | None, after: Mapping[str, Any], *, team_id: Id) -> Consequence:
    """High risk where a column loses a tag, or is called not sensitive against a sure suggestion."""
    old, new = tags_in(before), tags_in(after)
    changed = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    connection = Connection.objects.get(id=UUID(after["connection"]))
    losing = Counter(
        tag for name in changed for tag in _lost(old.get(name), new.get(name)) if new.get(name) is not None
    )
    against = _against_suggestion(after, changed, new)
    unclassified = sum(1 for name in changed if new.get(name) is None)
    named = _first_names(changed)
    parts = [
        *([_classified(len(changed) - unclassified, connection.name)] if len(changed) > unclassified else []),
        *(_loses(tag, count) for tag, count in sorted(losing.items())),
        *([_called_harmless(against)] if against else []),
        *([_forgotten(unclassified, connection.name)] if unclassified else []),
    ]
    sentence = _("After approval, %(parts)s (%(names)s).") % {"parts": "; ".join(parts), "names": named or _("none")}
    title = ngettext("Classify %(n)s column of %(where)s", "Classify %(n)s columns of %(where)s", len(changed)) % {
        "n": len(changed),
        "where": _where(after, connection),
    }
    return _weighed(title[:LONGEST_TITLE], sentence, losing, against, any(new.get(name) == () for name in changed))


def _weighed(title: str, sentence: str, losing: Mapping[str, int], against: int, harmless: bool) -> Consequence:
    if losing or against:
        reasons = [_("Removes the tag %(tag)s.") % {"tag": tag} for tag in sorted(losing)]
        if against:
            reasons.append(_("Calls columns not sensitive although detection is sure that they are."))
        return Consequence(title, sentence, "HIGH", tuple(reasons), approvals=2)
    if harmless:
        return Consequence(title, sentence, "MEDIUM", (_("Columns that are not sensitive pass readable."),))
    return Consequence(title, sentence, "LOW", (_("Only adds tags."),))


def _loses(tag: str, count: int) -> str:
    return ngettext(
        "%(n)s loses the tag %(tag)s, so pipelines may pass it readable",
        "%(n)s lose the tag %(tag)s, so pipelines may pass them readable",
        count,
    ) % {"n": count, "tag": tag}


def _called_harmless(count: int) -> str:
    return ngettext(
        "%(n)s is called not sensitive although detection is at least %(sure)s %% sure that it is",
        "%(n)s are called not sensitive although detection is at least %(sure)s %% sure that they are",
        count,
    ) % {"n": count, "sure": SURE}


def _classified(count: int, name: str) -> str:
    told = ngettext("%(n)s column of %(name)s is classified", "%(n)s columns of %(name)s are classified", count)
    return told % {"n": count, "name": name}


def _forgotten(count: int, name: str) -> str:
    return ngettext(
        "%(n)s column of %(name)s becomes unclassified, so pipelines refuse it",
        "%(n)s columns of %(name)s become unclassified, so pipelines refuse them",
        count,
    ) % {"n": count, "name": name}


def _first_names(names: Iterable[Name]) -> str:
    written = [_written(name) for name in names]
    return ", ".join(written[:3]) + (", …" if len(written) > 3 else "")


def _where(proposal: Mapping[str, Any], connection: Connection) -> str:
    tables = {(entry["schema"], entry["table"]) for entry in proposal["columns"]}
    if proposal["scope"].startswith("dataset/") and len(tables) == 1:
        return _written(next(iter(tables)))
    return connection.name


def _written(name: tuple[str, ...]) -> str:
    """As people write it: a table in a connection's own folder needs no name before it."""
    return ".".join(_quoted(part) for part in (name[1:] if name[0] == "." else name))


def _lost(old: Tags, new: Tags) -> list[str]:
    """Tags that no longer hold; a more precise tag keeps the one above it."""
    return [tag for tag in old or () if not any(under(kept, tag) for kept in new or ())]


def _against_suggestion(proposal: Mapping[str, Any], changed: Iterable[Name], new: Mapping[Name, Tags]) -> int:
    harmless = {name for name in changed if new.get(name) == ()}
    if not harmless:
        return 0
    connection = Connection.objects.get(id=UUID(proposal["connection"]))
    live = _live(_columns_in(proposal["scope"], connection).filter(suggested_confidence__gte=SURE))
    return sum(1 for name in harmless if name in live and live[name].suggested_tag not in ("", NONE))


# what is named, and what is there


def _connection(identity: object, team_id: Id) -> Connection:
    try:
        found = Connection.objects.filter(id=UUID(str(identity)), team_id=team_id).first()
    except ValueError:
        found = None
    if found is None:
        raise Invalid(_("There is no such connection in this team."), field="connection")
    return found


def _connection_of(scope: str) -> Connection:
    kind, _slash, identity = scope.partition("/")
    rows = Connection.objects.all()
    rows = rows.filter(datasets__id=UUID(identity)) if kind == "dataset" else rows.filter(id=UUID(identity))
    found = rows.first()
    if found is None:
        raise NotFound(_("What was to be classified does not exist."))
    return found


def _columns_in(scope: str, connection: Connection) -> QuerySet[Column]:
    rows = Column.objects.filter(dataset__connection=connection, gone_at=None).select_related("dataset")
    if scope == f"connection/{connection.id}":
        return rows
    return rows.filter(dataset_id=UUID(scope.removeprefix("dataset/")))


def live_columns(proposal: Mapping[str, Any]) -> dict[Name, Column]:
    """The columns that the scope has now, by name."""
    return _live(_columns_in(proposal["scope"], _connection_of(proposal["scope"])))


def _live(columns: QuerySet[Column]) -> dict[Name, Column]:
    return {(column.dataset.schema, column.dataset.table, column.name): column for column in columns}


def _current_tags(live: Mapping[Name, Column]) -> dict[Name, Tags]:
    held = tags_of(column.id for column in live.values())
    return {name: held.get(column.id) for name, column in live.items()}


def _scope(connection: Connection, named: Mapping[Name, Tags]) -> str:
    """One dataset where the proposal touches only one, so that proposals about different tables do not collide."""
    tables = {(schema, table) for schema, table, _column in named}
    if not tables:
        raise Invalid(_("Choose at least one column."), field="columns")
    if len(tables) > 1:
        return f"connection/{connection.id}"
    (schema, table) = next(iter(tables))
    found = (
        Dataset.objects.filter(Q(schema=schema, table=table), connection=connection)
        .values_list("id", flat=True)
        .first()
    )
    if found is None:
        raise _unknown(f"{schema}.{table}")
    return f"dataset/{found}"


def _given_scope(scope: object, connection: Connection) -> str:
    kind, _slash, identity = str(scope).partition("/")
    if scope == f"connection/{connection.id}":
        return str(scope)
    try:
        if kind == "dataset" and connection.datasets.filter(id=UUID(identity)).exists():
            return f"dataset/{UUID(identity)}"
    except ValueError:
        pass
    raise Invalid(_("The scope is neither this connection nor a dataset of it."), field="scope")


def _require_known(named: Mapping[Name, Tags], live: Mapping[Name, Column]) -> None:
    missing = next((name for name in named if name not in live), None)
    if missing:
        raise _unknown(".".join(missing))


def _unknown(what: str) -> Invalid:
    return Invalid(
        _("There is no %(what)s in this connection.") % {"what": what},
        field="columns",
        remedy=_("Discover the connection again."),
    )


def _entry(entry: object, index: int) -> tuple[Name, Tags]:
    place = f"columns[{index}]"
    if not isinstance(entry, Mapping):
        raise Invalid(_("A column is an object of schema, table, column and tags."), field=place)
    name = tuple(entry.get(part) for part in ("schema", "table", "column"))
    if not all(isinstance(part, str) and part for part in name):
        raise Invalid(_("A column is named by schema, table and column."), field=place)
    return name, _tags(entry.get("tags"), f"{place}.tags")  # type: ignore[return-value]


def _tags(value: object, place: str) -> Tags:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) > MOST_TAGS or not all(isinstance(tag, str) for tag in value):
        raise Invalid(_("Tags are a list of at most %(most)s names.") % {"most": MOST_TAGS}, field=place)
    found = sorted(set(value) - {NONE})
    unknown = next((tag for tag in found if tag not in KNOWN_TAGS), None)
    if unknown is not None:
        raise Invalid(
            _("There is no tag %(tag)s.") % {"tag": unknown},
            remedy=_("Known tags are %(tags)s.") % {"tags": ", ".join(KNOWN_TAGS)},
            field=place,
        )
    return tuple(found)


def tags_in(proposal: Mapping[str, Any] | None) -> dict[Name, Tags]:
    """Tags by column name; what is missing is unclassified."""
    entries = proposal["columns"] if proposal else ()
    return {(entry["schema"], entry["table"], entry["column"]): tuple(entry["tags"]) for entry in entries}


def _document(connection_id: Id, scope: str, tags: Mapping[Name, Tags]) -> dict[str, Any]:
    return {
        "connection": str(connection_id),
        "scope": scope,
        "complete": True,
        "columns": [
            {"schema": name[0], "table": name[1], "column": name[2], "tags": list(held or ())}
            for name, held in sorted(tags.items())
        ],
    }


def _quoted(name: str) -> str:
    """An identifier that a reader could mistake for something else stands in quotes, on one line."""
    return name if _PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=not name.isprintable())
