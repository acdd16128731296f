"""Who reads what an incident is about: the tables that a pipeline writes, and the pipelines downstream of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from apps.core.actor import Actor
from apps.lineage import selectors as lineage
from apps.pipelines import selectors as pipelines

LEVELS, MOST = 4, 24


@dataclass(frozen=True)
class Impact:
    """`tables` are written by the pipeline; `readers` are the pipelines that read them, directly or further on."""

    tables: tuple[str, ...] = ()
    readers: tuple[Any, ...] = ()
    hidden: int = 0
    edges: tuple[tuple[str, str], ...] = field(default=())

    def graph(self, subject: str, name: str) -> dict[str, Any]:
        """For the `lineage` drawing; what is at fault first."""
        nodes = [{"id": subject, "label": name, "sub": _("not as it should be"), "url": "", "tone": "hot"}]
        nodes += [
            {"id": f"pipeline/{one.id}", "label": one.name, "sub": one.team.name, "url": "", "tone": ""}
            for one in self.readers
        ]
        known = {node["id"] for node in nodes}
        return {"nodes": nodes, "edges": [edge for edge in self.edges if set(edge) <= known]}


def of(actor: Actor, subject: str) -> Impact:
    """Empty for what is no pipeline, or has never published."""
    if not subject.startswith("pipeline/"):
        return Impact()
    written = lineage.of_pipeline(subject)
    tables = sorted({edge.destination.partition("/")[2].rpartition(".")[0] for edge in written})
    edges = _walk(subject)
    found = {reader for _writer, reader in edges} - {subject}
    seen = pipelines.pipelines(actor).filter(id__in=[one.partition("/")[2] for one in found])
    readers = tuple(seen.select_related("team").order_by("name", "id"))
    return Impact(tuple(tables), readers, len(found) - len(readers), tuple(edges))


def _walk(subject: str) -> list[tuple[str, str]]:
    """(who writes, who reads) level by level; bounded, and a circle ends."""
    edges: list[tuple[str, str]] = []
    seen, level = {subject}, [subject]
    for _depth in range(LEVELS):
        pairs = [pair for pair in lineage.readers(level) if pair not in edges]
        edges += pairs
        level = sorted({reader for _writer, reader in pairs} - seen)
        seen.update(level)
        if not level or len(seen) > MOST:
            break
    return edges
