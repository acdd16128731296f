"""The tags of docs/ui.md: each renders one piece from templates/components/."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zlib import crc32

from django import template
from django.template.loader import render_to_string
from django.template.loader_tags import BLOCK_CONTEXT_KEY
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from . import _diff, _drawings, _states, formats

register = template.Library()
Context = template.Context

register.filter("number", formats.number)
register.filter("compact", formats.compact)
register.filter("bytes", formats.file_size)
register.filter("percent", formats.percent)
register.filter("duration", formats.duration)

ICONS = Path(__file__).resolve().parents[3] / "static" / "icons"
CHIP_ICONS = {"ok": "check", "fail": "x", "run": "player-play", "warn": "alert-triangle", "mute": "circle"}
_DRAWN = re.compile(r"<(?:path|circle|rect|line|polyline)[^>]*/>")
_BLANK = 'd="M0 0h24v24H0z"'


@lru_cache(maxsize=512)
def _strokes(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]+", name) or not (ICONS / f"{name}.svg").is_file():
        raise LookupError(f"There is no icon {name!r} in static/icons.")
    return "".join(s for s in _DRAWN.findall((ICONS / f"{name}.svg").read_text()) if _BLANK not in s)


@register.simple_tag
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """The inlined svg; decoration unless it carries a label."""
    told = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="icon {}" viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor" '
        'stroke-linecap="round" stroke-linejoin="round" focusable="false" {}>{}</svg>',
        css,
        told,
        mark_safe(_strokes(name)),  # noqa: S308  our own files, the name is checked
    )


@register.inclusion_tag("components/chip.html")
def chip(kind: str, text: str, icon: str = "") -> dict[str, Any]:
    return {"kind": kind, "text": text, "icon": icon or CHIP_ICONS[kind]}


@register.inclusion_tag("components/chip.html")
def state(value: str, of: str = "") -> dict[str, Any]:
    """The chip of a state value of the product, such as RUNNING; `of` says whose where one value means two things."""
    kind, text, sign = _states.shown(value, of)
    return {"kind": kind, "text": text, "icon": sign or CHIP_ICONS[kind]}


@register.inclusion_tag("components/badge.html")
def badge(count: int | None, label: str = "", kind: str = "warn") -> dict[str, Any]:
    return {"count": count, "label": label, "kind": kind}


@register.simple_tag
def time(value: datetime | date | None, style: str = "full") -> SafeString | str:
    """A <time> in the active zone; the title says it in UTC."""
    if value is None:
        return formats.NOTHING
    if not isinstance(value, datetime):
        return format_html('<time datetime="{0}">{0}</time>', value.isoformat())
    utc = timezone.localtime(value, timezone.get_fixed_timezone(0)) if timezone.is_aware(value) else value
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(),
        utc.strftime("%Y-%m-%d %H:%M:%S UTC"),
        formats.moment(value, style),
    )


@register.simple_tag(takes_context=True)
def theme(context: Context) -> str:
    """light or dark as the reader chose, else auto."""
    request = context.get("request")
    chosen = request.COOKIES.get("lockgate_theme", "") if request else ""
    return chosen if chosen in ("light", "dark") else "auto"


@register.simple_tag(takes_context=True)
def again(context: Context, name: str) -> str:
    """What another block of this page says: the h1 repeats the title."""
    blocks = context.render_context.get(BLOCK_CONTEXT_KEY)
    block = blocks.get_block(name) if blocks else None
    return block.render(context) if block else ""


@register.inclusion_tag("components/kpi.html")
def kpi(
    label: str,
    value: object,
    sub: str = "",
    icon: str = "",
    tone: str = "blue",
    points: Sequence[float] = (),
    url: str = "",
) -> dict[str, Any]:
    """One figure with its recent course."""
    line = _drawings.sparkline(points)
    return {"label": label, "value": value, "sub": sub, "icon": icon, "tone": tone, "line": line, "url": url}


@register.inclusion_tag("components/sparkline.html")
def sparkline(points: Sequence[float], tone: str = "blue", label: str = "") -> dict[str, Any]:
    return {"line": _drawings.sparkline(points), "tone": tone, "label": label}


@register.inclusion_tag("components/histogram.html")
def histogram(counts: Sequence[int], tone: str = "blue", label: str = "") -> dict[str, Any]:
    """Counts of equal steps as bars."""
    return {"bars": _drawings.bars(counts), "tone": tone, "label": label}


@register.simple_block_tag
def why(content: str, tone: str = "info") -> str:
    """A callout that gives the reason."""
    return render_to_string("components/why.html", {"content": content, "tone": tone})


@register.inclusion_tag("components/keyvalues.html")
def keyvalues(rows: Iterable[tuple[str, object]]) -> dict[str, Any]:
    return {"rows": rows}


@register.inclusion_tag("components/progress.html")
def progress(value: float | None, max: float = 100, label: str = "", text: str = "") -> dict[str, Any]:
    """A bar; value None is at work without a known end."""
    return {"value": value, "max": max, "label": label, "text": text}


@register.inclusion_tag("components/codeblock.html")
def codeblock(text: str, language: str = "", label: str = "") -> dict[str, Any]:
    return {"text": text, "language": language, "label": label}


@register.inclusion_tag("components/copy.html")
def copy(text: str, label: str = "") -> dict[str, Any]:
    return {"text": text, "label": label}


@register.inclusion_tag("components/empty.html")
def empty(icon: str, title: str, text: str = "", url: str = "", action: str = "") -> dict[str, Any]:
    return {"icon": icon, "title": title, "text": text, "url": url, "action": action}


@register.inclusion_tag("components/refusal.html")
def refusal(sentence: str, remedy: str = "", url: str = "", action: str = "", title: str = "") -> dict[str, Any]:
    """What was refused and why, the remedy as a button."""
    return {"sentence": sentence, "remedy": remedy, "url": url, "action": action, "title": title}


@register.inclusion_tag("components/tabs.html")
def tabs(items: Iterable[Mapping[str, Any]], label: str = "") -> dict[str, Any]:
    return {"items": items, "label": label}


@register.inclusion_tag("components/stepper.html")
def stepper(steps: Iterable[Mapping[str, Any]], label: str = "") -> dict[str, Any]:
    return {"steps": steps, "label": label}


@register.inclusion_tag("components/steps.html")
def steps(items: Iterable[object], label: str = "") -> dict[str, Any]:
    return {"items": items, "label": label}


@register.inclusion_tag("components/log_box.html")
def log_box(id: str, lines: Iterable[object], download_url: str = "", title: str = "") -> dict[str, Any]:
    return {"id": id, "lines": lines, "download_url": download_url, "title": title}


@register.inclusion_tag("components/diff.html")
def diff(before: str, after: str, name: str = "", note: str = "", context: int = 3) -> dict[str, Any]:
    """What became of a text, in full width."""
    lines = _diff.unified(before, after, context)
    added, removed = _diff.counts(lines)
    return {"lines": lines, "name": name, "note": note, "added": added, "removed": removed}


@register.inclusion_tag("components/lineage.html")
def lineage(graph: Mapping[str, Any], label: str = "") -> dict[str, Any]:
    return {"drawing": _drawings.lineage(graph), "label": label}


@register.inclusion_tag("components/timeseries.html")
def timeseries(series: Mapping[str, Any], height: int = 260) -> dict[str, Any]:
    """A chart drawn in the browser, with its figures as a table for everybody."""
    zone = timezone.get_current_timezone()
    rows = [
        (datetime.fromtimestamp(x, tz=zone), [line["values"][i] for line in series["series"]])
        for i, x in enumerate(series["x"])
    ]
    return {
        "series": series,
        "rows": rows,
        "height": height,
        "payload": json.dumps({**series, "zone": timezone.get_current_timezone_name(), "height": int(height)}),
    }


@register.simple_block_tag
def hint(content: str, label: str) -> str:
    """A small `?` that explains what stands before it; opens without script and closes by Esc or a click beside it."""
    name = f"hint-{crc32(f'{label} {content}'.encode()):08x}"
    return render_to_string("components/hint.html", {"content": content, "label": label, "id": name})


@register.simple_block_tag(takes_context=True)
def filterbar(context: Context, content: str, placeholder: str = "", search: bool = True) -> str:
    """A GET form of filters; whatever filters stay in the address, so they survive into exports."""
    query = context["request"].GET
    named = {"placeholder": placeholder or gettext("Search"), "search": search, "q": query.get("q", "")}
    kept = urlencode({key: query[key] for key in ("show", "sort") if query.get(key)})
    active = any(value for key, value in query.items() if key not in ("cursor", "show", "sort"))
    path = context["request"].path
    where = {"path": path, "clear": f"{path}?{kept}" if kept else path, "sort": query.get("sort", "")}
    return render_to_string("components/filterbar.html", {**named, **where, "content": content, "active": active})


@register.inclusion_tag("components/filterselect.html", takes_context=True)
def filterselect(context: Context, name: str, label: str, choices: Iterable[tuple[str, str]]) -> dict[str, Any]:
    return {"name": name, "label": label, "choices": choices, "chosen": context["request"].GET.get(name, "")}


@register.simple_block_tag
def tablebox(content: str, label: str) -> str:
    """Lets a wide table scroll inside its card, by key as well."""
    return render_to_string("components/tablebox.html", {"content": content, "label": label})


@register.inclusion_tag("components/sort.html", takes_context=True)
def sort(context: Context, key: str, label: str, numeric: bool = False) -> dict[str, Any]:
    """A column head that sorts; a second click turns the order round."""
    query = context["request"].GET.copy()
    current = query.get("sort", "")
    query.pop("cursor", None)
    query["sort"] = f"-{key}" if current == key else key
    order = {key: "ascending", f"-{key}": "descending"}.get(current, "")
    return {"label": label, "numeric": numeric, "order": order, "href": f"?{query.urlencode()}"}


@register.inclusion_tag("components/pager.html", takes_context=True)
def pager(context: Context, page: Any, note: str = "") -> dict[str, Any]:
    """Links to the newer and the older page of a core.paging.Page."""
    return {
        "newer": _with_cursor(context, getattr(page, "newer", "")),
        "older": _with_cursor(context, getattr(page, "older", "")),
        "note": note,
    }


def _with_cursor(context: Context, cursor: str) -> str:
    if not cursor:
        return ""
    query = context["request"].GET.copy()
    query["cursor"] = cursor
    return f"?{query.urlencode()}"


@register.inclusion_tag("components/field.html")
def field(bound: Any, help: str = "", layout: str = "") -> dict[str, Any]:
    """A form field with label, help and error, tied together for screen readers."""
    kind = _widget_kind(bound)
    help = help or str(bound.help_text or "")
    notes = (("help", help), ("error", bound.errors))
    told = " ".join(f"{bound.id_for_label}_{part}" for part, there in notes if there)
    attributes = {"class": _widget_class(kind, bound), "aria-describedby": told or None}
    if bound.errors:
        attributes["aria-invalid"] = "true"
    widget = "" if kind == "group" else bound.as_widget(attrs={k: v for k, v in attributes.items() if v})
    return {"field": bound, "kind": kind, "help": help, "layout": layout, "widget": widget, "told": told}


def _widget_kind(bound: Any) -> str:
    if bound.widget_type in ("radioselect", "checkboxselectmultiple"):
        return "group"
    return {"checkbox": "check", "select": "select", "selectmultiple": "select"}.get(bound.widget_type, "text")


def _widget_class(kind: str, bound: Any) -> str:
    own = bound.field.widget.attrs.get("class", "")
    base = {"check": "form-check-input", "select": "form-select"}.get(kind, "form-control")
    return " ".join(filter(None, (base, own, "is-invalid" if bound.errors else "")))


@register.inclusion_tag("components/formerrors.html")
def formerrors(form: Any) -> dict[str, Any]:
    """The summary over a form: every error once, linked to its field."""
    return {"form": form, "fields": [bound for bound in form if bound.errors and not bound.is_hidden]}


@register.inclusion_tag("components/postbutton.html", takes_context=True)
def postbutton(
    context: Context,
    url: str,
    label: str,
    icon: str = "",
    kind: str = "",
    confirm: str = "",
    title: str = "",
    confirm_label: str = "",
    fields: Mapping[str, object] | None = None,
    small: bool = False,
) -> dict[str, Any]:
    """A button that posts; with `confirm` a dialog asks first."""
    # Two buttons to one address with different hidden values must not share a dialog.
    name = f"ask-{crc32(repr((url, label, sorted((fields or {}).items()))).encode()):08x}"
    return {
        "url": url, "label": label, "icon": icon, "kind": kind, "confirm": confirm, "title": title or f"{label}?",
        "confirm_label": confirm_label or label, "fields": fields or {}, "small": small, "dialog": name,
        "csrf_token": context.get("csrf_token", ""),
    }  # fmt: skip


@register.simple_block_tag
def dialog(content: str, id: str, title: str) -> str:
    """A modal window; a button with data-dialog="<id>" opens it."""
    return render_to_string("components/dialog.html", {"content": content, "id": id, "title": title})


@register.inclusion_tag("components/toasts.html", takes_context=True)
def toasts(context: Context, oob: bool = False) -> dict[str, Any]:
    """Waiting messages; with `oob` for the end of an htmx partial."""
    return {"messages": list(context.get("messages") or ()), "oob": oob}


@register.filter
def initials(name: str | None) -> str:
    """Mara Köhler → MK."""
    words = (name or "?").split()
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()
