"""The page on which a pipeline is proposed: what stands in it, what it would propose, what a run of that would do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from django.http import QueryDict
from django.utils.translation import gettext as _

from apps.accounts import selectors as accounts
from apps.core import access
from apps.core.actor import Actor
from apps.core.forms import bind_error
from apps.dataplane import definition as definitions
from apps.dataplane.errors import Invalid, LockgateError, Refusal
from apps.dataplane.plan import TableRef
from apps.dataplane.quality.catalogue import CATALOGUE
from apps.dataplane.quality.rows import KINDS
from apps.sources import selectors as sources

from . import drafting, planning, presenting, proposals, rehearsal
from .drafting import Draft
from .forms import Head
from .models import Pipeline
from .planning import Wiring
from .selectors import definition_of

Mode = Literal["form", "yaml"]
PLACES = {"schedule.cron": "cron", "schedule.zone": "zone", "schedule": "cron"}


@dataclass(frozen=True)
class Place:
    """The team that a pipeline belongs to, and the connections that it may join."""

    team_id: UUID
    team_slug: str
    team_name: str
    sources: tuple[tuple[str, str], ...]
    destinations: tuple[tuple[str, str], ...]

    def is_source(self, id: str) -> bool:
        return id in dict(self.sources)


@dataclass(frozen=True)
class Verdict:
    """What the server says of the text as it stands: an error and its place, or what a run would do."""

    sentence: str = ""
    remedy: str = ""
    place: str = ""
    link: str = ""
    waiting: str = ""
    consequence: str = ""
    risk: str = ""
    cards: tuple[presenting.StreamCard, ...] = ()
    refusals: tuple[dict[str, str], ...] = ()
    columns: int = 0
    treated: int = 0


@dataclass
class Editing:
    """One state of the page. `wrong` is the place in the definition that the last error named."""

    place: Place
    pipeline: Pipeline | None
    mode: Mode
    head: Head
    draft: Draft
    text: str = ""
    wrong: str = ""
    known: dict[TableRef, tuple[str, ...]] = field(default_factory=dict)

    @property
    def source_id(self) -> str:
        return str(self.head["source"].value() or "")

    def proposal(self) -> dict[str, Any]:
        """What would be proposed. Raises Invalid for a YAML text that is none."""
        value = {name: str(self.head[name].value() or "").strip() for name in self.head.fields}
        if self.mode == "yaml":
            document = drafting.from_yaml(self.text)
        else:
            document = drafting.document(
                self.draft, purpose=value["purpose"], cron=value["cron"], zone=value["zone"] or "UTC"
            )
        slug = self.pipeline.slug if self.pipeline else value["slug"]
        ends = {"source": value["source"], "destination": value["destination"]}
        return {"slug": slug, "name": value["name"], **ends, "definition": document}


def teams(actor: Actor) -> list[Any]:
    """The teams in which the actor may propose pipelines. Raises Denied for none."""
    found = [team for team in accounts.teams(actor) if access.allowed(actor, "pipeline.propose", team.id)]
    if not found:
        access.require(actor, "pipeline.propose")
    return found


def place_of(actor: Actor, team: Any) -> Place:
    """The team with its connections: what can be read, what can be written."""
    own = [card for card in sources.cards(actor) if card.connection.team_id == team.id]
    ends = {
        purpose: tuple(
            (str(card.connection.id), _in_zone(card.connection.name, card.definition.zone))
            for card in own
            if purpose in card.definition.credentials
        )
        for purpose in ("read", "write")
    }
    return Place(team.id, team.slug, team.name, ends["read"], ends["write"])


def _in_zone(name: str, zone: str) -> str:
    return _("%(name)s (zone %(zone)s)") % {"name": name, "zone": zone}


def begin(place: Place, pipeline: Pipeline | None, mode: Mode, zone: str) -> Editing:
    """The page as it is opened: empty, or the active version."""
    draft, initial = drafting.empty(), {"zone": zone, "purpose": "analytics"}
    if pipeline:
        document = definitions.as_document(definition_of(pipeline))
        draft = drafting.of_document(document)
        initial = {"name": pipeline.name, "source": str(pipeline.source_id)} | _head_of(document, zone)
        initial["destination"] = str(pipeline.destination_id)
    editing = Editing(place, pipeline, mode, _head(place, pipeline, initial=initial), draft)
    return _with_text(editing)


def posted(place: Place, pipeline: Pipeline | None, data: QueryDict) -> Editing:
    """The page as it was sent, after the act that its button asks for; what is sent to be proposed is bound."""
    mode: Mode = "yaml" if data.get("mode") == "yaml" else "form"
    act = data.get("act", "")
    held = {name: data.get(name, "") for name in Head.base_fields}
    head = _head(place, pipeline, data=data) if act == "propose" else _head(place, pipeline, initial=held)
    editing = Editing(place, pipeline, mode, head, drafting.read(data), data.get("definition", ""))
    if act == "yaml" and mode == "form":
        return _with_text(Editing(place, pipeline, "yaml", head, editing.draft))
    if act == "form" and mode == "yaml":
        return _to_form(editing, held)
    editing.draft = drafting.act(editing.draft, act)
    return editing


def show_error(editing: Editing, error: LockgateError) -> None:
    """At its field of the head; else in the text, or beside the row of the form, with its place named."""
    name = PLACES.get(error.field, error.field)
    if name in editing.head.fields and not (editing.mode == "yaml" and name in ("cron", "zone", "purpose")):
        bind_error(editing.head, type(error)(error.sentence, remedy=error.remedy, field=name))
        return
    editing.wrong = dotted(error.field)
    sentence = f"{error.field}: {error.sentence}" if error.field not in ("", "definition") else error.sentence
    where = "definition" if editing.mode == "yaml" else ""
    bind_error(editing.head, Invalid(sentence, remedy=error.remedy, field=where))


def dotted(place: str) -> str:
    """`streams[1].settle[0].to` as fields of the form are named: `streams.1.settle.0.to`."""
    return re.sub(r"\[(\d+)\]", r".\1", place)


def verdict(editing: Editing) -> Verdict:
    """What stands there, judged now: the first error, or what each column would become."""
    try:
        given = editing.proposal()
        named = {"name": given["name"] or _("New pipeline"), "slug": given["slug"] or "new"}
        missing = _missing(editing, given)
        if missing:
            return Verdict(waiting=missing)
        definition = definitions.parse(given["definition"])
        whole = proposals.normalise({**given, **named}, team_id=editing.place.team_id)
        before = proposals.as_proposal(editing.pipeline) if editing.pipeline else None
        said = proposals.consequence(before, whole, team_id=editing.place.team_id)
    except Invalid as error:
        return Verdict(sentence=error.sentence, remedy=error.remedy, place=error.field, link=dotted(error.field))
    wiring = Wiring(editing.place.team_id, UUID(whole["source"]), UUID(whole["destination"]), definition)
    planned = planning.stored_plan(wiring)
    columns = [column for listed in planned.values() for column in listed]
    told = _beyond_columns(rehearsal.rehearse(wiring), columns)
    return Verdict(
        consequence=said.sentence,
        risk=said.risk,
        cards=tuple(presenting.cards(definition, planned, source_id=wiring.source_id)),
        refusals=tuple(presenting.refusals(told, source_id=wiring.source_id)),
        columns=len(columns),
        treated=sum(1 for column in columns if not isinstance(column, Refusal) and column.treatment.kind != "pass"),
    )


def _missing(editing: Editing, given: dict[str, Any]) -> str:
    """What is to be chosen first, before there is anything to judge; empty when all is there."""
    if editing.mode == "form" and not all(stream["source"]["table"] for stream in editing.draft[drafting.STREAMS]):
        return _("Choose a source, a destination and a table to see what happens to each column.")
    if not (given["source"] and given["destination"]):
        definitions.parse(given["definition"])
        return _("Choose a source and a destination to see what happens to each column.")
    return ""


def rows(editing: Editing) -> dict[str, Any]:
    """The structured half of the page: streams with their rules, and the output checks."""
    tables = sources.tables(editing.source_id) if editing.place.is_source(editing.source_id) else []
    whole = drafting.complete(editing.draft)
    names = [stream["name"] for stream in whole[drafting.STREAMS]]
    columns = {stream["name"]: _columns(editing, stream["source"]) for stream in whole[drafting.STREAMS]}
    return {
        "streams": [
            _stream_rows(editing, index, stream, completed, columns)
            for index, (stream, completed) in enumerate(
                zip(editing.draft[drafting.STREAMS], whole[drafting.STREAMS], strict=True)
            )
        ],
        "checks": drafting.check_rows(editing.draft, lambda name: columns.get(name or (names[0] if names else ""), ())),
        "stream_names": names,
        "tables": [(drafting.table_value(ref.schema, ref.table), str(ref)) for ref in tables],
        "kinds": [(kind.kind, kind.title) for kind in KINDS.values()],
        "expectations": [(one.type, one.title) for one in CATALOGUE.values()],
    }


def _stream_rows(
    editing: Editing, index: int, stream: Draft, completed: Draft, columns: dict[str, tuple[str, ...]]
) -> dict[str, Any]:
    place = f"{drafting.STREAMS}.{index}"
    own = columns[completed["name"]]
    return {
        "place": place,
        "stream": stream,
        "completed": completed,
        "chosen": drafting.table_value(stream["source"]["schema"], stream["source"]["table"]),
        "columns": own,
        "filters": drafting.rule_rows(stream, place, "filters", own),
        "row_checks": drafting.rule_rows(stream, place, "row_checks", own),
        "settle": [
            drafting.Row(
                f"{place}.settle.{number}", rule, drafting.suggested_id(rule), (), columns.get(rule["target"], ())
            )
            for number, rule in enumerate(stream["settle"])
        ],
    }


def _columns(editing: Editing, table: Draft) -> tuple[str, ...]:
    ref = TableRef(table["schema"], table["table"])
    if not ref.table or not editing.place.is_source(editing.source_id):
        return ()
    if ref not in editing.known:
        schema = sources.stored_schema(editing.source_id, ref)
        editing.known[ref] = tuple(column.name for column in schema.columns) if schema else ()
    return editing.known[ref]


def _beyond_columns(found: Sequence[Refusal], columns: Sequence[object]) -> list[Refusal]:
    """What is refused beyond the columns, each of which says so in its own line."""
    told = {(column.code, column.subject) for column in columns if isinstance(column, Refusal)}
    return [refusal for refusal in found if (refusal.code, refusal.subject) not in told]


def _head(place: Place, pipeline: Pipeline | None, **kwargs: Any) -> Head:
    head = Head(sources=list(place.sources), destinations=list(place.destinations), **kwargs)
    if pipeline:
        del head.fields["slug"]
    return head


def _head_of(document: Draft, zone: str) -> dict[str, str]:
    schedule = document.get("schedule") or {}
    return {
        "purpose": document.get("purpose", ""),
        "cron": schedule.get("cron", ""),
        "zone": schedule.get("zone", zone),
    }


def _with_text(editing: Editing) -> Editing:
    given = {name: str(editing.head[name].value() or "") for name in ("purpose", "cron", "zone")}
    editing.text = drafting.as_yaml(drafting.document(editing.draft, **given))
    return editing


def _to_form(editing: Editing, held: dict[str, str]) -> Editing:
    """Back from the text; a text that cannot be read stays, with its error."""
    try:
        document = definitions.as_document(definitions.parse(drafting.from_yaml(editing.text)))
    except Invalid as error:
        editing.head = _head(editing.place, editing.pipeline, data=held)
        show_error(editing, error)
        return editing
    head = _head(editing.place, editing.pipeline, initial=held | _head_of(document, held["zone"] or "UTC"))
    return Editing(editing.place, editing.pipeline, "form", head, drafting.of_document(document))
