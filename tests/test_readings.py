"""Which readings carry which rows follows from verdicts; how many were tried, from all that was screened and run."""

import csv
import io
from dataclasses import replace as changed

import pytest
from click.testing import CliRunner
from invented import AS_PUBLISHED, fill, invented, stage, times
from msgspec.structs import replace

from repro.analysis import readings, verdicts
from repro.commands.main import main
from repro.experiments import config
from repro.presentation.plots import kinds, style
from repro.records.store import Store

ROWS = config.load()
SMALL = [571_100 + 1000 * k for k in range(-5, 5)]


def screened(store, row, changes, seed=1):
    """A trial of a screening."""
    condition = ROWS[row].condition(overrides=changes, seed=seed)
    Store(store.folder / readings.SEARCH).append(replace(invented(condition, 0), screened=True))


@pytest.fixture
def store(tmp_path):
    """6a as published under one reading, not as printed; 6b twice as late as printed, scattered under another."""
    store = Store(tmp_path)
    fill(store, "6a/lstm", [*times(*(4 * n for n in AS_PUBLISHED))])
    fill(store, "6a/lstm", times(*AS_PUBLISHED), reading="plain-error")
    fill(store, "6b/lstm", times(*(2 * n for n in SMALL)))
    fill(store, "6b/lstm", times(*(571_100 * 4.0 ** (k / 3) for k in range(-5, 5))), reading="plain-error")
    return store


def fits(store, *patterns):
    return readings.of(verdicts.of_selection(patterns, ROWS, store), store)


def standings(store, *patterns):
    return {(fit.row.name, fit.reading): fit.standing for fit in fits(store, *patterns)}


def test_a_reading_carries_a_row_whose_values_are_all_as_published(store):
    assert standings(store, "9") == {
        ("6a/lstm", "printed"): "does not carry",
        ("6a/lstm", "plain-error"): "carries",
        ("6b/lstm", "printed"): "does not carry",
        ("6b/lstm", "plain-error"): "no difference proven",  # an interval wider than a factor of 3 agrees with much
    }


def test_a_consistent_time_counts_if_its_interval_is_narrow(store):
    (time,) = [
        one
        for fit in fits(store, "9")
        if (fit.row.name, fit.reading) == ("6b/lstm", "plain-error")
        for one in fit.values
        if one.value == "success after"
    ]
    assert time.verdict == "CONSISTENT"
    assert time.contrast.high / time.contrast.low > readings.WIDEST
    assert not readings.agrees(time)
    narrow = changed(time, contrast=changed(time.contrast, low=0.6, high=1.79))
    wide = changed(time, contrast=changed(time.contrast, low=0.6, high=1.81))
    assert (readings.agrees(narrow), readings.agrees(wide)) == (True, False)
    assert not readings.agrees(changed(narrow, verdict="DIFFERS"))
    for low, high in ((1.01, 2.0), (0.5, 0.99)):  # taken alone it would count as different
        assert not readings.agrees(changed(time, contrast=changed(time.contrast, low=low, high=high)))
    assert readings.agrees(changed(wide, verdict="EQUIVALENT"))


def test_failures_count(tmp_path):
    """As fast as published, but of twenty trials eight fail."""
    store = Store(tmp_path)
    fill(store, "6a/lstm", [*times(*AS_PUBLISHED[:12]), *[[]] * 8])
    assert standings(store, "6a/lstm") == {("6a/lstm", "printed"): "does not carry"}


def test_what_cannot_be_judged_and_what_has_not_run_carry_nothing(tmp_path):
    store = Store(tmp_path)
    fill(store, "1/cascade", [[stage("all correct", 180_000 + k)] for k in range(30)])
    fill(store, "2a/rtrl/p=10,lr=1", [[]] * 18)
    found = standings(store, "1/cascade", "2a/rtrl/p=10,lr=1", "2a/lstm/p=100")
    assert list(found.values()) == ["cannot be judged", "carries", "not run"]  # none of 18, and beyond the limit
    assert readings.counts(fits(store, "1/cascade", "2a/rtrl/p=10,lr=1")) == {"printed": (1, 1)}


def test_every_setting_that_was_tried_counts_once(store):
    """Whatever it is called, however long it was run and from which seed; the row's readings among them."""
    before = {fit.row.name: (fit.tried, fit.screened) for fit in fits(store, "9")}
    assert before == {"6a/lstm": (2, False), "6b/lstm": (2, False)}
    for changes in (
        {"learner.cells_see": "inputs"},
        {"learner.cells_see": "inputs", "stop.max_sequences": 5000},  # the same, run for a shorter time
        {"learner.cells_see": "no gates"},
        {},  # printed
        {"learner.output_error": "plain"},  # the reading
    ):
        screened(store, "6a/lstm", changes)
    screened(store, "6a/lstm", {"learner.cells_see": "inputs"}, seed=2)
    after = {fit.row.name: (fit.tried, fit.screened) for fit in fits(store, "9")}
    assert after == {"6a/lstm": (4, True), "6b/lstm": (2, False)}


def test_the_smallest_sets_that_carry_most(store):
    found = fits(store, "9")
    assert readings.smallest_sets(found) == [(("plain-error",), 1)]
    fill(store, "5/lstm", [[stage("n_seq=140", 482_000 + k), stage("n_seq=13", 1_273_000 + k)] for k in range(10)])
    assert readings.smallest_sets(fits(store, "9", "8")) == [(("printed",), 1), (("printed", "plain-error"), 2)]


def test_a_competitor_that_fails_as_published_is_no_row_of_lstm(store):
    """What `printed` carries of competitors says nothing against a reading of LSTM's net."""
    fill(store, "2a/rtrl/p=10,lr=1", [[]] * 18)
    found = fits(store, "9", "2a/rtrl/p=10,lr=1")
    assert readings.counts(found) == {"printed": (1, 3), "plain-error": (1, 2)}
    groups = readings.by_learner(found)
    assert {whose: readings.counts(some) for whose, some in groups.items()} == {
        "LSTM": {"plain-error": (1, 2), "printed": (0, 2)}, "other learners": {"printed": (1, 1)},
    }  # fmt: skip
    text = " ".join(run(store, "readings", "9", "2a/rtrl/p=10,lr=1").split())
    assert "Of 2 rows of LSTM most are carried by plain-error: 1." in text
    assert "Of 1 rows of other learners most are carried by printed: 1." in text


def run(store, *arguments):
    done = CliRunner().invoke(main, [*arguments, "--results", str(store.folder)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_command_tells_all_and_what_follows(store):
    screened(store, "6a/lstm", {"learner.cells_see": "inputs"})
    lines = list(csv.DictReader(io.StringIO(run(store, "readings", "9", "--format", "csv"))))
    carried = {(line["row"], line["reading"]): line for line in lines}["6a/lstm", "plain-error"]
    assert (carried["standing"], carried["tried"], carried["chosen"]) == ("carries", "3", "here")
    assert (float(carried["sequences_published"]), carried["solved"], carried["trials"]) == (31_390, "20", "20")
    assert carried["command"] == "repro run '6a/lstm' --reading plain-error"
    text = " ".join(run(store, "readings", "9").split())
    assert "Rows of LSTM that are carried, of those that were judged: 'plain-error' 1 of 2, 'printed' 0 of 2." in text
    assert "Of 2 rows of LSTM most are carried by plain-error: 1." in text


def test_compare_names_the_reading_that_carries_a_row(store):
    screened(store, "6a/lstm", {"learner.cells_see": "inputs"})
    text = " ".join(run(store, "compare", "9").split())
    assert "6a/lstm is carried by 'plain-error', of 3 readings tried here. `repro readings` has them all." in text
    assert "6b/lstm is carried" not in text


def test_compare_says_where_the_readings_were_chosen(store):
    text = " ".join(run(store, "compare", "9").split())
    assert "6a/lstm is carried by 'plain-error', chosen on other rows." in text


def test_the_matrix_has_a_square_for_each_reading_that_was_run(store):
    figure = kinds.draw("readings", ("9",), ROWS, store)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["6a/lstm", "6b/lstm"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["plain-error  1/2", "printed  0/2"]
    signs = {(text.get_position()): text.get_text() for text in axes.texts}
    assert [signs[x, y] for y in (0, 1) for x in (0, 1)] == ["●", "×", "◇", "×"]
    assert len(axes.patches) == 4


def test_a_matrix_of_nothing_says_what_to_do(tmp_path):
    with pytest.raises(style.PlotError, match="repro run"):
        kinds.draw("readings", ("9",), ROWS, Store(tmp_path))
