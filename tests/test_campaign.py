"""What a run plans: which jobs, and how many."""

import json

import pytest
from click.testing import CliRunner
from conftest import small_condition

from repro.commands.main import main
from repro.experiments import config, selection, wanted
from repro.records import planning
from repro.records.store import Store
from repro.running import campaign, crew, room


def jobs(tmp_path, n_workers, *patterns, **more):
    items = wanted.items(selection.select(patterns, config.load()), **more)
    return campaign.jobs(planning.plan(items, Store(tmp_path)), n_workers)


def test_few_rows_are_split_among_the_workers(tmp_path):
    assert [job.trials for job in jobs(tmp_path, 3, "5/lstm", trials=9)] == [(0, 3, 6), (1, 4, 7), (2, 5, 8)]
    assert [job.trials for job in jobs(tmp_path, 2, "5/lstm", trials=5)] == [(0, 2, 4), (1, 3)]


def test_trials_are_not_spread_over_more_workers_than_end_sooner_by_it(tmp_path):
    """Four lanes cost what one does; without lanes, and of learners that have none, each worker is of use."""
    assert [len(job.trials) for job in jobs(tmp_path, 1000, "6a/lstm")] == [4] * 5
    assert [len(job.trials) for job in jobs(tmp_path, 1000, "6a/lstm", trials=4)] == [4]
    assert [len(job.trials) for job in jobs(tmp_path, 1000, "4/elman/T=100", trials=4)] == [1] * 4
    plan = planning.plan(wanted.items(selection.select(["6a/lstm"], config.load())), Store(tmp_path))
    assert [len(job.trials) for job in campaign.jobs(plan, 1000, lanes=1)] == [1] * 20


GB = 10**9


@pytest.mark.parametrize(
    ("asked", "free", "n"),
    [(1000, None, 1000), (1000, 18 * GB, 100), (8, 18 * GB, 8), (8, GB, 5), (8, GB // 10, 1), (1, 0, 1)],
)
def test_there_are_no_more_workers_than_the_memory_has_room_for(asked, free, n):
    assert room.n_workers(asked, free) == n


def test_free_memory_is_that_of_the_machine_or_of_its_container(tmp_path):
    (memory := tmp_path / "meminfo").write_text("MemTotal: 8000 kB\nMemFree: 10 kB\nMemAvailable:    4000 kB\n")
    group = tmp_path / "group"
    assert room.free_bytes(memory, group) == 4000 * 1024
    group.mkdir()
    for name, text in {"max": "3000000", "current": "2500000", "stat": "anon 1\ninactive_file 100000\n"}.items():
        (group / f"memory.{name}").write_text(text)
    assert room.free_bytes(memory, group) == 600_000
    (group / "memory.max").write_text("max\n")
    assert room.free_bytes(memory, group) == 4000 * 1024
    assert room.free_bytes(tmp_path / "none", group) is None
    assert room.free_bytes() is None or room.free_bytes() > 0


def test_too_many_workers_are_fewer_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "free_bytes", lambda: 4 * GB)
    command = ["run", "6a/lstm", "--dry-run", "-j", "1000", "--results", str(tmp_path)]
    done = CliRunner().invoke(main, command)
    assert done.stderr == ("-j 1,000: no more than 22 workers, as 4.0 GB of memory are free, and each takes 0.18 GB.\n")
    assert "with 5 workers, as more would end no sooner, about" in done.stdout
    assert json.loads(CliRunner().invoke(main, [*command, "--format", "json"]).stdout)["workers"] == 5
    assert CliRunner().invoke(main, [*command, "-j", "2"]).stderr == ""


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
