"""The API's own description: the OpenAPI document, and a page drawn from it on the server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import IsAuthenticated

VERBS = ("get", "post", "put", "patch", "delete")
DEEPEST = 4


class Schema(SpectacularAPIView):
    """The OpenAPI document, as YAML or, with `Accept: application/json` or `?format=json`, as JSON."""

    permission_classes = (IsAuthenticated,)
    renderer_classes = [OpenApiYamlRenderer, OpenApiJsonRenderer, OpenApiJsonRenderer2]


@dataclass(frozen=True)
class Field:
    """A parameter or a field of a body. Fields of fields are named `outer.inner`, of list items `outer[].inner`."""

    name: str
    type: str
    place: str
    required: bool
    text: str


@dataclass(frozen=True)
class Answer:
    """What comes back with one status."""

    status: str
    text: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Operation:
    """One verb on one address."""

    id: str
    verb: str
    path: str
    title: str
    text: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answers: tuple[Answer, ...]
    example: str


@dataclass(frozen=True)
class Section:
    """The operations on one kind of thing."""

    id: str
    label: str
    operations: tuple[Operation, ...]


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Every operation with its parameters, bodies and an example to copy."""
    shown = {"sections": sections(), "base": settings.LOCKGATE.url}
    return render(request, "api/docs.html", shown)


@lru_cache(maxsize=1)
def sections() -> tuple[Section, ...]:
    """The document of this process, sorted into sections; it cannot change while the process runs."""
    document = SchemaGenerator().get_schema(request=None, public=True)
    found: dict[str, list[Operation]] = {}
    for path, verbs in document["paths"].items():
        for verb in VERBS:
            if verb in verbs:
                tag = (verbs[verb].get("tags") or ["api"])[0]
                found.setdefault(tag, []).append(_operation(path, verb, verbs[verb], document))
    return tuple(Section(tag, tag.capitalize(), tuple(operations)) for tag, operations in sorted(found.items()))


def _operation(path: str, verb: str, described: Mapping[str, Any], document: Mapping[str, Any]) -> Operation:
    text = described.get("description", "")
    title, _, rest = text.partition("\n")
    content = _json(described.get("requestBody", {}))
    return Operation(
        id=described["operationId"],
        verb=verb.upper(),
        path=path,
        title=described.get("summary") or title or described["operationId"].replace("_", " ").capitalize(),
        text=text if described.get("summary") else rest.strip(),
        parameters=tuple(_parameter(given) for given in described.get("parameters", ())),
        body=tuple(_fields(content, document)),
        answers=tuple(
            Answer(status, answer.get("description", ""), tuple(_fields(_json(answer), document)))
            for status, answer in described.get("responses", {}).items()
        ),
        example=_example(path, verb, content, document),
    )


def _json(described: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of the JSON form; empty where there is no body."""
    return described.get("content", {}).get("application/json", {}).get("schema", {})


def _parameter(given: Mapping[str, Any]) -> Field:
    kind = _type(given.get("schema", {}))
    return Field(given["name"], kind, given["in"], bool(given.get("required")), given.get("description", ""))


def _fields(
    schema: Mapping[str, Any], document: Mapping[str, Any], prefix: str = "", depth: int = 0
) -> Iterator[Field]:
    schema = _resolve(schema, document)
    if schema.get("type") == "array":
        yield from _fields(schema["items"], document, f"{prefix}[]", depth)
        return
    if depth >= DEEPEST:
        return
    for name, given in schema.get("properties", {}).items():
        resolved = _resolve(given, document)
        full = f"{prefix}.{name}".lstrip(".")
        text = given.get("description") or resolved.get("description", "")
        yield Field(full, _type(resolved), "body", name in schema.get("required", ()), text)
        yield from _fields(resolved, document, full, depth + 1)


def _resolve(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    if "allOf" in schema and len(schema["allOf"]) == 1:
        schema = schema["allOf"][0]
    if "$ref" not in schema:
        return schema
    return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(kind)
    kind = f"list of {_type(schema.get('items', {}))}" if kind == "array" else kind
    return f"{kind} ({schema['format']})" if "format" in schema else kind


def _example(path: str, verb: str, schema: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    lines = [f"curl {settings.LOCKGATE.url}{path}", "-H 'Authorization: Bearer lg_…'"]
    if verb != "get":
        lines.insert(1, f"-X {verb.upper()}")
        lines.append("-H 'Idempotency-Key: something-new'")
    if schema:
        lines += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(_sample(schema, document))}'"]
    return " \\\n  ".join(lines)


def _sample(schema: Mapping[str, Any], document: Mapping[str, Any], depth: int = 0) -> Any:
    schema = _resolve(schema, document)
    kind = schema.get("type", "object")
    if kind == "object":
        given = schema.get("properties", {}) if depth < DEEPEST else {}
        return {name: _sample(inner, document, depth + 1) for name, inner in given.items()}
    if kind == "array":
        return [_sample(schema.get("items", {}), document, depth + 1)]
    return schema["enum"][0] if "enum" in schema else {"integer": 1, "number": 1, "boolean": True}.get(kind, "…")
