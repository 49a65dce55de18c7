"""What is stored beyond the rows' own settings is looked at by its settings, its seed, or the values of a key."""

import json

import pytest
from click.testing import CliRunner
from invented import invented, stage

from repro.analysis import tables
from repro.commands.main import main
from repro.experiments import config, views
from repro.experiments.config import ConfigError
from repro.experiments.views import View
from repro.records.store import Store

ROW = "6a/lstm"


def fill(store: Store, n: int, reading: str = "printed", seed: int = 0, row: str = ROW, **changes: object) -> None:
    """Trials of a row, all solved, after as many thousand sequences as the learning rate has tenths."""
    condition = config.load()[row].condition(
        reading, {key.replace("__", "."): value for key, value in changes.items()}, seed
    )
    after = int(10_000 * condition.settings["learner"]["learning_rate"])
    name = condition.settings["stop"]["stages"][0]["name"]
    for trial in range(n):
        store.append(invented(condition, trial, [stage(name, after + trial)]))


def lines(store: Store, view: View, *patterns: str) -> list[tuple[str, int, int]]:
    found = tables.selected(patterns or (ROW,), config.load(), store, view)
    return [(line.variant, line.measured.n, line.n_target) for line in found]


def test_a_table_shows_the_settings_that_are_asked_for_with_all_their_trials(tmp_path):
    store = Store(tmp_path)
    fill(store, 20)
    fill(store, 50, learning_rate=0.1)
    assert lines(store, views.USUAL) == [("printed", 20, 20)]
    assert lines(store, View({"learning_rate": 0.1})) == [("learning_rate=0.1", 50, 50)]
    assert lines(store, View({"learner.learning_rate": 0.2})) == [("learning_rate=0.2", 0, 20)]


def test_by_a_key_there_is_a_line_for_each_stored_value_in_order(tmp_path):
    store = Store(tmp_path)
    for rate in (1.5, 0.1, 0.25):
        fill(store, 2, learning_rate=rate)
    fill(store, 3)
    fill(store, 4, learning_rate=0.1, stop__max_sequences=400_000)  # differs in another setting too
    fill(store, 4, learning_rate=0.1, seed=1)
    fill(store, 5, reading="plain-error", learning_rate=0.1)
    rates = [("learning_rate=0.1", 2, 20), ("learning_rate=0.25", 2, 20), ("learning_rate=0.5", 3, 20),
             ("learning_rate=1.5", 2, 20)]  # fmt: skip
    assert lines(store, View(by=("learning_rate",))) == [*rates, ("plain-error, learning_rate=0.1", 5, 20)]
    assert ("learning_rate=0.1, max_sequences=400000", 4, 20) in lines(
        store, View(by=("learning_rate", "max_sequences"))
    )
    assert lines(store, View(seed=1, by=("learning_rate",))) == [("learning_rate=0.1, seed=1", 4, 20)]
    both = lines(store, View({"learning_rate": 0.1}, by=("seed",)))
    assert both[:2] == [("seed=0, learning_rate=0.1", 2, 20), ("seed=1, learning_rate=0.1", 4, 20)]


def test_a_line_has_the_weights_of_its_own_net(tmp_path):
    store, row = Store(tmp_path), config.load()[ROW]
    sizes = (1, 2, 3)
    for size in sizes:
        fill(store, 1, size=size)
    found = tables.selected([ROW], config.load(), store, View(by=("size",)))
    assert [line.n_weights for line in found] == [row.setup(overrides={"size": size}).n_weights for size in sizes]
    assert len({line.n_weights for line in found}) == 3


def test_rows_without_such_a_setting_are_left_out_and_it_is_an_error_if_all_are(tmp_path):
    store = Store(tmp_path)
    with pytest.warns(UserWarning, match="left out, as they have no such setting: 3a/guessing"):
        found = lines(store, View({"learning_rate": 0.1}), "3a")
    assert {variant for variant, *_ in found} == {"learning_rate=0.1"}
    with pytest.raises(ConfigError, match=r"learner.pace: there is no such setting"):
        lines(store, View(by=("learner.pace",)))
    with pytest.raises(ConfigError, match=r"no such setting\. Did you mean learning_rate"):
        lines(store, View({"learning_rat": 0.1}))


def test_that_nothing_is_stored_is_said(tmp_path):
    with pytest.warns(UserWarning, match="nothing is stored of these rows under such settings; `repro list --stored`"):
        assert lines(Store(tmp_path), View(by=("seed",))) == []


@pytest.mark.parametrize(
    "view",
    [
        View({"learning_rate": 0.1}, by=("learner.learning_rate",)),
        View({"learner.learning_rate": 0.1}, by=("seed", "learning_rate")),
        View(seed=1, by=("seed",)),
    ],
)
def test_what_is_given_is_not_asked_about_too(tmp_path, view):
    with pytest.raises(
        ConfigError, match=r"(learner.learning_rate|seed) is given, and --by asks for every value of it"
    ):
        lines(Store(tmp_path), view)


def test_screened_trials_are_in_no_line(tmp_path):
    from msgspec.structs import replace

    store, condition = Store(tmp_path), config.load()[ROW].condition()
    for trial in range(4):
        store.append(replace(invented(condition, trial, [stage("ST3(.1)", 30_000)]), screened=trial > 0))
    assert lines(store, views.USUAL) == [("printed", 1, 20)]
    store.append(invented(condition, 2, [stage("ST3(.1)", 30_000)]))
    assert lines(store, views.USUAL) == [("printed", 2, 20)]
    store.append(replace(invented(condition, 0, [stage("ST3(.1)", 30_000)]), screened=True))
    assert lines(store, views.USUAL) == [("printed", 2, 20)]  # what counted still does


def test_the_command_that_a_line_names_makes_its_condition():
    rows = config.load()
    changes = {"learning_rate": 0.25, "stop.max_sequences": 7, "task.length": [105, 120]}
    condition = rows[ROW].condition("plain-error", changes, 3)
    import shlex

    words = shlex.split(views.run(condition, rows[ROW]))
    assert words[:3] == ["repro", "run", ROW]
    options = list(zip(words[3::2], words[4::2], strict=True))
    from repro.experiments.selection import parse_override

    overrides = dict(parse_override(value) for name, value in options if name == "--set")
    assert dict(option for option in options if option[0] != "--set") == {"--reading": "plain-error", "--seed": "3"}
    assert rows[ROW].condition("plain-error", overrides, 3) == condition


def run(*arguments: str) -> str:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_every_command_that_shows_takes_a_view(tmp_path):
    store = Store(tmp_path)
    fill(store, 20)
    fill(store, 50, learning_rate=0.1)
    where = ("--results", str(tmp_path))
    one = json.loads(run("table", ROW, "--set", "learning_rate=0.1", *where, "--format", "json"))
    assert [(line["settings"], line["trials"]) for line in one] == [("learning_rate=0.1", 50)]
    text = run("table", ROW, "--by", "learning_rate", *where)
    assert "learning_rate=0.1" in text
    assert "learning_rate=0.5" in text
    text = run("compare", ROW, "--by", "learning_rate", *where)
    assert "6a/lstm (learning_rate=0.1)" in text
    assert "Of 6 values: " in text
    drawn = tmp_path / "by.svg"
    run("plot", "survival", ROW, "--by", "learning_rate", "-o", str(drawn), *where)
    assert drawn.stat().st_size > 1000
    done = CliRunner().invoke(main, ["compare", ROW, "--by", "learning_rate", "--accept", *where])
    assert done.exit_code == 2
    assert "verdicts are recorded of the rows' own settings" in done.stderr
