"""The page on which a pipeline is proposed: what stands in it, what it would propose, what a run of that would do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import UUID

from django.http import QueryDict
from django.utils.translation import gettext as _

from apps.accounts import selectors as accounts
from apps.core import access
from apps.core.actor import Actor
from apps.core.clock import now
from apps.core.forms import bind_error
from apps.dataplane import definition as definitions
from apps.dataplane.definition import Schedule
from apps.dataplane.errors import Invalid, LockgateError, Refusal
from apps.dataplane.plan import TableRef
from apps.dataplane.quality import rows as row_rules
from apps.dataplane.quality.catalogue import CATALOGUE
from apps.dataplane.quality.rows import KINDS
from apps.sources import selectors as sources

from . import drafting, formfields, formrows, planning, presenting, proposals, rehearsal, scheduling, yamltext
from .drafting import Draft
from .formfields import Choice
from .forms import Head
from .meanwhile import Meanwhile
from .models import Pipeline
from .planning import Wiring
from .presenting import ScheduleLine

Mode = Literal["form", "yaml"]
PLACES = {"schedule.cron": "cron", "schedule.zone": "zone", "schedule": "cron"}
TABLES_OFFERED = 60
FILES = "files"


@dataclass(frozen=True)
class Place:
    """The team that a pipeline belongs to, and the connections that it may join; `kinds` by their ids."""

    team_id: UUID
    team_slug: str
    team_name: str
    sources: tuple[tuple[str, str], ...]
    destinations: tuple[tuple[str, str], ...]
    kinds: dict[str, str] = field(default_factory=dict)

    def is_source(self, id: str) -> bool:
        return id in dict(self.sources)

    def home(self, destination: str) -> str:
        """Where at the destination goes what comes from no schema."""
        return drafting.ROOT if self.kinds.get(destination) == FILES else "public"


@dataclass(frozen=True)
class Opened:
    """What the form was opened on: a version, or a change that is still open, and the text that was read there.

    `change` is its number, 0 for none; `seen` the hash of its text.
    """

    version: int = 0
    change: int = 0
    seen: str = ""


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
    """One state of the page. `wrong` is the place in the definition that the last error named, `at` where one works."""

    place: Place
    pipeline: Pipeline | None
    mode: Mode
    head: Head
    draft: Draft
    text: str = ""
    wrong: str = ""
    opened: Opened = Opened()
    meanwhile: Meanwhile | None = None
    at: str = ""
    search: str = ""
    picked: tuple[str, ...] = ()
    known: dict[TableRef, tuple[Choice, ...]] = field(default_factory=dict)

    @property
    def source_id(self) -> str:
        return str(self.head["source"].value() or "")

    @property
    def home(self) -> str:
        return self.place.home(str(self.head["destination"].value() or ""))

    def proposal(self) -> dict[str, Any]:
        """What would be proposed. Raises Invalid for a YAML text that is none."""
        value = {name: str(self.head[name].value() or "").strip() for name in self.head.fields}
        if self.mode == "yaml":
            document = yamltext.from_yaml(self.text)
        else:
            document = drafting.document(
                self.draft,
                purpose=value["purpose"],
                cron=value["cron"],
                zone=value["zone"] or "UTC",
                home=self.home,
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
    kinds = {str(card.connection.id): card.connection.kind for card in own}
    return Place(team.id, team.slug, team.name, ends["read"], ends["write"], kinds)


def _in_zone(name: str, zone: str) -> str:
    return _("%(name)s (zone %(zone)s)") % {"name": name, "zone": zone}


def begin(
    place: Place,
    pipeline: Pipeline | None,
    mode: Mode,
    zone: str,
    *,
    proposal: dict[str, Any] | None = None,
    opened: Opened | None = None,
    asked: dict[str, str] | None = None,
) -> Editing:
    """The page as it is opened: empty, the active version, or the proposal of a change. `asked` fills an empty one."""
    given = proposal or (proposals.as_proposal(pipeline) if pipeline else None)
    draft, initial = drafting.empty(), {"zone": zone, "purpose": "analytics", **(asked or {})}
    if given:
        draft = drafting.of_document(given["definition"])
        initial = {name: given[name] for name in ("name", "slug", "source", "destination")}
        initial |= _head_of(given["definition"], zone)
    on = opened or Opened(version=pipeline.active_version if pipeline else 0)
    return _with_text(Editing(place, pipeline, mode, _head(place, pipeline, initial=initial), draft, opened=on))


def posted(place: Place, pipeline: Pipeline | None, data: QueryDict) -> Editing:
    """The page as it was sent, after the act that its button asks for; what is sent to be proposed is bound."""
    mode: Mode = "yaml" if data.get("mode") == "yaml" else "form"
    act = data.get("act", "")
    held = {name: data.get(name, "") for name in Head.base_fields}
    if act == "preset":
        held["cron"] = data.get("preset", "")
    head = _head(place, pipeline, data=data) if act == "propose" else _head(place, pipeline, initial=held)
    editing = Editing(place, pipeline, mode, head, drafting.read(data), data.get("definition", ""))
    editing.opened = Opened(_whole(data.get("base", "")), _whole(data.get("change", "")), data.get("seen", "")[:64])
    editing.at = data.get("at", "")
    editing.search, editing.picked = data.get("find", ""), tuple(data.getlist("pick")[:TABLES_OFFERED])
    if act == "yaml" and mode == "form":
        editing.mode = "yaml"
        return _with_text(editing)
    if act == "form" and mode == "yaml":
        return _to_form(editing, held)
    if act == "pick":
        editing.draft = drafting.add_tables(editing.draft, list(editing.picked), data.get("pick_schema", ""))
        editing.picked, editing.search = (), ""
    else:
        editing.draft = drafting.act(editing.draft, act)
    return editing


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def differs(editing: Editing, *, sentence: str, before: Any, theirs: Any, opened: Opened) -> None:
    """Show what somebody else made of it, beside what stands here; sending it again is then meant."""
    try:
        mine = yamltext.as_yaml(editing.proposal())
    except Invalid:
        mine = editing.text
    told = [yamltext.as_yaml(text) if text else "" for text in (before, theirs)]
    editing.meanwhile, editing.opened = Meanwhile(sentence, told[0], told[1], mine), opened


def stale(editing: Editing) -> bool:
    """Whether the pipeline has another version than the one that the form was opened on; shows both if so.

    Raises Invalid for a new pipeline whose short name is taken: proposing it would change another one.
    """
    if editing.pipeline is None:
        _require_free(editing)
        return False
    active = editing.pipeline.active_version
    if editing.opened.version in (0, active):
        return False
    then = editing.opened.version
    told = {"then": then, "now": active}
    differs(
        editing,
        sentence=_("Version %(now)s is active; this form was opened on version %(then)s.") % told,
        before=proposals.as_proposal(editing.pipeline, then) if then < active else None,
        theirs=proposals.as_proposal(editing.pipeline),
        opened=replace(editing.opened, version=active),
    )
    return True


def _require_free(editing: Editing) -> None:
    slug = str(editing.head["slug"].value() or "").strip()
    if proposals.found(f"pipeline/new/{editing.place.team_id}/{slug}"):
        raise Invalid(
            _("There is a pipeline with the short name %(slug)s already.") % {"slug": slug},
            remedy=_("Choose another one, or propose a change to that pipeline."),
            field="slug",
        )


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


def schedule(editing: Editing) -> tuple[ScheduleLine | None, str]:
    """The next times of what is typed as a schedule, or why there are none; neither without one."""
    value = {name: str(editing.head[name].value() or "").strip() for name in ("cron", "zone")}
    return next_times(value["cron"], value["zone"] or "UTC")


def next_times(cron: str, zone: str) -> tuple[ScheduleLine | None, str]:
    """The same for two texts."""
    if not cron:
        return None, ""
    held = Schedule(cron, zone)
    try:
        scheduling.validate(held)
    except Invalid as error:
        return None, f"{error.sentence} {error.remedy}".strip()
    return presenting.schedule(held, after=now()), ""


def rows(editing: Editing) -> dict[str, Any]:
    """The structured half of the page: streams with their rules, and the output checks."""
    whole = drafting.complete(editing.draft, home=editing.home)
    names = [stream["name"] for stream in whole[drafting.STREAMS]]
    columns = {stream["name"]: _columns(editing, stream["source"]) for stream in whole[drafting.STREAMS]}
    pairs = zip(editing.draft[drafting.STREAMS], whole[drafting.STREAMS], strict=True)
    first = names[0] if names else ""
    return {
        "streams": [_stream_rows(editing, index, *pair, columns) for index, pair in enumerate(pairs)],
        "checks": formrows.checks(editing.draft[drafting.CHECKS], lambda name: columns.get(name or first, ())),
        "stream_names": names,
        "offered": offered(editing),
        "kinds": [(kind.kind, kind.title) for kind in KINDS.values()],
        "expectations": [(one.type, one.title) for one in CATALOGUE.values()],
    }


def offered(editing: Editing) -> dict[str, Any]:
    """The tables of the source to choose from: what is picked, and what fits the search."""
    known = sources.tables(editing.source_id) if editing.place.is_source(editing.source_id) else []
    words = editing.search.lower().split()
    fitting = [ref for ref in known if all(word in str(ref).lower() for word in words)]
    choices = [(drafting.table_value(ref.schema, ref.table), str(ref)) for ref in fitting]
    picked = [(value, _named(value)) for value in editing.picked if value not in dict(choices[:TABLES_OFFERED])]
    return {
        "all": [(drafting.table_value(ref.schema, ref.table), str(ref)) for ref in known],
        "found": [(value, text, value in editing.picked) for value, text in choices[:TABLES_OFFERED]],
        "picked": picked,
        "more": max(len(choices) - TABLES_OFFERED, 0),
        "search": editing.search,
    }


def _named(value: str) -> str:
    schema, table = drafting.read_table(value)
    return f"{schema}.{table}"


def _stream_rows(
    editing: Editing, index: int, stream: Draft, completed: Draft, columns: dict[str, tuple[Choice, ...]]
) -> dict[str, Any]:
    place = f"{drafting.STREAMS}.{index}"
    own = columns[completed["name"]]
    lag, unit = drafting.lag_shown(stream)
    return {
        "place": place,
        "stream": stream,
        "completed": completed,
        "chosen": drafting.table_value(stream["source"]["schema"], stream["source"]["table"]),
        "columns": [choice.name for choice in own],
        "key": stream.get("key") or [],
        "key_kept": formfields.keeping("key", {"key": list(stream.get("key") or [])}),
        "cursor": stream.get("cursor", ""),
        "lag": lag,
        "lag_unit": unit,
        "null_cursor": stream.get("null_cursor", "refuse"),
        "filters": formrows.rules(stream, place, "filters", own),
        "row_checks": formrows.rules(stream, place, "row_checks", own),
        "settle": formrows.settle(stream, place, lambda name: columns.get(name, ())),
    }


def _columns(editing: Editing, table: Draft) -> tuple[Choice, ...]:
    ref = TableRef(table["schema"], table["table"])
    if not ref.table or not editing.place.is_source(editing.source_id):
        return ()
    if ref not in editing.known:
        schema = sources.stored_schema(editing.source_id, ref)
        found = schema.columns if schema else ()
        editing.known[ref] = tuple(Choice(one.name, one.type, row_rules.family(one.type)) for one in found)
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
    editing.text = yamltext.as_yaml(drafting.document(editing.draft, **given, home=editing.home))
    return editing


def _to_form(editing: Editing, held: dict[str, str]) -> Editing:
    """Back from the text; a text that cannot be read stays, with its error."""
    try:
        document = definitions.as_document(definitions.parse(yamltext.from_yaml(editing.text)))
    except Invalid as error:
        editing.head = _head(editing.place, editing.pipeline, data=held)
        show_error(editing, error)
        return editing
    editing.head = _head(editing.place, editing.pipeline, initial=held | _head_of(document, held["zone"] or "UTC"))
    editing.mode, editing.draft = "form", drafting.of_document(document)
    return editing
