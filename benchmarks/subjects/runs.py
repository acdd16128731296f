"""Runs of forty pipelines, most of them published, some refused, blocked or failed; by hand and by schedule."""

from __future__ import annotations

from typing import Any

from . import Subject
from .columns import DEFINITION

PIPELINES = """
INSERT INTO pipelines_pipeline (id, created_at, team_id, slug, name, source_id, destination_id, active_version)
SELECT gen_random_uuid(), now(), %(team)s, 'p' || n, 'Pipeline ' || n, %(connection)s, %(connection)s, 1
FROM generate_series(1, 40) AS n
"""
VERSIONS = """
INSERT INTO pipelines_pipelineversion (id, created_at, pipeline_id, number, definition, hash, change)
SELECT gen_random_uuid(), now(), id, 1, '{"format": 1, "output_checks": [], "schedule": null,
  "streams": [{"name": "a", "source": {"schema": "s", "table": "t"},
  "destination": {"schema": "s", "table": "t"}}]}', '', ''
FROM pipelines_pipeline WHERE slug LIKE 'p%'
"""
RUNS = """
INSERT INTO runs_run (id, created_at, pipeline_id, pipeline_version, team_id, trigger, reload, started_by, state, fence,
    plan_hash, counts, founding, rows_read, rows_published, rows_quarantined, rows_rejected, rows_excluded, sentence,
    remedy, refusals, started_at, ended_at)
SELECT gen_random_uuid(), t, p.id, 1, %(team)s, CASE WHEN n %% 5 = 0 THEN 'manual' ELSE 'schedule' END, false,
    'scheduler', s, n, '', '{}', false, r, CASE WHEN s = 'PUBLISHED' THEN r ELSE 0 END, 0, 0, 0, 'It ended.', '', '[]',
    t, t + n %% 600 * interval '1 second'
FROM (SELECT n, n * 7919 %% 100000 AS r, now() - (%(upto)s - n) * interval '1 minute' AS t,
        CASE n %% 50 WHEN 1 THEN 'FAILED' WHEN 2 THEN 'REFUSED' WHEN 3 THEN 'BLOCKED' ELSE 'PUBLISHED' END AS s
      FROM generate_series(%(first)s::bigint, %(upto)s::bigint) AS n) AS runs
JOIN (SELECT id, row_number() OVER (ORDER BY slug) AS k FROM pipelines_pipeline) AS p ON p.k = 1 + n %% 40
"""


def subject(world: Any) -> Subject:
    state: dict[str, Any] = {"rows": 0}

    def fill(raw: Any, upto: int) -> None:
        if not state["rows"]:
            _wire(raw, str(world.team.id))
        raw.execute(RUNS, {"team": str(world.team.id), "first": state["rows"] + 1, "upto": upto})
        state["rows"] = upto

    return Subject(
        fill=fill,
        pages={
            "first page": "/runs/",
            "failed": "/runs/?state=FAILED",
            "by hand": "/runs/?trigger=manual",
            "longest": "/runs/?sort=-duration",
            "most rows": "/runs/?sort=-rows",
            "pipelines": "/pipelines/",
            "a pipeline": "/pipelines/crm/p7/",
            "overview": "/",
        },
        who="alice",
    )


def _wire(raw: Any, team: str) -> None:
    (connection,) = raw.execute(
        "INSERT INTO sources_connection (id, created_at, team_id, slug, name, kind, active_version)"
        " VALUES (gen_random_uuid(), now(), %s, 'one', 'One', 'postgresql', 1) RETURNING id",
        (team,),
    ).fetchone()
    raw.execute(
        "INSERT INTO sources_connectionversion (id, created_at, connection_id, number, definition, hash, change)"
        " VALUES (gen_random_uuid(), now(), %s, 1, %s, '', '')",
        (connection, DEFINITION),
    )
    raw.execute(PIPELINES, {"team": team, "connection": connection})
    raw.execute(VERSIONS)
