"""Incidents of one team: one in ten is live, some are acknowledged or snoozed, the rest were resolved."""

from __future__ import annotations

from typing import Any

from . import Subject

INCIDENTS = """
INSERT INTO incidents_incident (id, created_at, team_id, subject, problem, title, sentence, effect, level, state, times,
    last_ref, last_at, opened_at, reopened, acknowledged_by, snoozed_until, resolved_at, resolution, resolution_kind)
SELECT gen_random_uuid(), t, %(team)s, 'pipeline/' || n, 'run/failed', 'Pipeline ' || n || ' did not publish',
    'The source did not answer.', '', CASE WHEN n %% 3 = 0 THEN 'WARN' ELSE 'ERROR' END, s, 1, 'run/1', t, t, 0, '',
    CASE WHEN s = 'SNOOZED' THEN now() + interval '1 day' END, CASE WHEN s = 'RESOLVED' THEN t END, '', ''
FROM (SELECT n, now() - (%(upto)s - n) * interval '1 minute' AS t,
        CASE n %% 30 WHEN 0 THEN 'OPEN' WHEN 1 THEN 'ACKNOWLEDGED' WHEN 2 THEN 'SNOOZED' ELSE 'RESOLVED' END AS s
      FROM generate_series(%(first)s::bigint, %(upto)s::bigint) AS n) AS found
"""


def subject(world: Any) -> Subject:
    state = {"rows": 0}

    def fill(raw: Any, upto: int) -> None:
        raw.execute(INCIDENTS, {"team": str(world.team.id), "first": state["rows"] + 1, "upto": upto})
        state["rows"] = upto

    return Subject(
        fill=fill,
        pages={
            "first page": "/incidents/",
            "resolved": "/incidents/?show=resolved",
            "snoozed": "/incidents/?show=snoozed",
            "warnings": "/incidents/?level=WARN",
            "a word": "/incidents/?q=Pipeline+77",
        },
        who="alice",
    )
