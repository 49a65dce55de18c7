"""What a run plans: which jobs, and how many."""

import pytest
from conftest import small_condition

from repro.experiments import config, selection, wanted
from repro.records import planning
from repro.records.store import Store
from repro.running import campaign, crew


def jobs(tmp_path, n_workers, *patterns, **more):
    items = wanted.items(selection.select(patterns, config.load()), **more)
    return campaign.jobs(planning.plan(items, Store(tmp_path)), n_workers)


def test_few_rows_are_split_among_the_workers(tmp_path):
    assert [job.trials for job in jobs(tmp_path, 3, "5/lstm", trials=7)] == [(0, 3, 6), (1, 4), (2, 5)]
    assert [job.trials for job in jobs(tmp_path, 4, "5/lstm", trials=2)] == [(0,), (1,)]


def test_of_many_rows_each_is_one_job_and_low_limits_come_first(tmp_path):
    rows = config.load()
    made = jobs(tmp_path, 2, "4/lstm", "6b/lstm")
    assert [(job.condition.row, len(job.trials)) for job in made] == [
        ("4/lstm/T=100", 10), ("4/lstm/T=500", 10), ("6b/lstm", 10), ("4/lstm/T=1000", 10),
    ]  # fmt: skip
    limits = [rows[job.condition.row].setup().stop.max_sequences for job in made]
    assert limits == sorted(limits)


def test_quick_runs_the_trials_that_its_rows_say_unless_others_are_asked_for(tmp_path):
    rows = config.load()
    wanted = {(row.name, reading): n for row in rows.values() for reading, n in row.quick.items()}
    assert {
        (job.condition.row, job.condition.reading): len(job.trials) for job in jobs(tmp_path, 1, "@quick")
    } == wanted
    assert {len(job.trials) for job in jobs(tmp_path, 1, "@quick", trials=1)} == {1}


@pytest.mark.parametrize("factor", [1, 2])
def test_the_factor_of_the_error_is_one_of_the_learning_rate(factor):
    team = crew.Crew(small_condition(**{"learner.error_factor": factor}), 1)
    team.enlist(0, 0)
    assert team.book.rate.tolist() == [0.5 * factor]


def test_rows_that_a_reading_is_not_about_are_left_out_and_named(tmp_path):
    with pytest.warns(UserWarning, match="'linear' is not about 4/rtrl/T=100, 4/bptt/T=100, 4/elman/T=100: left out"):
        made = jobs(tmp_path, 1, "4/*/T=100", reading="linear")
    assert [job.condition.row for job in made] == ["4/lstm/T=100"]
    with pytest.raises(config.ConfigError, match="4/rtrl/T=100 has no reading 'linear'"):
        jobs(tmp_path, 1, "4/rtrl/T=100", "4/bptt/T=100", reading="linear")


def test_tables_that_have_no_number_are_run_by_their_names(tmp_path):
    names = {name: {job.condition.row for job in jobs(tmp_path, 1, name)} for name in ("ours", "table:ours", "text")}
    assert names["ours"] == names["table:ours"]
    assert "6a/rtrl" in names["ours"]
    assert "2b/lstm/p=100" in names["text"]
