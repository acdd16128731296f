"""Replace, append, merge, two runs after each other: exactly these rows, once, and a position that moves with them."""

from __future__ import annotations

import time

import pytest

from apps.dataplane.errors import PlanRefused, PublishRefused
from apps.dataplane.plan import TreatmentSpec
from apps.dataplane.policy import Rule
from tests.dataplane.runner.support import BY_SEEN, CURSOR, FIRST, MAIL, Play


@pytest.fixture
def play(postgres, new_database, tmp_path):
    return Play(postgres, new_database, tmp_path)


def codes(play, *streams, **options):
    with pytest.raises(PlanRefused) as refused:
        play.extract(*streams, **options)
    assert all(refusal.remedy for refusal in refused.value.refusals)
    return [(refusal.code, refusal.subject) for refusal in refused.value.refusals]


def test_replace_publishes_the_source_as_it_is(play):
    assert play.run({})[0] == {"visits": 3}
    play.at_source("DELETE FROM visits WHERE id = 1; UPDATE visits SET place = 'Kyiv' WHERE id = 2")
    assert play.run({})[0] == {"visits": 2}
    assert play.visits() == [(2, "Kyiv"), (3, "Bonn")]
    assert play.position() is None


class TestMerge:
    def test_it_reads_what_is_new_and_writes_it_over_the_rows_with_the_same_key(self, play):
        assert play.run(BY_SEEN)[0] == {"visits": 3}
        assert (play.visits(), play.position()) == (FIRST, "2026-01-01 11:00:00+00")
        play.at_source("UPDATE visits SET place = 'Kyiv', seen_at = '2026-01-02' WHERE id = 1")
        play.at_source("INSERT INTO visits VALUES (4, NULL, 'Lyon', '2026-01-03', 4)")
        rows, report = play.run(BY_SEEN)
        # The two rows of the last moment are read again: nobody knows whether they were all of that moment.
        assert rows == {"visits": 4}
        assert report.counts["visits"].read == 4
        assert play.visits() == [(1, "Kyiv"), (2, "Oslo"), (3, "Bonn"), (4, "Lyon")]
        assert play.position() == "2026-01-03 00:00:00+00"

    def test_a_row_that_comes_late_with_the_last_value_is_not_lost(self, play):
        play.run(BY_SEEN)
        play.at_source("INSERT INTO visits VALUES (4, NULL, 'Lyon', '2026-01-01 11:00Z', 4)")
        play.run(BY_SEEN)
        assert play.visits() == [*FIRST, (4, "Lyon")]

    def test_a_lag_reads_that_much_again(self, play):
        lagging = {**BY_SEEN, "lag_seconds": 3600}
        play.run(lagging)
        play.at_source("INSERT INTO visits VALUES (4, NULL, 'Lyon', '2026-01-01 10:00Z', 4)")
        play.at_source("INSERT INTO visits VALUES (5, NULL, 'Nice', '2026-01-01 09:59:59Z', 5)")
        _, report = play.run(lagging)
        assert report.counts["visits"].read == 4
        assert play.visits() == [*FIRST, (4, "Lyon")]

    def test_nothing_new_changes_nothing(self, play):
        play.run(BY_SEEN)
        play.at_source("TRUNCATE visits")
        assert play.run(BY_SEEN)[0] == {"visits": 0}
        assert (play.visits(), play.position()) == (FIRST, "2026-01-01 11:00:00+00")

    def test_without_a_cursor_everything_is_read_and_nothing_doubled(self, play):
        whole = {"mode": "merge", "key": ["id"]}
        play.run(whole)
        play.at_source("DELETE FROM visits WHERE id = 1; UPDATE visits SET place = 'Kyiv' WHERE id = 2")
        assert play.run(whole)[0] == {"visits": 2}
        assert play.visits() == [(1, "Rome"), (2, "Kyiv"), (3, "Bonn")]

    def test_a_token_finds_its_row_again(self, play):
        by_mail = {"mode": "merge", "key": ["mail"]}
        play.at_source("ALTER TABLE visits ALTER COLUMN mail SET NOT NULL, ADD UNIQUE (mail)")
        play.run(by_mail)
        play.at_source("UPDATE visits SET place = 'Kyiv' WHERE id = 2")
        play.run(by_mail)
        assert play.visits() == [(1, "Rome"), (2, "Kyiv"), (3, "Bonn")]
        assert play.at_destination("SELECT count(*) FROM lake.visits WHERE mail LIKE 'tok_%'") == [(3,)]

    def test_of_several_rows_with_one_key_the_last_by_the_cursor_stays_and_the_others_are_counted(self, play):
        play.at_source("ALTER TABLE visits DROP CONSTRAINT visits_pkey, ALTER COLUMN id DROP NOT NULL")
        play.at_source(
            "INSERT INTO visits VALUES (1, NULL, 'late', '2026-01-09', 7), (1, NULL, 'mid', '2026-01-05', 8)"
        )
        play.at_source("INSERT INTO visits VALUES (NULL, NULL, 'no key', '2026-01-05', 9)")
        rows, report = play.run(BY_SEEN)
        assert rows == {"visits": 3}
        assert dict(report.turned_away["visits"].counts) == {"_key.1": 1, "_key": 2}
        assert play.visits() == [(1, "late"), (2, "Oslo"), (3, "Bonn")]

    def test_rows_without_a_cursor_value_are_named_and_refused_or_quarantined(self, play):
        play.at_source("INSERT INTO visits VALUES (4, NULL, 'Lyon', NULL, 4)")
        assert codes(play, BY_SEEN) == [("cursor-null", "public.visits.seen_at")]
        rows, report = play.run({**BY_SEEN, "null_cursor": "quarantine"})
        assert (rows, dict(report.turned_away["visits"].counts)) == ({"visits": 3}, {"_cursor": 1})
        counts = report.counts["visits"]
        assert (counts.read, counts.staged, counts.quarantined) == (4, 3, 1)

    def test_a_dropped_cursor_column_is_read_all_the_same(self, play):
        play.rules = (MAIL, Rule("no times", TreatmentSpec("drop"), column="public.visits.seen_at"))
        play.run(BY_SEEN)
        play.at_source("INSERT INTO visits VALUES (4, NULL, 'Lyon', '2026-01-03', 4)")
        assert play.run(BY_SEEN)[1].counts["visits"].read == 3
        assert play.visits() == [*FIRST, (4, "Lyon")]

    def test_a_table_that_was_dropped_is_loaded_from_the_beginning(self, play):
        play.run(BY_SEEN)
        play.at_destination("DROP TABLE lake.visits")
        assert play.run(BY_SEEN)[0] == {"visits": 3}
        assert play.visits() == FIRST

    def test_a_committed_run_that_nobody_concluded_is_not_written_again(self, play):
        play.run(BY_SEEN)
        play.at_source("INSERT INTO visits VALUES (4, NULL, 'Lyon', '2026-01-03', 4)")
        staged, report = play.extract(BY_SEEN)
        first = play.publish(staged, report)
        again = play.publish(staged, report)
        assert (first.already, again.already) == (False, True)
        assert dict(first.rows) == dict(again.rows) == {"visits": 3}
        assert dict(first.content) == dict(again.content)
        assert play.visits() == [*FIRST, (4, "Lyon")]


class TestAppend:
    BY_SERIAL = {"mode": "append", "cursor": "serial"}

    def test_it_adds_what_lies_beyond_the_last_value_and_leaves_the_rest(self, play):
        assert play.run(self.BY_SERIAL)[0] == {"visits": 3}
        play.at_source("UPDATE visits SET place = 'Kyiv' WHERE id = 1")
        play.at_source("INSERT INTO visits VALUES (4, NULL, 'Lyon', '2025-01-03', 4)")
        assert play.run(self.BY_SERIAL)[0] == {"visits": 1}
        assert (play.visits(), play.position()) == ([*FIRST, (4, "Lyon")], "4")
        assert play.run(self.BY_SERIAL)[0] == {"visits": 0}

    def test_a_lag_holds_back_what_is_too_young_to_be_complete(self, play):
        lagging = {"mode": "append", "cursor": "seen_at", "lag_seconds": 1}
        play.at_source("INSERT INTO visits VALUES (4, NULL, 'Lyon', now(), 4)")
        assert play.run(lagging)[0] == {"visits": 3}
        time.sleep(1.1)
        assert play.run(lagging)[0] == {"visits": 1}
        assert play.visits() == [*FIRST, (4, "Lyon")]

    def test_rows_of_somebody_else_are_not_added_to(self, play):
        play.at_destination("CREATE SCHEMA lake; CREATE TABLE lake.visits (id bigint, mail text, place text,"
                            " seen_at timestamptz, serial bigint); INSERT INTO lake.visits VALUES (9)")  # fmt: skip
        staged, report = play.extract(self.BY_SERIAL)
        with pytest.raises(PublishRefused, match="holds rows that this stream has not appended"):
            play.publish(staged, report)
        assert play.visits() == [(9, None)]
        assert play.run(self.BY_SERIAL, reload=True)[0] == {"visits": 3}
        assert play.visits() == FIRST

    def test_ties_would_be_lost_and_are_refused(self, play):
        assert codes(play, {"mode": "append", **CURSOR}) == [("cursor-ties", "public.visits.seen_at")]

    def test_without_a_cursor_every_row_would_come_again(self, play):
        assert codes(play, {"mode": "append"}) == [("append-cursor", "visits")]

    def test_two_runs_that_start_from_one_position_do_not_both_add(self, play):
        play.run(self.BY_SERIAL)
        play.at_source("INSERT INTO visits VALUES (4, NULL, 'Lyon', '2025-01-03', 4)")
        staged, report = play.extract(self.BY_SERIAL)
        play.run(self.BY_SERIAL)
        play.at_destination("UPDATE lockgate.state SET fence = 0")
        with pytest.raises(PublishRefused, match="since the run was planned"):
            play.publish(staged, report)
        assert play.visits() == [*FIRST, (4, "Lyon")]


class TestRefusals:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"key": ["nope"]}, [("key-missing", "public.visits.nope")]),
            ({"cursor": "nope"}, [("cursor-missing", "public.visits.nope")]),
            ({"cursor": "place"}, [("cursor-type", "public.visits.place")]),
            ({"cursor": "serial", "lag_seconds": 5}, [("cursor-lag", "public.visits.serial")]),
            (
                {"filters": [{"id": "x", "kind": "not_null", "column": "place"}]},
                [("merge-filter", "visits")],
            ),
        ],
    )
    def test_what_cannot_be_right_is_refused_by_name(self, play, given, expected):
        assert codes(play, {**BY_SEEN, **given}) == expected

    def test_a_key_that_does_not_arrive_or_is_made_alike(self, play):
        play.rules = (MAIL, Rule("x", TreatmentSpec("drop"), column="public.visits.id"))
        assert codes(play, BY_SEEN) == [("key-dropped", "public.visits.id")]
        play.rules = (Rule("x", TreatmentSpec("redact"), tag="pii.contact.email"),)
        assert codes(play, {**BY_SEEN, "key": ["mail"]}) == [("key-alike", "public.visits.mail")]

    def test_a_key_that_the_destination_does_not_keep_unique(self, play):
        play.run({})
        assert codes(play, BY_SEEN) == [("key-not-unique", "visits")]
        play.at_destination("ALTER TABLE lake.visits ADD PRIMARY KEY (id)")
        assert play.run(BY_SEEN)[0] == {"visits": 3}

    def test_a_sensitive_cursor_would_stay_readable_in_the_position(self, play):
        play.tags["seen_at"] = ("pii.birth_date",)
        play.rules = (MAIL, Rule("b", TreatmentSpec("pass"), tag="pii.birth_date"))
        assert codes(play, BY_SEEN) == [("cursor-sensitive", "public.visits.seen_at")]

    def test_a_cursor_without_end(self, play):
        play.at_source("INSERT INTO visits VALUES (4, NULL, 'x', 'infinity', 4)")
        assert codes(play, BY_SEEN) == [("cursor-infinite", "public.visits.seen_at")]

    def test_rows_treated_otherwise_do_not_fit_until_all_are_loaded_anew(self, play):
        play.run(BY_SEEN)
        play.rules = (Rule("mail", TreatmentSpec("null"), tag="pii.contact.email"),)
        with pytest.raises(PlanRefused) as refused:
            play.extract(BY_SEEN)
        (refusal,) = refused.value.refusals
        assert refusal.code == "delta-differs"
        assert refusal.sentence.startswith("The treatment of column mail changed since rows were last added")
        play.at_source("DELETE FROM visits WHERE id = 1")
        assert play.run(BY_SEEN, reload=True)[0] == {"visits": 2}
        assert play.at_destination("SELECT count(*), count(mail) FROM lake.visits") == [(2, 0)]
        assert play.run(BY_SEEN)[0] == {"visits": 2}

    def test_also_where_everything_is_read_each_time(self, play):
        whole = {"mode": "merge", "key": ["id"]}
        play.run(whole)
        play.rules = (Rule("mail", TreatmentSpec("null"), tag="pii.contact.email"),)
        assert codes(play, whole) == [("delta-differs", "visits")]

    def test_an_empty_source_leaves_no_position_and_is_taken_up_later(self, play):
        play.at_source("CREATE TABLE kept AS TABLE visits; TRUNCATE visits")
        append = {"mode": "append", "cursor": "serial"}
        assert play.run(append)[0] == {"visits": 0}
        assert play.run(append)[0] == {"visits": 0}
        play.at_source("INSERT INTO visits TABLE kept")
        assert play.run(append)[0] == {"visits": 3}
        assert (play.visits(), play.position()) == (FIRST, "3")


class TestRulesOverTheWholeTable:
    UNIQUE = {"settle": [{"id": "one-place", "kind": "unique", "columns": ["place"]}]}

    def test_a_duplicate_of_what_is_there_already_stops_the_run(self, play):
        merge = {**BY_SEEN, **self.UNIQUE}
        play.run(merge)
        play.at_source("INSERT INTO visits VALUES (4, NULL, 'Rome', '2026-01-03', 4)")
        staged, report = play.extract(merge)
        with pytest.raises(PublishRefused, match=r"rows of lake.visits are there twice \(rule one-place\)"):
            play.publish(staged, report)
        assert (play.visits(), play.position()) == (FIRST, "2026-01-01 11:00:00+00")

    def test_a_reference_is_looked_up_in_what_is_there_already(self, play):
        play.at_source("CREATE TABLE notes (id bigint PRIMARY KEY, visit bigint); INSERT INTO notes VALUES (1, 1)")
        play.tags |= {"visit": ()}
        rule = {"id": "of", "kind": "references", "columns": ["visit"], "target": "visits", "to": ["id"]}
        notes = {"name": "notes", "mode": "append", "cursor": "id", "settle": [rule]}
        play.run(BY_SEEN, notes)
        play.at_source("INSERT INTO notes VALUES (2, 1), (3, 3)")
        assert play.run(BY_SEEN, notes)[0]["notes"] == 2
        play.at_source("INSERT INTO notes VALUES (4, 99)")
        staged, report = play.extract(BY_SEEN, notes)
        with pytest.raises(PublishRefused, match=r"rows of lake.notes refer to nothing \(rule of\)"):
            play.publish(staged, report)
        assert play.at_destination("SELECT id FROM lake.notes ORDER BY id") == [(1,), (2,), (3,)]
