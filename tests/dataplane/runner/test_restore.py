"""A recalled run's rows go, and what the last good run had published is there again, from its signed parts."""

from __future__ import annotations

import pytest

from apps.dataplane.errors import Fenced, PartRejected, PublishRefused
from apps.dataplane.plan import TreatmentSpec
from apps.dataplane.policy import Rule
from tests.dataplane.runner.support import BY_SEEN, FIRST, Play


@pytest.fixture
def play(postgres, new_database, tmp_path):
    return Play(postgres, new_database, tmp_path)


def test_a_replaced_table_holds_the_rows_of_the_run_before(play):
    good = play.staged({})
    play.at_source("DELETE FROM visits WHERE id = 1; UPDATE visits SET place = 'wrong'")
    bad = play.staged({})
    report = play.recall(bad, [good])
    assert (play.visits(), dict(report.rows), report.already) == (FIRST, {"visits": 3}, False)
    assert play.at_destination("SELECT run, plan_hash FROM lockgate.state") == [("recall-1", good.plan.hash)]


def test_a_recall_that_was_committed_is_not_carried_out_again(play):
    good, bad = play.staged({}), play.staged({})
    first = play.recall(bad, [good])
    play.at_destination("UPDATE lake.visits SET place = 'seen' WHERE id = 1")
    again = play.recall(bad, [good], recall="recall-2", mine={"recall-1"})
    assert (again.already, dict(again.rows), dict(again.content)) == (True, dict(first.rows), dict(first.content))
    assert play.visits()[0] == (1, "seen")


def test_without_a_good_run_the_table_is_emptied(play):
    bad = play.staged(BY_SEEN)
    assert dict(play.recall(bad, []).rows) == {}
    assert (play.visits(), play.position()) == ([], None)
    assert play.run(BY_SEEN)[0] == {"visits": 3}


def test_a_merged_table_is_made_of_all_good_runs_and_its_position_goes_back(play):
    first = play.staged(BY_SEEN)
    play.at_source("UPDATE visits SET place = 'Kyiv', seen_at = '2026-01-02' WHERE id = 1")
    second = play.staged(BY_SEEN)
    play.at_source("UPDATE visits SET place = 'wrong', seen_at = '2026-01-03' WHERE id < 3")
    bad = play.staged(BY_SEEN)
    assert play.visits() == [(1, "wrong"), (2, "wrong"), (3, "Bonn")]
    report = play.recall(bad, [second, first])
    assert play.visits() == [(1, "Kyiv"), (2, "Oslo"), (3, "Bonn")]
    assert (dict(report.rows), play.position()) == ({"visits": 6}, "2026-01-02 00:00:00+00")
    play.at_source("UPDATE visits SET place = 'mended' WHERE id < 3")
    play.run(BY_SEEN)
    assert play.visits() == [(1, "mended"), (2, "mended"), (3, "Bonn")]


def test_an_appended_table_loses_only_the_last_rows(play):
    append = {"mode": "append", "cursor": "serial"}
    first = play.staged(append)
    play.at_source("INSERT INTO visits VALUES (4, NULL, 'Lyon', NULL, 4)")
    second = play.staged(append)
    play.at_source("INSERT INTO visits VALUES (5, NULL, 'wrong', NULL, 5)")
    bad = play.staged(append)
    play.recall(bad, [second, first])
    assert (play.visits(), play.position()) == ([*FIRST, (4, "Lyon")], "4")
    assert play.run(append)[0] == {"visits": 1}


def test_a_table_that_was_there_before_lockgate_cannot_be_rebuilt_from_runs(play):
    columns = "id bigint PRIMARY KEY, mail text, place text, seen_at timestamptz, serial bigint"
    play.at_destination(f"CREATE SCHEMA lake; CREATE TABLE lake.visits ({columns})")
    play.at_destination("INSERT INTO lake.visits VALUES (9, NULL, 'old')")
    good, bad = play.staged(BY_SEEN), play.staged(BY_SEEN)
    before = play.visits()
    with pytest.raises(PublishRefused, match="is not known from its runs alone") as refused:
        play.recall(bad, [good])
    assert refused.value.remedy == "Start a run that loads the table anew."
    assert play.visits() == before


def test_parts_that_are_gone_or_altered_are_refused_and_nothing_changes(play):
    good, bad = play.staged({}), play.staged({})
    before = play.visits()
    body = good.root / good.parts[0].path
    kept = body.read_bytes()
    body.unlink()
    with pytest.raises(PartRejected, match="is missing"):
        play.recall(bad, [good])
    body.write_bytes(kept[:-1] + b"x")
    with pytest.raises(PartRejected, match="its content was altered"):
        play.recall(bad, [good])
    assert play.visits() == before


def test_rows_that_the_policies_would_treat_otherwise_now_do_not_come_back(play):
    good = play.staged({})
    play.rules = (Rule("mail", TreatmentSpec("null"), tag="pii.contact.email"),)
    bad = play.staged({})
    required = {stream.name: stream.columns for stream in bad.plan.streams}
    with pytest.raises(PublishRefused, match="mail was published as token then"):
        play.recall(bad, [good], required=required)
    assert play.at_destination("SELECT count(mail) FROM lake.visits") == [(0,)]


def test_a_destination_that_somebody_else_published_to_is_left_alone(play):
    good, bad = play.staged({}), play.staged({})
    play.at_destination("UPDATE lockgate.state SET run = 'somebody'")
    with pytest.raises(PublishRefused, match="another run published"):
        play.recall(bad, [good])
    play.at_destination("UPDATE lockgate.state SET fence = 99")
    with pytest.raises(Fenced):
        play.recall(bad, [good])


def test_a_table_that_no_longer_fits_is_refused_and_one_that_is_gone_is_made_again(play):
    good, bad = play.staged({}), play.staged({})
    play.at_destination("ALTER TABLE lake.visits DROP COLUMN place")
    with pytest.raises(PublishRefused, match="place does not exist at the destination"):
        play.recall(bad, [good])
    play.at_destination("DROP TABLE lake.visits")
    play.recall(bad, [good])
    assert play.visits() == FIRST
