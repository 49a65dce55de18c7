"""Verdicts: each follows from what it should, none claims more; what is recorded is held to."""

import csv
import io
import json

import pytest
from invented import AS_PUBLISHED, PASSED, fill, stage, times

from repro.analysis import recorded, tables, verdicts
from repro.experiments import config
from repro.presentation import table_view, verdict_table
from repro.records.store import Store


def found(store, *patterns, **margins):
    return verdicts.of_selection(patterns, config.load(), store, verdicts.Margins(**margins))


def by_value(store, *patterns, **margins):
    return {
        (one.line.row.name, one.line.reading, one.line.published.stage, one.value): one
        for one in found(store, *patterns, **margins)
    }


def of(store, value, row="6a/lstm", reading="printed", passed=PASSED, **margins):
    return by_value(store, row, **margins)[row, reading, passed, value]


def test_equivalent_where_the_interval_is_within_the_margin(tmp_path):
    store = Store(tmp_path)
    fill(store, "6a/lstm", times(*AS_PUBLISHED))
    assert {one.value: one.verdict for one in found(store, "6a/lstm")} == {
        "success rate": "EQUIVALENT", "success after": "EQUIVALENT", "wrong of 2560": "EQUIVALENT",
    }  # fmt: skip
    one = of(store, "success rate")
    assert (one.published, one.ours) == ("20 of 20, implied", "20 of 20")
    assert of(store, "success rate", rate=0.1).verdict == "CONSISTENT"  # the same data, a narrower margin


def test_equivalent_may_still_not_be_the_same(tmp_path):
    store = Store(tmp_path)
    fill(store, "6a/lstm", times(*(1.2 * n for n in AS_PUBLISHED)))
    one = of(store, "success after")
    assert one.verdict == "EQUIVALENT"
    assert one.why.startswith("there is a difference, as chance alone would seldom bring one like it, but it")
    assert of(store, "success after", ratio=1.1).verdict == "DIFFERS"


def test_consistent_says_what_could_have_been_found(tmp_path):
    store = Store(tmp_path)
    fill(store, "6a/lstm", times(*(31_390 * 2 ** (k / 5) for k in range(-10, 10))))
    one = of(store, "success after")
    assert one.verdict == "CONSISTENT"
    assert one.contrast.low < 1 / 1.5
    down, up = one.contrast.detectable
    assert one.why == (
        f"a difference would have shown if ours were in truth {down:.2g} times the published value or less, or "
        f"{up:.2g} times the published value or more; a smaller one may be there unseen"
    )


def test_differs(tmp_path):
    store = Store(tmp_path)
    fill(store, "6a/lstm", [*times(*(3 * n for n in AS_PUBLISHED[:5])), *[[]] * 15])
    assert of(store, "success after").verdict == "DIFFERS"
    assert of(store, "success rate").verdict == "DIFFERS"
    assert of(store, "success after").ours.endswith(", 15 of 20 failed")


def test_a_difference_must_stand_out_among_all_values_of_its_table(tmp_path):
    """The same trials of 6a differ alone, and are only consistent when 6b gives more chances to be wrong."""
    store = Store(tmp_path)
    fill(store, "6a/lstm", [*times(*AS_PUBLISHED[:14]), *[[]] * 6])
    alone = of(store, "success rate")
    assert alone.contrast.p < 0.05 / 3
    assert alone.verdict == "DIFFERS"
    fill(store, "6b/lstm", [[stage("ST3(.1)", 571_100 + k, 2)] for k in range(10)])
    among = by_value(store, "9")["6a/lstm", "printed", PASSED, "success rate"]
    assert among == of(store, "success rate")  # whatever part of the table is asked for
    assert among.contrast == alone.contrast
    assert among.adjusted == pytest.approx(6 * alone.contrast.p)
    assert among.verdict == ("DIFFERS" if among.adjusted < 0.05 else "CONSISTENT")
    assert among.verdict == "CONSISTENT"
    assert among.why.startswith("taken alone it would count as different, but of 6 values one may look so by chance")


@pytest.mark.parametrize(
    ("row", "value", "reason"),
    [
        ("1/cascade", "success rate", "neither how many trials it ran nor how much they varied"),
        ("1/cascade", "success after", "neither how many trials it ran nor how much they varied"),
        ("1/elman/hidden=15", "success after", "no mean, only that no trial had succeeded by then"),
        ("1/rtrl/hidden=12,lr=0.1", "success rate", "neither how many trials"),
    ],
)
def test_not_comparable_says_why(tmp_path, row, value, reason):
    store = Store(tmp_path)
    fill(store, row, [[stage("all correct", 182_000 + k)] for k in range(30)])
    one = of(store, value, row, passed="all correct")
    assert one.verdict == "NOT COMPARABLE"
    assert reason in one.why
    assert one.contrast is None


@pytest.mark.parametrize(("n", "said"), [(0, "none of our 20 trials succeeds"), (1, "1 of our 20 trials succeeds"),
                                         (2, "2 of our 20 trials succeed")])  # fmt: skip
def test_too_few_successes_have_no_mean_to_compare(tmp_path, n, said):
    store = Store(tmp_path)
    fill(store, "6a/lstm", [*times(*[31_000, 32_000][:n]), *[[]] * (20 - n)])
    one = of(store, "success after")
    assert (one.verdict, one.why) == ("NOT COMPARABLE", f"{said}, and a mean with an interval takes at least 3")
    assert one.brief == f"{n} of 20 solved"


def test_the_error_of_table_8_is_not_known_to_be_one(tmp_path):
    store = Store(tmp_path)
    fill(store, "5/lstm", [[stage("n_seq=140", 482_000 + k, 139), stage("n_seq=13", 1_273_000 + k)] for k in range(10)])
    one = of(store, "test error", "5/lstm", passed="n_seq=13")
    assert one.verdict == "NOT COMPARABLE"
    assert "mean squared error, which it cannot be" in one.why


@pytest.mark.parametrize("errors", [(0.0, 0.01, 0.02), (1e308, 1e308, 0.02), (5e-324, 1e308, 0.0)])
def test_an_error_without_a_ratio_is_not_comparable(tmp_path, errors):
    """One that is 0, as of a net whose outputs are exact, or one of a net that has run away."""
    row, store = "3c/lstm/T=100,N=3", Store(tmp_path)
    name = config.load()[row].published[0].stage
    fill(store, row, [[stage(name, 9000 + k) | {"mean_absolute_error": errors[k % 3]}] for k in range(10)])
    one = of(store, "test error", row, passed=name)
    assert one.verdict == "NOT COMPARABLE"
    assert one.why.startswith("the error of one of our trials is 0, or beyond all bounds")
    assert verdict_table.render(found(store, row), verdicts.Margins(), "json")
    assert table_view.render(tables.selected([row], config.load(), store), "text")


def test_missing_trials_are_not_judged(tmp_path):
    store = Store(tmp_path)
    assert of(store, "success after").verdict == "NOT RUN"
    fill(store, "6a/lstm", times(*AS_PUBLISHED[:19]))
    one = of(store, "success after")
    assert (one.verdict, one.contrast) == ("NOT RUN", None)
    assert one.why.startswith("19 of 20 trials")


def test_the_papers_own_trials_count(tmp_path):
    """97 % of 30 are 29: with 29 of ours there is no difference at all."""
    store = Store(tmp_path)
    row = "1/lstm/3x2,lr=0.2"
    fill(store, row, [*[[stage("all correct", 14_000 + 100 * k)] for k in range(29)], []])
    one = of(store, "success rate", row, passed="all correct")
    assert (one.published, one.ours, one.contrast.value, one.contrast.p) == ("29 of 30", "29 of 30", 0, 1)


def test_a_reading_that_agrees_is_named_where_printed_differs(tmp_path):
    store = Store(tmp_path)
    passed = "ST3(.01)"
    fill(store, "4/lstm/T=100", [[]] * 10)
    fill(store, "4/lstm/T=100", [[stage(passed, 74_000 + 100 * k, 1)] for k in range(10)], reading="linear")
    fill(store, "4/lstm/T=100", [[]] * 10, reading="plain-error")
    one = of(store, "success rate", "4/lstm/T=100", passed=passed)
    assert one.verdict == "DIFFERS"
    assert [other.line.reading for other in one.readings] == ["linear"]
    text = verdict_table.render(found(store, "4/lstm/T=100"), verdicts.Margins(), "text")
    assert "under the reading 'linear' (linear output unit; the text says logistic) it is CONSISTENT: 10" in text
    assert one.readings[0].readings == ()


def test_rows_of_our_own_are_not_compared(tmp_path):
    assert found(Store(tmp_path), "6a/rtrl") == []
    assert {one.line.published.table for one in found(Store(tmp_path), "@paper")} == {*range(1, 10), "text"}


def test_every_published_number_is_there(tmp_path):
    """Each number of a row that the paper prints has a verdict."""
    names = {"success": "success rate", "sequences": "success after", "test_wrong": "wrong of 2560",
             "test_fraction": "fraction wrong", "test_error": "test error"}  # fmt: skip
    there = {one.key for one in found(Store(tmp_path), "@paper")}
    for row in config.load().values():
        for line in row.published:
            for field, value in names.items():
                if line.table != "ours" and getattr(line, field) is not None:
                    assert (str(line.table), row.name, line.stage, value) in there


@pytest.mark.parametrize("form", ["text", "md", "latex", "html"])
def test_shown(tmp_path, form):
    store = Store(tmp_path)
    fill(store, "6a/lstm", [*times(*AS_PUBLISHED[:19]), []])
    shown = verdict_table.render(found(store, "9"), verdicts.Margins(1.3, 0.1), form)
    for part in ("19 of 20", "EQUIVALENT", "NOT RUN", "a factor of 1.3"):
        assert part in shown
    if form == "html":
        assert "x &lt;" not in shown
        assert "<table>" in shown


def test_data_are_whole(tmp_path):
    store = Store(tmp_path)
    fill(store, "6a/lstm", times(*AS_PUBLISHED))
    compared = found(store, "6a/lstm")
    as_json = json.loads(verdict_table.render(compared, verdicts.Margins(), "json"))
    as_csv = list(csv.DictReader(io.StringIO(verdict_table.render(compared, verdicts.Margins(), "csv"))))
    assert [one["verdict"] for one in as_json] == [one["verdict"] for one in as_csv] == ["EQUIVALENT"] * 3
    assert as_json[1]["low"] < as_json[1]["estimate"] < as_json[1]["high"]
    assert float(as_csv[1]["estimate"]) == as_json[1]["estimate"]
    assert verdict_table.render([], verdicts.Margins(), "csv").startswith("table,row,")


# ------------------------------------------------------------------------------------------------- recorded verdicts


def test_what_reproduced_must_go_on_reproducing(tmp_path):
    store, path = Store(tmp_path), tmp_path / "verdicts.csv"
    fill(store, "6a/lstm", times(*AS_PUBLISHED))
    assert recorded.accept(found(store, "6a/lstm"), path) == 3
    assert recorded.lost(found(store, "6a/lstm"), path) == []
    other = Store(tmp_path / "other")
    fill(other, "6a/lstm", times(*(3 * n for n in AS_PUBLISHED)))
    ((one, before),) = recorded.lost(found(other, "6a/lstm"), path)
    assert (one.key, before, one.verdict) == (("9", "6a/lstm", PASSED, "success after"), "EQUIVALENT", "DIFFERS")
    empty = Store(tmp_path / "none")
    assert len(recorded.lost(found(empty, "6a/lstm"), path)) == 3  # nothing is known to hold without trials


def test_what_differed_may_go_on_differing(tmp_path):
    store, path = Store(tmp_path), tmp_path / "verdicts.csv"
    fill(store, "6a/lstm", [[]] * 20)
    recorded.accept(found(store, "6a/lstm"), path)
    assert recorded.lost(found(store, "6a/lstm"), path) == []


def test_accepting_a_part_keeps_the_rest(tmp_path):
    store, path = Store(tmp_path), tmp_path / "verdicts.csv"
    fill(store, "6a/lstm", times(*AS_PUBLISHED))
    assert recorded.accept(found(store, "9"), path) == 6
    before = path.read_text()
    assert recorded.accept(found(store, "6b/lstm"), path) == 6
    assert path.read_text() == before


def test_verdicts_that_cannot_be_read_are_the_users_to_solve(tmp_path):
    path = tmp_path / "verdicts.csv"
    with pytest.raises(recorded.VerdictsError, match="`repro compare --accept` records"):
        recorded.lost([], path)


HEAD, LINE = "table,row,stage,value,verdict\n", f"9,6a/lstm,{PASSED},success rate,EQUIVALENT\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "csv: no verdicts are recorded there"),
        (HEAD, "csv: no verdicts are recorded there"),
        (LINE, "csv:1: not a verdict"),
        (HEAD + "9,6a/lstm\n", "csv:2: not a verdict"),
        (HEAD + LINE + "\n", "csv:3: not a verdict"),
        (HEAD + LINE.replace("EQUIVALENT", "FINE"), "csv:2: not a verdict"),
        (HEAD + LINE.replace("EQUIVALENT", ""), "csv:2: not a verdict"),
        (HEAD + LINE + HEAD, "csv:3: not a verdict"),
        (HEAD + LINE + LINE.replace("EQUIVALENT", "DIFFERS"), "csv:3: stands there twice: 9, 6a/lstm"),
    ],
)
def test_what_is_recorded_is_all_verdicts_and_there_is_one(tmp_path, text, said):
    path = tmp_path / "verdicts.csv"
    path.write_text(text)
    with pytest.raises(recorded.VerdictsError, match=said):
        recorded.lost([], path)


@pytest.mark.parametrize("kept", [1, 3, 4])
def test_what_is_not_recorded_is_not_known_to_hold(tmp_path, kept):
    """As of a file that was shortened."""
    store, path = Store(tmp_path), tmp_path / "verdicts.csv"
    fill(store, "6a/lstm", times(*AS_PUBLISHED))
    recorded.accept(found(store, "9"), path)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[: kept + 1]))
    lost = recorded.lost(found(store, "9"), path)
    assert len(lost) == 6 - kept
    assert {before for _, before in lost} == {""}
    recorded.accept(found(store, "9"), path)
    assert recorded.lost(found(store, "9"), path) == []


@pytest.mark.parametrize("text", ["", HEAD])
def test_verdicts_are_recorded_where_there_were_none(tmp_path, text):
    path = tmp_path / "verdicts.csv"
    path.write_text(text)
    assert recorded.accept(found(Store(tmp_path), "9"), path) == 6


def test_trials_that_scatter_beyond_all_bounds_are_consistent_with_anything(tmp_path):
    store = Store(tmp_path)
    fill(store, "6a/lstm", [*times(1, 1_000, 313_900), *[[]] * 17])
    one = of(store, "success after")
    assert (one.verdict, one.why) == ("CONSISTENT", "no difference would have shown, however large")
    assert (one.contrast.low, one.contrast.high, one.contrast.detectable) == (0, float("inf"), (None, None))
    (shown,) = json.loads(verdict_table.render([one], verdicts.Margins(), "json"))
    assert (shown["low"], shown["high"], shown["p"]) == (0, None, pytest.approx(1))
    assert "[0.00, inf]" in verdict_table.render([one], verdicts.Margins(), "text")
