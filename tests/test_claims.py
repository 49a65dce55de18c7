"""Sentences: they follow from the verdicts, say all of them, and claim no more than these do."""

from dataclasses import replace
from itertools import product

import pytest
from click.testing import CliRunner
from invented import AS_PUBLISHED, PASSED, fill, invented, stage, times

from repro.analysis import claims, tables, verdicts
from repro.analysis.contrasts import Contrast
from repro.commands.main import main
from repro.experiments import config
from repro.experiments.views import USUAL, View
from repro.presentation import grid, verdict_table
from repro.records.store import Store

ROWS = config.load()
E, C, D, N, R = verdicts.VERDICTS


def said(store, *patterns, view=USUAL):
    return claims.of(verdicts.of_selection(patterns, ROWS, store, view=view))


def text(store, *patterns):
    """Of the one learner that the rows have."""
    (claim,) = [claim for claim in said(store, *patterns) if claim.learner]
    return claim.text


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    """The values of a row that has run: success rate, training time, wrong test sequences."""
    store = Store(tmp_path_factory.mktemp("records"))
    fill(store, "6a/lstm", times(*AS_PUBLISHED))
    return verdicts.of_selection(["6a/lstm"], ROWS, store)


def judged(values, *verdicts):
    """These values with other verdicts."""
    contrast = Contrast(0.5, 0.4, 0.6, 0.01, (None, None))
    return [
        replace(one, verdict=verdict, contrast=contrast if verdict in (E, C, D) else None, why="it is so")
        for one, verdict in zip(values, verdicts, strict=True)
    ]


# ----------------------------------------------------------------------------------------------------------- the rules


@pytest.mark.parametrize(
    ("verdicts", "phrase"),
    [
        ((E, E, E), "reproduced as printed: "),
        ((E, E, N), "reproduced as printed, as far as it can be compared: "),
        ((E, E, R), "reproduced as printed, as far as it has run: "),
        ((E, N, R), "reproduced as printed, as far as it has run, as far as it can be compared: "),
        ((C, C, C), "no difference proven: "),
        ((E, C, E), "no difference proven. "),
        ((E, C, N), "no difference proven, as far as it can be compared. "),
        ((D, D, D), "not reproduced as printed: "),
        ((D, N, N), "not reproduced as printed: "),
        ((D, D, R), "not reproduced as printed, as far as it has run: "),
        ((E, D, N), "differs in part. "),
        ((C, D, C), "differs in part. "),
        ((C, D, R), "differs in part, as far as it has run. "),
        ((N, N, N), "not comparable, as it is so: "),
        ((N, N, R), "not comparable, as far as it has run, as it is so: "),
        ((R, R, R), "not run"),
    ],
)
def test_a_status_follows_from_the_verdicts(values, verdicts, phrase):
    whole, claim = claims.of(judged(values, *verdicts))
    assert claim.text.startswith(f"Table 9, LSTM (experiment 6a): {phrase}")
    assert phrase.startswith(claim.status)
    assert (whole.learner, whole.status, whole.values) == ("", claim.status, claim.values)


@pytest.mark.parametrize(
    "verdicts", list(product(verdicts.VERDICTS, repeat=3)), ids=lambda verdicts: "-".join(verdicts)
)
def test_no_claim_says_more_than_its_verdicts(values, verdicts):
    """Whatever the verdicts: each of them is told, by a label of its own or by the status itself, and no other."""
    _, claim = claims.of(judged(values, *verdicts))
    there = {*verdicts} & {E, C, D}
    assert (claim.status == "reproduced as printed") == (there == {E})
    assert (claim.status == "not reproduced as printed") == (there == {D})
    assert (claim.status == "no difference proven") == (C in there and D not in there)
    labels = {". Within the margin: ": E, ". No difference proven: ": C, ". Different: ": D, ". Not comparable: ": N,
              ". Not run: ": R}  # fmt: skip
    told = {verdict for label, verdict in labels.items() if label in claim.text}
    unsaid = there if len(there) == 1 else set()  # the status says it
    assert told == ({*verdicts} - unsaid if there else {*verdicts} & {R} if N in verdicts else set())
    assert ("as far as it has run" in claim.text) == (R in verdicts and {*verdicts} != {R})
    for value, verdict in zip(("success rate", "training time", "wrong test sequences"), verdicts, strict=True):
        assert claim.text.count(value) == (verdict != R)


def test_a_bound_says_nothing_beside_its_success_rate(tmp_path):
    store = Store(tmp_path)
    fill(store, "2a/rtrl/p=10,lr=1", [[]] * 18)
    _, claim = said(store, "2a/rtrl/p=10,lr=1")
    assert claim.text == "Table 2, RTRL (p=10,lr=1): reproduced as printed: success rate (0 of 18 against 0 of 18)."
    assert [one.verdict for one in claim.values] == [E, N]  # it is counted nevertheless
    assert all(one.success is not None for row in ROWS.values() for one in row.published if one.beyond)


def test_of_a_table_it_is_said_who_has_which_status(tmp_path):
    store = Store(tmp_path)
    fill(store, "1/lstm/3x2,lr=0.2", [[]] * 30)
    fill(store, "1/cascade", [[stage("all correct", 136_000 + k)] for k in range(30)])
    whole = said(store, "1")[0]
    assert (whole.table, whole.learner, whole.status, len(whole.rows)) == ("1", "", "mixed", 9)
    assert whole.text == (
        "Table 1 (9 rows). RTRL and Elman net: not run; cascade-correlation: not comparable; "
        "LSTM: not reproduced as printed, as far as it has run."
    )
    fill(store, "6a/lstm", times(*(3 * n for n in AS_PUBLISHED)))
    assert said(store, "9")[0].text == (
        "Table 9 (2 rows). LSTM: differs in part (training time), as far as it has run."
    )


def test_every_value_is_in_the_claim_of_its_table_and_in_that_of_its_learner(tmp_path):
    found = verdicts.of_selection((), ROWS, Store(tmp_path))
    for some in (
        [one for one in claims.of(found) if one.learner],
        [one for one in claims.of(found) if not one.learner],
    ):
        assert sorted(one.key for claim in some for one in claim.values) == sorted(one.key for one in found)
    assert {claim.status for claim in claims.of(found)} == {"not run"}
    assert [claim.text for claim in claims.of(found) if claim.learner == "chunker"] == [
        "Table 2, chunker (p=100): not run.", "Text on experiment 2b, chunker (p=100): not run.",
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ the words


def test_ours_stand_against_the_papers(tmp_path):
    store = Store(tmp_path)
    rows = [f"1/lstm/{row}" for row in ("4x1,lr=0.1", "3x2,lr=0.1", "3x2,lr=0.2", "4x1,lr=0.5", "3x2,lr=0.5")]
    for row, n in zip(rows, (1, 6, 6, 0, 9), strict=True):
        solved = [[stage("all correct", 80_000 + 100 * k)] for k in range(n)]
        fill(store, row, [*solved, *[[]] * (30 - n)])
    assert text(store, "1/lstm").startswith(
        "Table 1, LSTM (5 rows): not reproduced as printed: success rate (0 to 9 of 30 against 29 to 30 of 30), "
        "training time of 3x2,lr=0.1, 3x2,lr=0.2 and 3x2,lr=0.5 (3.7 to 9.5 times as long). "
        "Not comparable: training time of 4x1,lr=0.1 and 4x1,lr=0.5."
    )


def test_where_nothing_can_be_compared_it_is_said_why_with_both_values(tmp_path):
    store = Store(tmp_path)
    fill(store, "1/cascade", [*[[stage("all correct", 91_000)]] * 17, *[[]] * 13])
    assert text(store, "1/cascade") == (
        "Table 1, cascade-correlation (experiment 1): not comparable, as the paper says neither how many trials it ran "
        "nor how much they varied: success rate (17 of 30 against 50 %), training time (0.50 times as long)."
    )


def test_different_trial_counts_and_both_directions_are_told_apart(tmp_path):
    store = Store(tmp_path)
    fill(store, "6a/lstm", [*times(*(3 * n for n in AS_PUBLISHED[:19]), wrong=4), []])
    fill(store, "6b/lstm", [[stage(PASSED, 57_110 + k, 1)] for k in range(10)])
    assert text(store, "9") == (
        "Table 9, LSTM (experiment 6a and experiment 6b): differs in part. "
        "Within the margin: wrong test sequences (3 more and 1 fewer of 2560). "
        "No difference proven: success rate (19 of 20 and 10 of 10 against 20 of 20 and 10 of 10, implied). "
        "Different: training time of experiment 6a (3.0 times as long), training time of experiment 6b (0.10 times as "
        "long)."
    )


def test_a_stage_is_named_where_it_is_not_all_of_them(tmp_path):
    store = Store(tmp_path)
    ends = [[stage("n_seq=140", 482_000 + k, 139), stage("n_seq=13", 4_000_000 + k, 14)] for k in range(10)]
    fill(store, "5/lstm", ends)
    assert "training time of experiment 5 at n_seq=140 (1.0 times as long)" in text(store, "8")
    assert "Different: training time of experiment 5 at n_seq=13 (3.1 times as long)" in text(store, "8")


def test_a_row_that_has_not_run_to_its_end_is_named_with_its_trials(tmp_path):
    store = Store(tmp_path)
    fill(store, "6b/lstm", [[stage(PASSED, 570_000 + k)] for k in range(4)])
    assert text(store, "6b/lstm") == "Table 9, LSTM (experiment 6b): not run: experiment 6b (4 of 10 trials)."
    fill(store, "6a/lstm", times(*AS_PUBLISHED))
    assert text(store, "9").endswith(" Not run: experiment 6b (4 of 10 trials).")
    assert text(store, "6a/lstm") == (  # of what is asked for alone, and so it is said
        "Table 9, LSTM (experiment 6a): reproduced as printed: success rate (20 of 20 against 20 of 20, implied), "
        "training time (1.00 times as long), wrong test sequences (0 more of 2560)."
    )


# -------------------------------------------------------------------------------------------- readings, other settings


def test_a_reading_that_agrees_is_named_with_what_does_not(tmp_path):
    store = Store(tmp_path)
    passed = "ST3(.01)"
    fill(store, "4/lstm/T=100", [[]] * 10)
    fill(store, "4/lstm/T=500", [[stage(passed, 1_000_000 + k)] for k in range(10)])
    fill(store, "4/lstm/T=100", [[stage(passed, 74_000 + k, 1)] for k in range(10)], reading="linear")
    fill(store, "4/lstm/T=500", [[stage(passed, 900_000 + k)] for k in range(10)], reading="linear")
    fill(store, "4/lstm/T=100", [[]] * 10, reading="plain-error")  # changes nothing
    assert text(store, "7").endswith(
        "Not run: T=1000. Under the reading 'linear' (linear output unit; the text says logistic) no difference is "
        "proven: success rate of T=100 (10 of 10 against 10 of 10, implied), training time of T=100 (1.0 times as "
        "long), wrong test sequences of T=100 (0 more of 2560); different: training time of T=500 (4.3 times as long); "
        "not run: T=1000."
    )
    assert text(store, "4/lstm/T=100").endswith(
        "no difference is proven anywhere: success rate (10 of 10 against 10 of 10, implied), training time (1.0 times "
        "as long), wrong test sequences (0 more of 2560)."
    )


def test_a_reading_says_what_it_makes_worse(tmp_path):
    store = Store(tmp_path)
    fill(store, "6a/lstm", times(*(3 * n for n in AS_PUBLISHED)))
    fill(store, "6a/lstm", [*times(*AS_PUBLISHED[:5]), *[[]] * 15], reading="plain-error")
    assert text(store, "6a/lstm").endswith(
        " no difference is proven: training time (0.97 times as long); different: success rate (5 of 20 against 20 of "
        "20, implied)."
    )


def test_a_reading_under_which_a_row_has_not_run_does_not_agree_anywhere(tmp_path):
    store = Store(tmp_path)
    fill(store, "6a/lstm", times(*(3 * n for n in AS_PUBLISHED)))
    fill(store, "6a/lstm", times(*AS_PUBLISHED), reading="plain-error")
    fill(store, "6b/lstm", [[stage(PASSED, 571_100 + k, 2)] for k in range(10)])
    assert text(store, "9").endswith("no difference is proven: training time of experiment 6a (1.00 times as long); "
                                     "not run: experiment 6b.")  # fmt: skip
    fill(store, "6b/lstm", [[stage(PASSED, 571_100 + k, 2)] for k in range(3)], reading="plain-error")
    assert text(store, "9").endswith("not run: experiment 6b (3 of 10 trials).")


def test_a_reading_says_what_cannot_be_compared_under_it(tmp_path):
    store = Store(tmp_path)
    fill(store, "6a/lstm", [*times(*(3 * n for n in AS_PUBLISHED[:10])), *[[]] * 10])
    fill(store, "6a/lstm", times(*[31_390] * 20), reading="plain-error")
    assert text(store, "6a/lstm").endswith(
        "no difference is proven: success rate (20 of 20 against 20 of 20, implied); not comparable: training time."
    )


def test_other_settings_make_no_claim(tmp_path):
    store = Store(tmp_path)
    fill(store, "6a/lstm", times(*AS_PUBLISHED))
    for trial, passed in enumerate(times(*(3 * n for n in AS_PUBLISHED))):
        store.append(invented(ROWS["6a/lstm"].condition("printed", {"learning_rate": 0.1}), trial, passed))
    assert said(store, "6a/lstm", view=View({"learning_rate": 0.1})) == []
    assert said(store, "6a/lstm", view=View(by=("learning_rate",))) == []
    assert [one.text for one in said(store, "6a/lstm", view=View(by=("reading",)))] == [
        one.text for one in said(store, "6a/lstm")
    ]
    done = CliRunner().invoke(main, ["compare", "6a/lstm", "--by", "learning_rate", "--results", str(tmp_path)])
    assert "6a/lstm (learning_rate=0.1)" in done.stdout
    assert "LSTM" not in done.stdout


def test_a_reading_with_other_settings_is_no_reading(tmp_path):
    store = Store(tmp_path)
    fill(store, "6a/lstm", times(*(3 * n for n in AS_PUBLISHED)))
    for trial, passed in enumerate(times(*AS_PUBLISHED)):
        store.append(invented(ROWS["6a/lstm"].condition("plain-error", {"learning_rate": 0.1}), trial, passed))
    lines = [
        line
        for view in (USUAL, View({"learning_rate": 0.1}))
        for line in tables.selected(["6a/lstm"], ROWS, store, view)
    ]
    found = verdicts.compare(lines)
    assert {one.line.variant for one in found} >= {"printed", "plain-error, learning_rate=0.1"}
    assert "reading" not in claims.of(found)[1].text


# --------------------------------------------------------------------------------------------------- where they stand


@pytest.mark.parametrize("form", ["text", "md", "html", "latex"])
def test_sentences_stand_above_the_numbers(tmp_path, form):
    store = Store(tmp_path)
    fill(store, "6a/lstm", times(*AS_PUBLISHED))
    shown = CliRunner().invoke(main, ["compare", "9", "--format", form, "--results", str(tmp_path)]).stdout
    shown = " ".join(shown.split())
    sentences = [
        grid.escape(claim.text, form) if form in ("html", "latex") else claim.text for claim in said(store, "9")
    ]
    places = [shown.index(sentence) for sentence in sentences]
    assert 0 < places[0] < places[1] < shown.index("6a/lstm")


def test_sentences_alone(tmp_path):
    store = Store(tmp_path)
    fill(store, "6a/lstm", times(*AS_PUBLISHED))
    done = CliRunner().invoke(main, ["compare", "9", "6a/lstm", "--brief", "--results", str(tmp_path)])
    assert " ".join(done.stdout.split()) == " ".join(claim.text for claim in said(store, "9"))
    columns = verdict_table.sentences(said(store, "9"), "csv", ["learner", "status", "equivalent", "not_run"])
    assert columns.splitlines()[1:] == [
        ",reproduced as printed,3,3", "lstm,reproduced as printed,3,3",
    ]  # fmt: skip
    assert "reproduced as printed" in verdict_table.sentences(said(store, "9"), "text", ["learner", "status"])
    done = CliRunner().invoke(main, ["compare", "--brief", "--set", "learning_rate=0.1", "--results", str(tmp_path)])
    assert (done.exit_code, "sentences are of the rows' own settings" in done.stderr) == (2, True)
