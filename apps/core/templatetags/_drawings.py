"""Geometry of the drawings made on the server: sparklines, histograms and layered lineage graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

NODE_WIDTH, NODE_HEIGHT = 200, 56
GAP_X, GAP_Y = 80, 22
PREFERRED_WIDTH, WIDEST_GAP = 1040, 160
MARGIN = 4
LABEL_CHARACTERS, SUB_CHARACTERS = 24, 29


def sparkline(points: Sequence[float], width: int = 120, height: int = 28, pad: int = 3) -> str:
    """The points of an svg polyline, oldest left, lowest at the bottom; empty for fewer than two."""
    if len(points) < 2:
        return ""
    low, high = min(points), max(points)
    span = (high - low) or 1
    step = width / (len(points) - 1)
    flat = height / 2 if high == low else None
    pairs = []
    for index, value in enumerate(points):
        y = flat if flat is not None else pad + (height - 2 * pad) * (1 - (value - low) / span)
        pairs.append(f"{index * step:.1f},{y:.1f}")
    return " ".join(pairs)


@dataclass(frozen=True)
class Bar:
    """A bar of a histogram, its corner at (x, y)."""

    x: float
    y: float
    width: float
    height: float


def bars(counts: Sequence[int], width: int = 120, height: int = 28, gap: int = 1) -> tuple[Bar, ...]:
    """The bars of a histogram, highest as tall as the drawing; what is not nothing is at least one unit tall."""
    highest = max(counts, default=0)
    if highest <= 0:
        return ()
    step = width / len(counts)
    tall = [max(1.0, height * count / highest) if count else 0.0 for count in counts]
    return tuple(
        Bar(round(index * step, 1), round(height - one, 1), round(step - gap, 1), round(one, 1))
        for index, one in enumerate(tall)
        if one
    )


@dataclass(frozen=True)
class Node:
    """A box of the drawing, its corner at (x, y)."""

    id: str
    label: str
    sub: str
    url: str
    tone: str
    x: float
    y: float

    @property
    def middle(self) -> float:
        return self.y + NODE_HEIGHT / 2

    @property
    def short_label(self) -> str:
        return _short(self.label, LABEL_CHARACTERS)

    @property
    def short_sub(self) -> str:
        return _short(self.sub, SUB_CHARACTERS)


@dataclass(frozen=True)
class Edge:
    """A curve between two boxes."""

    path: str
    hot: bool


@dataclass(frozen=True)
class Drawing:
    """A laid-out graph; sentence says the same in words for who does not see it."""

    width: int
    height: int
    layers: int
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    sentence: str


def lineage(graph: Mapping[str, Any]) -> Drawing:
    """Boxes in columns by their longest way from a source, edges as curves.

    graph: nodes with id, label, sub, url, tone ("hot" stands out); edges as pairs of ids, with a third "hot" to
    stand out even when only one end does. Edges that name an unknown node are dropped, edges that would close a
    circle do not push a box further right.
    """
    given = {str(node["id"]): node for node in graph.get("nodes", ())}
    edges = [edge for edge in graph.get("edges", ()) if str(edge[0]) in given and str(edge[1]) in given]
    pairs = [(str(edge[0]), str(edge[1])) for edge in edges]
    columns = _columns(list(given), pairs)
    gap = min(WIDEST_GAP, max(GAP_X, (PREFERRED_WIDTH - len(columns) * NODE_WIDTH) // max(1, len(columns) - 1)))
    tallest = max((len(column) for column in columns), default=0)
    height = tallest * (NODE_HEIGHT + GAP_Y) - GAP_Y + 2 * MARGIN
    nodes = _place(columns, given, gap, height)
    return Drawing(
        width=len(columns) * (NODE_WIDTH + gap) - gap + 2 * MARGIN,
        height=max(height, NODE_HEIGHT),
        layers=len(columns),
        nodes=tuple(nodes.values()),
        edges=tuple(_edge(nodes[str(edge[0])], nodes[str(edge[1])], tuple(edge[2:])) for edge in edges),
        sentence="; ".join(f"{nodes[a].label} → {nodes[b].label}" for a, b in pairs),
    )


def _columns(ids: list[str], pairs: list[tuple[str, str]]) -> list[list[str]]:
    layer = dict.fromkeys(ids, 0)
    # One relaxation per box suffices without a circle; with one, the bound ends it.
    for _ in ids:
        moved = False
        for a, b in pairs:
            if a != b and layer[b] <= layer[a] < len(ids) - 1:
                layer[b], moved = layer[a] + 1, True
        if not moved:
            break
    used = sorted(set(layer.values()))
    columns = [[i for i in ids if layer[i] == level] for level in used]
    for left, column in pairwise(columns):
        places = {node: place for place, node in enumerate(left)}
        column.sort(key=lambda node: _barycentre(node, pairs, places))
    return columns


def _barycentre(node: str, pairs: list[tuple[str, str]], places: Mapping[str, int]) -> float:
    parents = [places[a] for a, b in pairs if b == node and a in places]
    return sum(parents) / len(parents) if parents else len(places)


def _place(columns: list[list[str]], given: Mapping[str, Mapping[str, Any]], gap: int, height: int) -> dict[str, Node]:
    nodes = {}
    for index, column in enumerate(columns):
        used = len(column) * (NODE_HEIGHT + GAP_Y) - GAP_Y
        top = (height - used) / 2
        for row, key in enumerate(column):
            node = given[key]
            nodes[key] = Node(
                id=key,
                label=str(node.get("label", key)),
                sub=str(node.get("sub", "") or ""),
                url=str(node.get("url", "") or ""),
                tone=str(node.get("tone", "") or ""),
                x=MARGIN + index * (NODE_WIDTH + gap),
                y=top + row * (NODE_HEIGHT + GAP_Y),
            )
    return nodes


def _edge(a: Node, b: Node, marks: tuple[str, ...]) -> Edge:
    x0, x1 = a.x + NODE_WIDTH, b.x
    bend = (x1 - x0) / 2
    corners = ((x0, a.middle), (x0 + bend, a.middle), (x1 - bend, b.middle), (x1, b.middle))
    start, *rest = (f"{x:.0f},{y:.0f}" for x, y in corners)
    return Edge(path=f"M{start} C{' '.join(rest)}", hot="hot" in marks or a.tone == b.tone == "hot")


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
