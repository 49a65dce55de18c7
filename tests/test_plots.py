"""Figures show the numbers, all of them, and the same data give the same bytes."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from importlib import import_module
from math import isnan

import pytest
from click.testing import CliRunner
from invented import invented, stage

from repro.analysis import tables
from repro.analysis.stats import success_rate
from repro.commands import main as cli
from repro.errors import ReproError
from repro.experiments import config
from repro.presentation.plots import captions, kinds, learning, scaling, strips, style, success, survival
from repro.records.store import Store

ROWS = config.load()
ST3, TRACE = "ST3(.1)", [(256, 0.375), (512, 0.25), (768, None), (900, 0.01)]


def fill(store: Store, row: str, ends: list[dict[str, int]], reading="printed", trace=None, outcome="limit") -> None:
    """Records of the row's trials, one for each dict of stages passed and the sequences by then."""
    condition = ROWS[row].condition(reading)
    for trial, passed in enumerate(ends):
        solved = len(passed) == len(condition.settings["stop"]["stages"])
        stages = [stage(name, sequences) for name, sequences in passed.items()]
        ended = {"trace": trace, "sequences": trace[-1][0]} if trace else {}
        store.append(invented(condition, trial, stages, "solved" if solved else outcome, **ended))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("records"))
    fill(store, "6a/lstm", [{ST3: 20_000 + 1000 * n} for n in range(19)] + [{}])
    fill(store, "6a/lstm", [{ST3: 30_000}, {ST3: 30_000}, {}], "plain-error", outcome="diverged")
    fill(store, "1/lstm/3x2,lr=0.2", [{"all correct": 9_000}] * 6 + [{}] * 24)
    fill(store, "5/lstm", [{"n_seq=140": 500, "n_seq=13": 900}, {"n_seq=140": 700}], trace=TRACE, outcome="diverged")
    fill(store, "2c/lstm/q=50,p=50", [{"ABS(.2)": 40_000 + n} for n in range(20)])
    fill(store, "2c/lstm/q=100,p=100", [{"ABS(.2)": 60_000 + n} for n in range(5)] + [{}] * 15)
    fill(store, "2c/lstm/q=1000,p=500", [{}] * 20)
    fill(store, "2c/lstm/q=50,p=50", [{"ABS(.2)": 10_000}] * 20, "plain-error")
    return store


def lines(store, *patterns):
    return tables.selected(patterns, ROWS, store)


def notes(figure) -> str:
    return figure.get_supxlabel().replace("\n", " ")


def points(artist) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in zip(*artist.get_data(), strict=True)]


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def named(axes, label: str):
    (found,) = [artist for artist in axes.lines if artist.get_label() == label]
    return found


# ------------------------------------------------------------------------------------------------ what is to be seen


def test_survival_curves_are_the_shares_of_trials_solved(store):
    figure = survival.figure(lines(store, "9"))
    (axes,) = figure.axes  # 6b has not been run
    curve = named(axes, "printed: mean 29,000, 19 of 20 trials")
    steps = points(curve)
    assert curve.get_drawstyle() == "steps-post"
    assert steps[0] == (axes.get_xlim()[0], 0)
    assert steps[1:-1] == [(20_000 + 1000 * n, (n + 1) / 20) for n in range(19)]
    assert steps[-1] == (313_900, 0.95)  # at the limit
    assert axes.get_xscale() == "log"
    assert axes.get_xlim()[1] > 313_900
    assert points(named(axes, "paper: mean 31,390, 20 trials")) == [(31_390, 0), (31_390, 1)]
    means = [points(line)[0][0] for line in axes.lines if line.get_marker() in "os" and points(line)[-1][1] == 0]
    assert means == [29_000, 30_000]
    other = named(axes, "plain-error: mean 30,000, 2 of 3 trials")
    assert points(other)[1:] == [(30_000, 2 / 3), (313_900, 2 / 3)]
    assert other.get_linestyle() != curve.get_linestyle()
    assert other.get_marker() != curve.get_marker()
    assert "Not run: 6b/lstm." in notes(figure)
    assert "6a/lstm, plain-error (3 of 20 trials)" in notes(figure)
    assert "'plain-error': output error not multiplied" in notes(figure)


def test_survival_bands_are_wilsons(store):
    (axes,) = survival.figure(lines(store, "1")).axes
    (band,) = axes.collections
    corners = {(round(float(x)), round(float(y), 9)) for x, y in band.get_paths()[0].vertices}
    for solved, x in ((0, 9_000), (6, 9_000), (6, 140_600)):
        rate = success_rate(solved, 30)
        assert {(x, round(rate.low, 9)), (x, round(rate.high, 9))} <= corners
    assert "paper: mean 14,060, 97 % of 30 trials" in [line.get_label() for line in axes.lines]


def test_survival_has_a_panel_for_each_stage(store):
    figure = survival.figure(lines(store, "8"))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["5/lstm, n_seq=140", "5/lstm, n_seq=13"]
    first, second = figure.axes
    assert points(named(first, "printed: mean 600, 2 of 2 trials"))[1:3] == [(500, 0.5), (700, 1.0)]
    assert points(named(second, "printed: mean 900, 1 of 2 trials"))[1] == (900, 0.5)


def test_survival_legends_have_room_for_many_readings(store):
    many = [
        replace(line, changes={"learner.init": 0.1 + k})
        for line in lines(store, "2c/lstm/q=50,p=50", "2c/lstm/q=100,p=100") if line.measured.survival
        for k in range(5)
    ]  # fmt: skip
    figure = survival.figure(many)
    style.svg(figure, "a")  # with its layout
    upper, lower = (axes.get_legend().get_window_extent() for axes in figure.axes)
    assert len(figure.axes[0].get_legend().get_texts()) == 11
    assert lower.y1 <= upper.y0
    assert lower.y0 >= 0


def test_strips_have_a_dot_for_every_trial(store):
    figure = strips.figure(lines(store, "9"))
    times, failures = figure.axes
    assert [label.get_text() for label in times.get_yticklabels()] == ["6a/lstm", "plain-error", "6b/lstm"]
    black = [points(line) for line in times.lines if line.get_color() == style.BLACK]
    assert [bar[0][0] for bar in black] == [31_390, 31_390, 571_100]
    assert all(round(low[1]) == round(high[1]) == y for y, (low, high) in enumerate(black))
    dots = {round(points(line)[0][1]): points(line) for line in times.lines if line.get_alpha()}
    assert [x for x, _ in dots[0]] == [20_000 + 1000 * n for n in range(19)]
    assert [x for x, _ in dots[1]] == [30_000, 30_000]
    assert len({y for _, y in dots[0]}) == 19  # jitter
    assert dots == {
        round(points(line)[0][1]): points(line)
        for line in strips.figure(lines(store, "9")).axes[0].lines if line.get_alpha()
    }  # fmt: skip
    means = [points(line)[0] for line in times.lines if line.get_markerfacecolor() == "white"]
    assert [x for x, _ in means] == [29_000, 30_000]
    (measured,) = [line.measured for line in lines(store, "6a/lstm") if line.reading == "printed"]
    interval = [measured.sequences.low, measured.sequences.high]
    assert interval in [[x for x, _ in points(line)] for line in times.lines]
    marks = [
        (line.get_marker(), round(points(line)[0][1]), line.get_markerfacecolor())
        for line in failures.lines
        if line.get_marker() in "ox"
    ]
    assert marks == [("o", 0, "none"), ("x", 1, "none")]  # one at the limit, one diverged
    assert texts(failures) == ["1 of 20", "1 of 3", "not run"]


def test_strips_are_of_one_stage_each(store):
    times, failures = strips.figure(lines(store, "8")).axes
    dots = [[x for x, _ in points(line)] for line in times.lines if line.get_alpha()]
    assert dots == [[500, 700], [900]]
    assert texts(failures) == ["0 of 2", "1 of 2"]


def test_strips_stack_failures_without_covering_one_another(store):
    _, failures = strips.figure(lines(store, "1/lstm/3x2,lr=0.2")).axes
    rings = [points(line)[0] for line in failures.lines if line.get_marker() == "o"]
    assert len(set(rings)) == 24
    assert max(x for x, _ in rings) < failures.get_xlim()[1]


def test_strips_mark_a_published_bound(store):
    times, _ = strips.figure(lines(store, "1")).axes
    arrows = [points(line)[0] for line in times.lines if line.get_color() == style.BLACK and len(points(line)) == 1]
    assert arrows == [(200_000, 2)]  # Elman nets


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("1/elman/hidden=15", "paper: none by 200,000, 0 % of trials"),
        ("1/rtrl/hidden=12,lr=0.1", "paper: mean 25,000, some fraction of trials"),
        ("1/lstm/4x1,lr=0.5", "paper: mean 9,500, 97 % of 30 trials"),
        ("2a/rtrl/p=10,lr=1", "paper: none by 5,000,000, 0 % of 18 trials"),
        ("9", "paper: mean 31,390, 20 trials"),
        ("ours", ""),
    ],
)
def test_what_the_paper_says(store, row, said):
    assert captions.paper(lines(store, row)[0]) == said


def test_scaling_has_the_published_line_and_ours(store):
    figure = scaling.figure(lines(store, "3"))
    lag, frequency, other, empty = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "printed: q = p", "printed: q = 1,000", "plain-error: q = p", "plain-error: q = 1,000"
    ]  # fmt: skip
    for axes in (lag, other):
        assert points(named(axes, "published mean")) == [
            (50, 30_000), (100, 31_000), (200, 33_000), (500, 38_000), (1000, 49_000)
        ]  # fmt: skip
    for axes in (frequency, empty):
        assert points(named(axes, "published mean")) == [
            (1, 49_000), (2, 49_000), (5, 75_000), (10, 135_000), (20, 203_000)
        ]  # fmt: skip
    assert [{points(line)[0]: line.get_markerfacecolor() for line in marks(axes)} for axes in figure.axes] == [
        {
            (50, 40_009.5): style.BLUE,
            (100, (5 * 60_002 + 15 * 5_000_000) / 20): "white",  # failures count with the limit: no mean of 5 survivors
        },
        {(2, 5_000_000): "white"},  # none solved
        {(50, 10_000): style.VERMILION},
        {},
    ]
    assert [text for text in texts(lag) if text] == ["20/20", "5/20"]
    assert texts(other) == ["20/20"]
    assert texts(frequency) == ["", "0/20"]  # an arrow up, and how many
    assert [text.arrow_patch is not None for text in lag.texts] == [False, True, False]
    assert points(named(frequency, "limit of ours")) == [(0, 5_000_000), (1, 5_000_000)]
    for axes in figure.axes:
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["published mean", "limit of ours"]
    assert "Not run: 2c/lstm/q=200,p=200; 2c/lstm/q=500,p=500; 2c/lstm/q=1000,p=1000;" in notes(figure)


def marks(axes):
    """The means of ours: filled where all trials were solved, hollow where some failed."""
    return [line for line in axes.lines if line.get_marker() in ("o", "s") and points(line)]


def test_scaling_joins_means_of_all_trials_by_a_full_line_only_where_all_were_solved(tmp_path):
    store = Store(tmp_path)
    for k, (lag, n_solved) in enumerate([(50, 20), (100, 20), (200, 19), (500, 0)]):
        fill(store, f"2c/lstm/q={lag},p={lag}", [{"ABS(.2)": 1000 * 2**k}] * n_solved + [{}] * (20 - n_solved))
    axes, _ = scaling.figure(lines(store, "3")).axes
    third, last = (19 * 4000 + 5_000_000) / 20, 5_000_000
    joined = [(points(line), line.get_linestyle()) for line in axes.lines if line.get_color() == style.BLUE
              and len({x for x, _ in points(line)}) == 2]  # fmt: skip
    assert joined == [
        ([(50, 1000), (100, 2000)], "-"), ([(100, 2000), (200, third)], ":"), ([(200, third), (500, last)], ":"),
    ]  # fmt: skip


@pytest.mark.parametrize("select", ["3", "2c/lstm/q=1000,p=50", "2c/lstm/q=50,p=50"])
def test_scaling_can_be_drawn_of_rows_that_were_not_run(tmp_path, select):
    figure = scaling.figure(lines(Store(tmp_path), select))
    style.save(figure, tmp_path / "scaling.png")
    assert "Not run: 2c/lstm/q=" in notes(figure)


def test_scaling_names_a_reading_that_was_not_run(tmp_path):
    other = [replace(line, changes={"learner.init": 0.3}) for line in lines(Store(tmp_path), "3")]
    assert all(axes.get_title(loc="left").startswith("init=0.3: q = ") for axes in scaling.figure(other).axes)


def test_scaling_is_of_table_3_alone(store):
    with pytest.raises(style.PlotError, match="6a/lstm is not of it"):
        scaling.figure(lines(store, "9"))


def test_learning_curves_are_the_traces(store):
    figure = learning.figure(lines(store, "5/lstm", "6a/lstm"))
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "5/lstm"
    assert axes.get_yscale() == "log"
    curves = [line for line in axes.lines if line.get_drawstyle() == "steps-pre"]
    assert [line.get_linestyle() for line in curves] == ["-", "--"]  # the second did not pass the last stage
    for curve in curves:
        x, y = (list(map(float, values)) for values in curve.get_data())
        assert x[1:] == [end for end, _ in TRACE]
        assert x[0] == axes.get_xlim()[0]
        assert y[0] == y[1]  # the first step begins at the axis
        assert [0 if isnan(error) else error for error in y[1:]] == [error or 0 for _, error in TRACE]
    passed = [
        (line.get_marker(), *points(line)[0]) for line in axes.lines if line.get_marker() in "oD" and points(line)
    ]
    assert [(marker, x, 0 if isnan(y) else y) for marker, x, y in passed] == [
        ("o", 500, 0.25), ("D", 900, 0.01), ("o", 700, 0)
    ]  # fmt: skip
    assert texts(axes) == ["0", "1"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["n_seq=140", "n_seq=13"]
    assert "Without trace: 6a/lstm, printed (20 of 20 trials); 6a/lstm, plain-error (3 of 3 trials)." in notes(figure)


def test_a_curve_of_a_net_that_diverged_at_once_can_be_drawn(tmp_path):
    store = Store(tmp_path)
    fill(store, "6b/lstm", [{}], trace=[(100, None), (200, None)], outcome="diverged")
    style.save(learning.figure(lines(store, "6b/lstm")), tmp_path / "learning.svg")


def test_single_trials_can_be_drawn(store):
    (axes,) = kinds.draw("learning", ["5/lstm:1", "5/lstm:1"], ROWS, store).axes
    assert texts(axes) == ["1"]
    (axes,) = kinds.draw("learning", ["5/lstm:1", "5/lstm:0"], ROWS, store).axes
    assert texts(axes) == ["0", "1"]
    with pytest.raises(style.PlotError, match="no trial 7 of '5/lstm' is stored"):
        kinds.draw("learning", ["5/lstm:7"], ROWS, store)


def test_traces_of_a_whole_table_can_be_drawn(store):
    for table in ("8", "table:8"):
        (axes,) = kinds.draw("learning", [table], ROWS, store).axes
        assert (axes.get_title(loc="left"), texts(axes)) == ("5/lstm", ["0", "1"])


def test_without_a_trace_the_error_says_how_to_get_one(store):
    with pytest.raises(style.PlotError, match=r"'6a/lstm' has a learning trace; `repro run '6a/lstm' --trace`"):
        kinds.draw("learning", ["6a/lstm"], ROWS, store)
    with pytest.raises(style.PlotError, match=r"`repro run '6a/lstm' --reading plain-error --trace`"):
        kinds.draw("learning", ["6a/lstm"], ROWS, store, "plain-error")


def test_success_bars_are_the_rates_and_their_intervals(store):
    shown = lines(store, "1", "2")
    figure = success.figure(shown)
    (axes,) = figure.axes
    bars = {(round(bar.get_y() + bar.get_height() / 2), bool(bar.get_hatch())): bar for bar in axes.patches}
    for y, line in enumerate(shown):
        published = line.published.success
        assert ((y, True) in bars) == isinstance(published, int | float)
        if isinstance(published, int | float):
            assert bars[y, True].get_width() == pytest.approx(published / 100, abs=0.005)
            assert bars[y, True].get_y() < y  # above
        assert ((y, False) in bars) == bool(line.records)
    (y,) = [y for y, line in enumerate(shown) if line.records]
    assert bars[y, False].get_width() == 0.2
    assert bars[y, True].get_width() == 29 / 30  # 97 % of 30
    whiskers = [path.vertices[:, 0] for c in axes.collections for path in c.get_paths()]
    for solved in (6, 29):
        rate = success_rate(solved, 30)
        assert any(tuple(ends) == pytest.approx((rate.low, rate.high)) for ends in whiskers)
    rows = {line.row.name: (texts(axes)[2 * y], texts(axes)[2 * y + 1]) for y, line in enumerate(shown)}
    assert rows["1/lstm/3x2,lr=0.2"] == ("paper: 97 % of 30 trials", "ours: 6 of 30 trials")
    assert rows["1/rtrl/hidden=3,lr=0.05"] == ("paper: some fraction of trials", "ours: not run")
    assert rows["1/elman/hidden=15"] == ("paper: 0 % of trials", "ours: not run")
    assert "Not run: 1/rtrl/hidden=3,lr=0.05;" in notes(figure)


def test_a_rate_of_an_unknown_number_of_trials_has_no_interval(store):
    rates = {line.row.name: success.published_rate(line) for line in lines(store, "1", "3")}
    assert (rates["1/cascade"].value, rates["1/cascade"].low) == (0.5, None)
    assert rates["1/rtrl/hidden=3,lr=0.05"] is None  # some fraction


def test_success_marks_the_rates_that_the_paper_only_implies(store):
    figure = success.figure(lines(store, "3", "2a/rtrl/p=10,lr=1"))
    (axes,) = figure.axes
    above = [bar for bar in axes.patches if bar.get_hatch()]
    rows = [label.get_text() for label in axes.get_yticklabels()]
    implied = [bar for bar in above if bar.get_linestyle() != above[-1].get_linestyle()]
    assert len(implied) == len(above) - 1 == len(rows) - 1  # all of Table 3; Table 2 prints that none succeed
    assert {bar.get_width() for bar in implied} == {1.0}
    assert {bar.get_hatch() for bar in implied}.isdisjoint({above[-1].get_hatch()})
    assert "paper: all of 20, implied" in texts(axes)
    assert "implied, as the paper gives the mean of so many trials and no word of failures" in notes(figure)
    whiskers = [path.vertices[:, 0] for c in axes.collections for path in c.get_paths()]
    assert any(ends[0] == pytest.approx(success_rate(20, 20).low) for ends in whiskers)
    assert "implied" not in notes(success.figure(lines(store, "1")))


def test_readings_look_different_without_colour():
    looks = style.looks(["linear", "printed", "plain-error", "linear"])
    assert list(looks) == ["printed", "linear", "plain-error"]
    for part in ("colour", "dashes", "marker"):
        assert len({str(getattr(look, part)) for look in looks.values()}) == 3
    assert style.looks(["printed"])["printed"] == looks["printed"]


# -------------------------------------------------------------------------------------------------------- selections


def test_the_kinds_are_those_of_the_command():
    (choices,) = [parameter.type.choices for parameter in cli.plot.params if parameter.name == "kind"]
    assert list(choices) == list(kinds.KINDS)
    for kind in kinds.KINDS:
        assert kind in cli.plot.help
        if kind not in kinds.OF_OWN_NETS:  # they measure nets, and draw what they find
            assert callable(import_module(f"repro.presentation.plots.{kind}").figure)


@pytest.mark.parametrize(("kind", "place"), [("scaling", "Table 3"), ("success", "Tables 1 and 2")])
def test_what_is_drawn_without_a_selection(store, kind, place):
    assert kinds.draw(kind, [], ROWS, store).get_suptitle().endswith(f": {place}")


@pytest.mark.parametrize("kind", ["survival", "strips", "learning"])
def test_a_selection_may_be_needed(store, kind):
    with pytest.raises(style.PlotError, match=f"`repro plot {kind} 9` for Table 9"):
        kinds.draw(kind, [], ROWS, store)


@pytest.mark.parametrize("kind", ["survival", "strips", "success"])
def test_nothing_to_draw_says_what_to_run(tmp_path, kind):
    with pytest.raises(style.PlotError, match=r"'6a/lstm' and 1 more has been run to its end; `repro run '6a/lstm'`"):
        kinds.draw(kind, ["9"], ROWS, Store(tmp_path))


def test_one_reading_alone(store):
    figure = kinds.draw("survival", ["9"], ROWS, store, "plain-error")
    (axes,) = figure.axes
    labels = [line.get_label() for line in axes.lines if not line.get_label().startswith("_")]
    assert labels == ["paper: mean 31,390, 20 trials", "plain-error: mean 30,000, 2 of 3 trials"]
    assert "Not run: 6b/lstm, plain-error." in notes(figure)
    strip, _ = kinds.draw("strips", ["9"], ROWS, store, "plain-error").axes
    names = [label.get_text() for label in strip.get_yticklabels()]
    assert names == ["6a/lstm, plain-error", "6b/lstm, plain-error"]
    with pytest.raises(style.PlotError, match=r"reading 'linaer'; theirs are printed, .*plain-error"):
        kinds.draw("survival", ["9"], ROWS, store, "linaer")


def test_error_flow_is_measured(store, monkeypatch):
    flows = []
    monkeypatch.setattr("repro.looking.error_flow.measure", lambda show: flows)
    monkeypatch.setattr("repro.presentation.plots.error_flow.figure", lambda given: ("drawn", given is flows))
    assert kinds.draw("errorflow", [], ROWS, store) == ("drawn", True)
    with pytest.raises(style.PlotError, match="takes neither rows nor a reading"):
        kinds.draw("errorflow", ["9"], ROWS, store)


# ------------------------------------------------------------------------------------------------------------- files

_DRAW = """
import sys
from pathlib import Path
from repro.experiments import config
from repro.presentation.plots import captions, kinds, style
from repro.records.store import Store
what = {"forest": "9", "strips": "8", "learning": "5/*"}
for kind, what in what.items():
    figure = kinds.draw(kind, [what], config.load(), Store(Path(sys.argv[1])))
    for form in ("svg", "png", "pdf") if kind == "strips" else ("svg",):
        style.save(figure, Path(sys.argv[2]) / f"{kind}.{form}")
print(sorted({"numba", "matplotlib.pyplot"} & set(sys.modules)))
"""


def test_two_processes_write_the_same_bytes_whatever_the_users_settings(store, tmp_path):
    settings = tmp_path / "matplotlibrc"
    settings.write_text("lines.linewidth: 9\nfigure.dpi: 50\nsvg.fonttype: none\nfont.size: 20\naxes.grid: True\n")
    found = []
    for seed, more in (("1", {}), ("2", {"MATPLOTLIBRC": str(settings), "SOURCE_DATE_EPOCH": "1"})):
        folder = tmp_path / seed
        folder.mkdir()
        said = subprocess.run(
            [sys.executable, "-W", "error", "-c", _DRAW, str(store.folder), str(folder)],
            capture_output=True, text=True, check=False, env={**os.environ, "PYTHONHASHSEED": seed, **more},
        )  # fmt: skip
        assert (said.stdout, said.stderr) == ("[]\n", "")  # neither compiler nor windows
        found.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert len(found[0]) == 5
    assert all(found[0].values())
    assert [name for name in found[0] if found[0][name] != found[1][name]] == []


def test_rounding_errors_of_the_layout_have_no_part_in_the_bytes():
    """Its solver orders its variables by their addresses in memory, so they are others from one time to the next."""

    def drawn(error: float) -> str:
        figure = style.new("title", 2)
        figure.subplots(1, 2, sharey=True, width_ratios=[1, 1.4])
        laid_out = figure.draw_without_rendering

        def laid_out_otherwise() -> None:
            laid_out()
            for axes in figure.axes:
                axes.set_position([edge + error for edge in axes.get_position().bounds])

        figure.draw_without_rendering = laid_out_otherwise
        return style.svg(figure, "a")

    assert drawn(0) == drawn(2e-16) == drawn(-2e-15)


@pytest.mark.parametrize(
    ("kind", "select"),
    [
        ("survival", "8"),
        ("strips", "1"),
        ("scaling", "3"),
        ("learning", "5/lstm"),
        ("success", "1"),
        ("strips", "9"),
        ("forest", "@paper"),
        ("forest", "6a/lstm"),
    ],
)
def test_nothing_is_cut_off(store, kind, select):
    figure = kinds.draw(kind, [select], ROWS, store)
    style.svg(figure, "a")  # things have their places when it is drawn
    with style.applied():
        box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(box.x0, box.y0) > 0
    assert box.x1 < width
    assert box.y1 < height


def test_a_figure_can_be_written_again(store, tmp_path):
    figure = strips.figure(lines(store, "9"))
    before = style.svg(figure, "a")
    style.save(figure, tmp_path / "figure.png")
    assert style.svg(figure, "a") == before


def test_inlined_figures_do_not_share_ids(store):
    both = [
        style.svg(figure(lines(store, "9")), name) for figure, name in ((survival.figure, "a"), (strips.figure, "b"))
    ]
    seen = []
    for text, name in zip(both, "ab", strict=True):
        root = ET.fromstring(text)
        ids = [element.get("id") for element in root.iter() if element.get("id")]
        assert all(one.startswith(f"{name}-") for one in ids)
        assert len(set(ids)) == len(ids)
        used = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text)
        assert used
        assert {one or other for one, other in used} <= set(ids)
        seen += ids
    assert len(set(seen)) == len(seen)


def test_an_inlined_figure_is_an_element_that_has_a_title_and_leaves_the_page_alone(store):
    text = style.svg(survival.figure(lines(store, "9")), "a")
    root = ET.fromstring(text)
    assert text.startswith("<svg ")
    assert text.endswith("</svg>")
    assert root.get("role") == "img"
    assert root[0].tag == "{http://www.w3.org/2000/svg}title"
    assert root[0].text == "Trials solved against training sequences: Table 9"
    assert not re.search(r"<style|<metadata|<script|<!DOCTYPE|<text", text)


def test_a_title_is_escaped():
    assert "<title>1 &lt; 2 &amp; 3</title>" in style.svg(style.new("1 < 2 & 3", 1), "a")


def test_a_file_is_written_whole_or_not_at_all(store, tmp_path, monkeypatch):
    path = tmp_path / "figure.svg"
    path.write_text("before")
    figure = strips.figure(lines(store, "9"))

    def full(number):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ReproError, match=r"figure\.svg: cannot be written: No space left on device"):
            style.save(figure, path)
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["figure.svg"]
    style.save(figure, path)
    assert path.read_text().startswith("<?xml")
    assert [one.name for one in tmp_path.iterdir()] == ["figure.svg"]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("figure.jpg", r"as \.svg, \.png or \.pdf, not as '\.jpg'"),
        ("figure", r"as \.svg, \.png or \.pdf, not as ''"),
        ("there/is/none.svg", "there is no folder"),
        ("file/figure.svg", "there is no folder"),
        ("folder.svg", "is a folder"),
    ],
)
def test_where_a_figure_cannot_be_written(tmp_path, name, wrong):
    (tmp_path / "folder.svg").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(ReproError, match=wrong):
        style.save(style.new("nothing", 1), tmp_path / name)


# ----------------------------------------------------------------------------------------------------------- command


def plot(store, *arguments, code=0):
    done = CliRunner().invoke(cli.main, ["plot", *arguments, "--results", str(store.folder)])
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done


def test_the_command_prints_the_path_of_the_file(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert plot(store, "scaling").stdout == "scaling.svg\n"
    assert plot(store, "forest").stdout == "forest.svg\n"
    assert plot(store, "strips", "9").stdout == "strips-9.svg\n"
    assert plot(store, "survival", "6a/*", "table:8").stdout == "survival-6a-table-8.svg\n"
    assert plot(store, "survival", "9", "-o", "x.pdf", "--reading", "plain-error").stdout == "x.pdf\n"
    assert (tmp_path / "strips-9.svg").read_text().startswith("<?xml")
    assert (tmp_path / "survival-6a-table-8.svg").exists()
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["strips", "9", "-o", "x.gif"], "as .svg, .png or .pdf"),
        (["strips"], "say what to draw"),
        (["strips", "99"], "no row is in Table 99"),
        (["strips", "4/*"], "nothing to draw: no trial of '4/lstm/T=100'"),
        (["learning", "6a/lstm"], "--trace"),
        (["pie", "9"], "Invalid value for"),
    ],
)
def test_errors_are_a_message(store, tmp_path, monkeypatch, arguments, wrong):
    monkeypatch.chdir(tmp_path)
    assert wrong in plot(store, *arguments, code=2).stderr
    assert list(tmp_path.iterdir()) == []
