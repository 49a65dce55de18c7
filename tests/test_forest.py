"""The forest shows every value that `compare` judges, as it judges it, in one picture."""

from itertools import pairwise

import pytest
from invented import AS_PUBLISHED, fill, stage, times

from repro.analysis import verdicts
from repro.experiments import config
from repro.presentation.plots import forest, kinds, style
from repro.records.store import Store

ROWS, MARGINS = config.load(), verdicts.Margins()
SHAPES = {"o": "EQUIVALENT", "D": "CONSISTENT", "s": "DIFFERS", "x": "NOT COMPARABLE", "|": "NOT RUN"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("records"))
    fill(store, "6a/lstm", [*times(*(3 * n for n in AS_PUBLISHED[:19])), []])
    fill(store, "6a/lstm", times(*AS_PUBLISHED), reading="plain-error")
    fill(store, "6b/lstm", times(*[571_100] * 10))
    fill(store, "4/lstm/T=100", [[]] * 10)
    fill(store, "4/lstm/T=500", [[stage("ST3(.01)", 200_000)]] * 4)
    fill(store, "1/lstm/3x2,lr=0.2", [[stage("all correct", 9 * 10**k)] for k in (1, 2, 4)] * 2 + [[]] * 24)
    fill(store, "1/elman/hidden=15", [[]] * 30)
    fill(store, "1/cascade", [[stage("all correct", 100_000 + k)] for k in range(30)])
    fill(store, "3c/lstm/T=100,N=3", [[stage("stop", 200_000 + 9000 * k, 9 + k)] for k in range(10)])
    return store


def found(store, *patterns, reading=""):
    return verdicts.of_readings(verdicts.of_selection(patterns, ROWS, store), reading)


def drawn(store, *patterns, reading=""):
    """The figure, its panels by unit, and the height of each label."""
    figure = kinds.draw("forest", patterns, ROWS, store, reading)
    units = [unit for unit in ("points", "ratio", "share") if any(c.unit == unit for c in found(store, *patterns))]
    labels = {label.get_text(): float(y) for y, label in zip(figure.axes[0].get_yticks(),
              figure.axes[0].get_yticklabels(), strict=True)}  # fmt: skip
    return figure, dict(zip(units, figure.axes, strict=True)), labels


def lines_at(axes, y):
    return [line for line in axes.lines if set(map(float, line.get_ydata())) == {y}]


def marks_at(axes, y) -> list[tuple[str, float]]:
    """What stands at a height: markers and where they are."""
    return [
        (line.get_marker(), float(line.get_xdata()[0]))
        for line in lines_at(axes, y) if line.get_marker() in SHAPES
    ]  # fmt: skip


def interval_at(axes, y) -> tuple[float, float]:
    (line,) = [line for line in lines_at(axes, y) if line.get_marker() == "None" and line.get_linewidth() == 0.9]
    return tuple(map(float, line.get_xdata()))


def arrows_at(axes, y) -> list[float]:
    return [float(line.get_xdata()[0]) for line in lines_at(axes, y) if isinstance(line.get_marker(), int)]


def words_at(axes, y) -> list[str]:
    return [text.get_text() for text in axes.texts if text.xy[1] == y]


def notes(figure) -> str:
    return figure.get_supxlabel().replace("\n", " ")


@pytest.mark.parametrize("select", [(), ("9",), ("1", "3c/*")])
def test_every_value_is_there_once_and_with_its_verdict(store, select):
    _, panels, _ = drawn(store, *select)
    for unit, axes in panels.items():
        mine = [one for one in found(store, *select) if one.unit == unit]
        heights = {y for line in axes.lines for y in map(float, line.get_ydata())}
        shown = [mark for y in heights for mark in marks_at(axes, y)]
        assert sorted(SHAPES[marker] for marker, _ in shown) == sorted(one.verdict for one in mine)
        scale = 1 if unit == "ratio" else 100
        values = sorted(scale * one.contrast.value for one in mine if one.contrast)
        assert sorted(x for marker, x in shown if marker in "oDs") == pytest.approx(values)


def test_a_value_stands_between_the_ends_of_its_interval(store):
    _, panels, labels = drawn(store, "9")
    y = labels["6a/lstm"]
    for one in found(store, "6a/lstm"):
        scale = 1 if one.unit == "ratio" else 100
        assert interval_at(panels[one.unit], y) == pytest.approx((scale * one.contrast.low, scale * one.contrast.high))
        assert arrows_at(panels[one.unit], y) == []
    assert marks_at(panels["ratio"], y)[0][0] == "s"  # three times the published value
    assert marks_at(panels["points"], y)[0][0] == "D"


def test_an_interval_that_leaves_the_axis_has_an_arrow_there(store):
    (one,) = [c for c in found(store, "1/lstm/3x2,lr=0.2") if c.value == "success after"]
    _, panels, labels = drawn(store, "1")
    axes, y = panels["ratio"], labels["1/lstm/3x2,lr=0.2"]
    left, right = axes.get_xlim()
    assert left < one.contrast.value < right
    assert one.contrast.low < left
    assert one.contrast.high > right
    assert interval_at(axes, y) == tuple(arrows_at(axes, y)) == pytest.approx((left, right))


def test_bands_are_the_margins_that_the_values_were_judged_by(store):
    margins = verdicts.Margins(ratio=2, rate=0.1, wrong=0.01)
    judged = verdicts.of_selection(["9"], ROWS, store, margins)
    points, ratio, share = forest.figure(judged, margins).axes
    for axes, low, high in ((points, -10, 10), (ratio, 0.5, 2), (share, -1, 1)):
        (band,) = axes.collections
        assert {float(x) for x, _ in band.get_paths()[0].vertices} == {low, high}
    assert "a factor of 2, 10 points, 1 points" in notes(forest.figure(judged, margins))


@pytest.mark.parametrize(
    ("row", "unit", "words"),
    [
        ("4/lstm/T=100", "ratio", "0 of 10 solved"),
        ("4/lstm/T=100", "share", "0 of 10 solved"),
        ("4/lstm/T=500", "points", "4 of 10 run"),
        ("4/lstm/T=1000", "ratio", "not run"),
        ("1/elman/hidden=15", "points", "0 of 30 / 0 %"),
        ("1/elman/hidden=15", "ratio", "paper: none by 200,000"),
        ("1/cascade", "ratio", "100,014 / 182,000"),
        ("6b/lstm", "ratio", "ours are all alike"),
    ],
)
def test_where_nothing_can_be_compared_words_say_why(store, row, unit, words):
    _, panels, labels = drawn(store, "1", "7", "9")
    assert words_at(panels[unit], labels[row]) == [words]
    assert marks_at(panels[unit], labels[row])[0][0] in "x|"


def test_two_values_of_one_unit_do_not_share_a_height(store):
    _, panels, labels = drawn(store, "3c/lstm/T=100,N=3")
    assert labels["test error"] == labels["3c/lstm/T=100,N=3"] + 1
    assert [len(marks_at(panels["ratio"], y)) for y in labels.values()] == [1, 1]
    assert [len(marks_at(panels["points"], y)) for y in labels.values()] == [1, 0]
    assert panels["ratio"].get_title(loc="left") == "training sequences to success, test error:\nours / published"


def test_an_implied_rate_is_dotted(store):
    _, panels, labels = drawn(store, "1/lstm/3x2,lr=0.2", "6a/lstm")
    dashes = [
        [line.get_linestyle() for line in lines_at(panels["points"], labels[row]) if line.get_linewidth() == 0.9]
        for row in ("1/lstm/3x2,lr=0.2", "6a/lstm")
    ]
    assert dashes == [["-"], ["--"]]


def test_tables_are_told_apart_with_their_verdicts(store):
    figure, _, labels = drawn(store, "7", "9")
    said = [text.get_text() for text in figure.axes[-1].texts if text.get_ha() != "left" or text.get_weight() == "bold"]
    assert said[0] == "Table 7. Adding problem (experiment 4)"
    assert said[1] == "1 DIFFERS, 2 NOT COMPARABLE, 6 NOT RUN"
    assert said[2].startswith("Table 9. ")
    assert list(labels) == ["4/lstm/T=100", "4/lstm/T=500", "4/lstm/T=1000", "6a/lstm", "6b/lstm"]
    assert labels["6a/lstm"] - labels["4/lstm/T=1000"] > 2  # room for the heading
    key = [text.get_text() for text in figure.legends[0].get_texts()]
    there = [one.verdict for one in found(store, "7", "9")]
    assert key == [f"{there.count(verdict)} {verdict}" for verdict in verdicts.VERDICTS]
    assert len({line.get_marker() for line in figure.legends[0].get_lines()}) == 5  # not by colour alone


def test_another_reading_stands_below_the_printed_one_and_is_not_counted(store):
    figure, panels, labels = drawn(store, "9", reading="plain-error")
    assert list(labels) == ["6a/lstm", "6a/lstm, plain-error", "6b/lstm"]
    assert marks_at(panels["ratio"], labels["6a/lstm, plain-error"]) == [("o", pytest.approx(0.9984, abs=1e-4))]
    assert sum(int(text.get_text().split()[0]) for text in figure.legends[0].get_texts()) == len(found(store, "9"))
    assert "Reading 'plain-error': output error not multiplied" in notes(figure)
    assert "Counts are of the printed reading" in notes(figure)
    with pytest.raises(config.ConfigError, match="no trial of these rows is of a reading 'linaer'"):
        drawn(store, "9", reading="linaer")


def test_all_that_the_paper_prints_is_on_one_page(store):
    figure, _, labels = drawn(store)
    width, height = figure.get_size_inches()
    assert width <= 7.5
    assert height <= 10.0  # within margins of half an inch on letter paper, and on A4
    style.svg(figure, "a")  # things have their places when it is drawn
    first = figure.axes[0]
    heights = sorted(first.transData.transform([(0, y) for y in labels.values()])[:, 1])
    assert min(b - a for a, b in pairwise(heights)) > 6.0 * figure.dpi / 72  # of a line of labels
    assert len(found(store)) == sum(int(text.get_text().split()[0]) for text in figure.legends[0].get_texts())


def test_nothing_to_draw_is_said(store, tmp_path):
    with pytest.raises(style.PlotError, match="the paper prints nothing of these rows"):
        drawn(store, "ours")
    with pytest.raises(style.PlotError, match="no trial of '6a/lstm' and 1 more has been run to its end"):
        kinds.draw("forest", ["9"], ROWS, Store(tmp_path))
