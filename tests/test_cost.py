"""What a plan will cost, told by stored trials: known cases, and what must hold of all."""

import json

import pytest
from click.testing import CliRunner
from invented import invented, stage

from repro.analysis import pace
from repro.analysis.pace import crew_time
from repro.commands import cost
from repro.commands.main import main
from repro.experiments import config, wanted
from repro.records import planning
from repro.records.store import Store
from repro.running import crew

ROW = config.load()["6a/lstm"]


@pytest.fixture(autouse=True)
def nothing_comes_along(monkeypatch, tmp_path):
    """The records under results/ are not known, but where a test asks for them."""
    monkeypatch.setattr(pace, "_shipped", lambda: tmp_path / "none")


def planned(store, row=ROW, trials=20, seed=1, **overrides):
    return planning.plan(wanted.items([(row, None)], trials=trials, seed=seed, overrides=overrides), store)


def estimated(tmp_path, records, n_workers=1, **more):
    store = Store(tmp_path)
    for record in records:
        store.append(record)
    plan = planned(store, **more)
    found = cost.estimate(plan, store, n_workers)
    return found, found.costs[0]


def trials(condition, sequences, cpu_s):
    name = condition.settings["stop"]["stages"][0]["name"]
    return [
        invented(condition, k, [stage(name, n)], cpu_s=cpu_s) if n else invented(condition, k, cpu_s=cpu_s)
        for k, n in enumerate(sequences)
    ]


@pytest.mark.parametrize(
    ("busy", "width", "time"),
    [
        ([10], 1, 10),
        ([10] * 8, 8, 10),  # as long as one
        ([10] * 8, 4, 20),  # two after another in each lane
        ([10, 10, 10, 100], 4, 100),  # a late one costs as much alone
        ([10] * 32, 32, 10 * (0.4 + 0.06 * 32)),
        ([10] * 31 + [110], 32, 10 * (0.4 + 0.06 * 32) + 100),  # it moves to a crew of one
        ([], 8, 0),
    ],
)
def test_a_crew_is_played_through(busy, width, time):
    assert crew_time(busy, width, True) == pytest.approx(time)
    assert crew_time(busy, width, False) == sum(busy)


def test_crews_are_as_wide_as_they_are():
    assert [pace._width(n) for n in range(1, 70)] == [crew.width_for(n) for n in range(1, 70)]
    for row in config.load().values():
        assert pace.wide(row.condition().settings) == (crew.widest(row.condition()) == crew.WIDEST)


def test_the_same_trials_cost_the_same_again(tmp_path):
    known = trials(ROW.condition(), [20_000 + 1000 * k for k in range(20)], 2.5)
    found, one = estimated(tmp_path, known)
    assert one.cpu_s == pytest.approx(20 * 2.5)
    assert one.sequences == pytest.approx(29_500)
    assert one.source == "20 trials stored"
    assert found.wall_s == found.cpu_s
    tested = ROW.setup().stop.test_sequences
    assert one.most_cpu_s == pytest.approx(50 * (ROW.setup().stop.max_sequences + tested) / (39_000 + tested), rel=0.2)


def test_with_two_workers_the_longer_half_takes_the_time(tmp_path):
    known = trials(ROW.condition(), [20_000 + 1000 * k for k in range(20)], 2.5)
    found, _ = estimated(tmp_path, known, n_workers=2)
    assert found.cpu_s / 2 <= found.wall_s < 0.7 * found.cpu_s


def test_workers_get_long_and_short_trials_alike(tmp_path):
    known = trials(ROW.condition(), [1000] * 10 + [100_000] * 10, 2.5)
    found, _ = estimated(tmp_path, known, n_workers=2)
    assert found.cpu_s == pytest.approx(50 * 2 * (0.4 + 0.06 * 16) / (0.4 + 0.06 * 32))
    assert found.wall_s == pytest.approx(found.cpu_s / 2)


def test_jobs_go_to_the_first_worker_that_is_free():
    assert cost._wall([5, 4, 3, 2, 1], 2) == 8
    assert cost._wall([], 2) == 0


def test_few_trials_cost_more_each(tmp_path):
    """Two lanes cost as much as eight."""
    known = trials(ROW.condition(), [20_000] * 20, 2.5)
    _, one = estimated(tmp_path, known, trials=2)
    assert one.cpu_s == pytest.approx(50 / (0.4 + 0.06 * 32))


def test_a_lower_limit_cuts_trials_short(tmp_path):
    known = trials(ROW.condition(), [20_000, 40_000] * 10, 2.5)
    _, one = estimated(tmp_path, known, **{"stop.max_sequences": 10_000})
    assert one.sequences == 10_000
    assert one.cpu_s < 0.3 * 50
    assert one.cpu_s == pytest.approx(one.most_cpu_s, rel=0.3)


def test_a_higher_limit_lets_failures_go_on(tmp_path):
    """As long as trials end at the rate at which they did; if none did, to the limit."""
    condition = ROW.condition(overrides={"stop.max_sequences": 10_000})
    limit = ROW.setup().stop.max_sequences
    _, one = estimated(tmp_path / "a", trials(condition, [None] * 20, 1.0))
    assert one.sequences == limit
    _, one = estimated(tmp_path / "b", trials(condition, [5000] * 10 + [None] * 10, 1.0))
    assert one.sequences == pytest.approx((5000 + 10_000 + 15_000) / 2, rel=0.01)


def test_other_settings_of_the_row_are_a_source(tmp_path):
    known = trials(ROW.condition(), [20_000] * 20, 2.5)
    _, one = estimated(tmp_path, known, **{"learner.learning_rate": 0.1})
    assert one.cpu_s == pytest.approx(50)
    assert one.source == "20 trials of 6a/lstm stored, other learner.learning_rate"
    nearer = ROW.condition(overrides={"learner.learning_rate": 0.2, "learner.init": 0.2})
    _, one = estimated(
        tmp_path, trials(nearer, [1000] * 20, 1.0), **{"learner.learning_rate": 0.1, "learner.init": 0.2}
    )
    assert one.sequences == 1000, "the nearest settings count"


def test_longer_sequences_cost_more(tmp_path):
    rows = config.load()
    known = trials(rows["4/lstm/T=100"].condition(), [20_000] * 10, 1.0)
    _, one = estimated(tmp_path, known, row=rows["4/lstm/T=500"], trials=10)
    published = rows["4/lstm/T=500"].published[-1].sequences
    tested = rows["4/lstm/T=500"].setup().stop.test_sequences
    assert one.cpu_s == pytest.approx(10 * 5 * (published + tested) / (20_000 + tested))
    assert one.source.startswith(
        "sequences: the published mean; speed: 10 trials of 4/lstm/T=100 stored, other task.length"
    )


def test_an_exam_that_is_passed_takes_its_time(tmp_path):
    """Trials that are solved soon, but for an exam of 10,000 sequences, make no training sequence dear."""
    row = config.load()["2a/chunker/p=100"]
    known = trials(row.condition("either-net"), [300] * 18, 0.2)
    _, one = estimated(tmp_path, known, row=row, trials=18)
    assert row.setup().stop.exam_sequences == 10_000
    assert one.most_cpu_s == pytest.approx(18 * 0.2 * (5_000_000 + 10_000) / 10_300, rel=0.01)


def test_what_nothing_tells_is_not_known(tmp_path):
    found, one = estimated(tmp_path, [])
    assert (one.cpu_s, one.most_cpu_s) == (None, None)
    assert [item.label for item in found.unknown] == ["6a/lstm"]
    assert cost.said(found) == "20 trials to run; how long they take is not known."
    measured = invented(ROW.condition().cut_short(1000), 0, cpu_s=1.0)
    plan = planned(Store(tmp_path))
    one = cost.estimate(plan, Store(tmp_path), measured=[measured]).costs[0]
    assert one.source.endswith("speed: 1 trial measured now")
    assert one.cpu_s > 0


def test_what_is_measured_runs_for_a_second_and_is_not_stored(plain, monkeypatch):
    from conftest import small_condition

    item = wanted.Item(ROW, small_condition("6a/lstm"), 3, {})
    monkeypatch.setattr(cost, "_MEASURED_S", 0.01)
    (record,) = cost.measure([item])
    assert record.row == "6a/lstm"
    assert record.cpu_s > 0


def test_nothing_is_missing(tmp_path):
    condition = ROW.condition()
    found, one = estimated(tmp_path, trials(condition, [20_000] * 20, 2.5), seed=0)
    assert (found.n_missing, one.cpu_s, found.wall_s) == (0, 0, 0)
    assert cost.said(found) == "Nothing is missing."


def test_records_that_came_along_are_used_and_said(tmp_path, monkeypatch):
    (tmp_path / "came").mkdir()
    (tmp_path / "came" / "attested.csv").touch()
    came = Store(tmp_path / "came")
    for record in trials(ROW.condition(), [20_000] * 20, 2.5):
        came.append(record)
    monkeypatch.setattr(pace, "_shipped", lambda: came.folder)
    _, one = estimated(tmp_path / "mine", [])
    assert one.source == "20 trials that came with repro"


def test_a_trial_that_came_along_takes_as_many_sequences_again(tmp_path, monkeypatch):
    """It is the same on every machine; so nothing is to be expected, and no more is possible."""
    (tmp_path / "came").mkdir()
    (tmp_path / "came" / "attested.csv").touch()
    came = Store(tmp_path / "came")
    for record in trials(ROW.condition(), [20_000, 30_000, *[100_000] * 18], 2.5):
        came.append(record)
    monkeypatch.setattr(pace, "_shipped", lambda: came.folder)
    _, one = estimated(tmp_path / "mine", [], seed=0, trials=2)
    assert one.sequences == 25_000
    assert one.cpu_s == one.most_cpu_s
    _, fresh = estimated(tmp_path / "mine", [], seed=1, trials=2)
    assert fresh.sequences > 60_000
    assert fresh.most_cpu_s > fresh.cpu_s


def test_a_broken_file_does_not_keep_a_run_from_its_estimate(tmp_path):
    (tmp_path / "5.jsonl").write_text("{}\n")
    _, one = estimated(tmp_path, [])
    assert one.cpu_s is None


def run(*args):
    return CliRunner().invoke(main, ["run", *args], catch_exceptions=False)


def test_a_dry_run_in_every_form(tmp_path):
    for record in trials(ROW.condition(), [20_000] * 20, 2.5):
        Store(tmp_path).append(record)
    args = ("6a/lstm", "--seed", "1", "-j", "2", "--dry-run", "--results", str(tmp_path))
    text = run(*args).stdout
    assert "20 trials to run: about " in text and "with 2 workers about " in text
    data = json.loads(run(*args, "--format", "json").stdout)
    (row,) = data.pop("rows")
    assert (row["row"], row["trials"], row["done"], row["to_run"]) == ("6a/lstm", 20, 0, 20)
    assert row["cpu_s"] == data["cpu_s"] > data["wall_s"] > 0
    assert data["most_cpu_s"] > data["cpu_s"]
    assert (data["to_run"], data["workers"], data["unknown"]) == (20, 2, [])
    assert run(*args, "--format", "csv").stdout.splitlines()[1].startswith("6a/lstm,20,0,20,0,20000,")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["6a.jsonl"], "nothing ran"


def test_a_run_says_it_before_it_begins(tmp_path):
    said = run(
        "6a/lstm", "--trials", "1", "--max-sequences", "2000", "--engine", "inline", "--results", str(tmp_path)
    ).stderr
    assert said.startswith("1 trial to run; how long they take is not known.\n")
    said = run(
        "6a/lstm", "--trials", "1", "--max-sequences", "2001", "--engine", "inline", "--results", str(tmp_path)
    ).stderr
    assert said.startswith("1 trial to run: about 0 s of CPU time, 0 s at most; with 1 worker")
