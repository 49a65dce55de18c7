"""Error flow: matrices against imaginary differences of the twins' forward passes, and what is told of them.

An imaginary difference is Im f(x + i e) / e with an e as small as one likes: exact, as nothing is subtracted.
"""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sequences import without_jit
from twins import lstm, recurrent

from repro.experiments import config
from repro.looking import error_flow
from repro.looking.error_flow import Flow, flows_of
from repro.presentation.plots import style
from repro.presentation.plots.error_flow import figure
from repro.records.store import Store
from repro.running import crew

STEP = 1e-30
RESULTS = Path(__file__).parent.parent / "results"


# ------------------------------------------------------------------------------------------------- conventional nets


def net_inputs(design, rows, xs, at, unit):
    """All net inputs of a sequence, that of one unit at one time moved by i e."""
    y, found = np.zeros(design.recurrent, complex), []
    for t, x in enumerate(xs):
        z = recurrent.time_step(design, rows, x, y).z
        net = np.array([row @ z for row in rows[: design.recurrent]])
        if t == at:
            net[unit] += 1j * STEP
        y = recurrent.f(net)
        found.append(net)
    return np.array(found)


@pytest.mark.parametrize(
    "design",
    [
        recurrent.Design(3, 2, 4, biased=True),
        recurrent.Design(3, 2, 3, full=True),
        recurrent.Design(2, 3, 1, direct=True),
    ],
    ids=["layered", "full", "one unit"],
)
def test_chains_of_a_recurrent_net_are_the_derivatives_of_its_net_inputs(design):
    rng, n = np.random.default_rng(1), design.recurrent
    rows = [rng.uniform(-3, 3, length) for length in design.row_lengths()]
    xs = rng.uniform(-1, 1, (7, design.n_in))
    y = np.real(recurrent.f(net_inputs(design, rows, xs, -1, 0)))
    w = error_flow.recurrent_weights(rows, design.n_in, n)
    chains = list(error_flow.chains(error_flow.through_units(w, y)))
    assert len(chains) == 6
    for v in range(n):
        for then in range(6):
            moved = net_inputs(design, rows, xs, then, v).imag / STEP
            for q in range(1, 7 - then):
                np.testing.assert_allclose(chains[q - 1][then][v], moved[then + q], rtol=1e-10, atol=1e-16)


# ------------------------------------------------------------------------------------------------------ memory cells

DESIGNS = {
    "2x2": lstm.Design(3, 1, 2, 2),
    "3x1": lstm.Design(2, 1, 3, 1, biased="gates"),
    "1x3, other curves": lstm.Design(2, 1, 1, 3, biased="none", g=(-1.0, 3.0), h=(-0.5, 2.0)),
}


def watched(design, rows, xs, moments):
    """A sequence as `watching.watch` tells it."""
    b, y = design.blocks, np.array([now.y for now in moments])
    units = {
        "input gate": y[:, :b],
        "output gate": y[:, b : 2 * b],
        "internal state": np.array([now.s.ravel() for now in moments]),
        "cell output": y[:, 2 * b :],
    }
    return SimpleNamespace(inputs=xs, outputs=np.zeros((len(xs), 1)), units=units, weights=rows)


def example(design):
    rng = np.random.default_rng(2)
    rows = [rng.uniform(-1.5, 1.5, length) for length in design.row_lengths()]
    xs = rng.uniform(-1, 1, (8, design.n_in))
    return rows, xs, lstm.forward(design, rows, xs)


def slopes_of_states(design, rows, xs, moments, then, cell, frozen):
    """d s(t) / d s_cell(then) for all t after ``then``; with ``frozen`` all gates and cell inputs stay as they were."""
    s = moments[then].s.astype(complex)
    s.flat[cell] += 1j * STEP
    y_out = lstm.f(moments[then].net_out)
    y = np.concatenate([moments[then].y[: 2 * design.blocks], (y_out[:, None] * lstm.curve(s, design.h)).ravel()])
    found = []
    for t in range(then + 1, len(xs)):
        now = lstm.advance(design, rows, xs[t], y, s, frozen and frozen[t])
        y, s = now.y, now.s
        found.append(s.ravel().imag / STEP)
    return found


@pytest.mark.parametrize("design", DESIGNS.values(), ids=DESIGNS)
@pytest.mark.parametrize("truncated", [False, True])
def test_chains_of_an_lstm_net_are_the_derivatives_of_its_states(design, truncated):
    rows, xs, moments = example(design)
    frozen = lstm.as_seen(design, moments) if truncated else None
    net = watched(design, rows, xs, moments)
    steps = error_flow.through_cells(net.weights, net.inputs, net.units, design.g, design.h, truncated)
    chains, cells = list(error_flow.chains(steps)), slice(2 * design.blocks, None)
    assert len(chains) == 7
    for cell in range(design.blocks * design.size):
        for then in range(7):
            moved = slopes_of_states(design, rows, xs, moments, then, cell, frozen)
            for q in range(1, 8 - then):
                chain = chains[q - 1][then][cells, cells]
                if truncated:
                    assert np.array_equal(moved[q - 1], np.eye(len(chain))[cell])
                    assert np.array_equal(chain[cell], moved[q - 1])
                else:
                    np.testing.assert_allclose(chain[cell], moved[q - 1], rtol=1e-10)
                    assert not np.allclose(chain[cell], np.eye(len(chain))[cell], rtol=1e-3)


def test_the_carousel_is_exactly_one_and_the_whole_is_not():
    design = DESIGNS["2x2"]
    rows, xs, moments = example(design)
    learner = {"name": "lstm", "blocks": 2, "g": [-2.0, 2.0], "h": [-1.0, 1.0]}
    carousel, whole = flows_of("LSTM", learner, ("solved",), [watched(design, rows, xs, moments)])
    assert (carousel.kind, whole.kind, carousel.trained) == ("carousel", "whole", True)
    assert np.all(carousel.factor == 1)
    assert carousel.factor.shape == whole.factor.shape == (7, 3)
    assert np.all(np.abs(whole.factor[1:] - 1) > 1e-3)
    moved = [slopes_of_states(design, rows, xs, moments, 0, cell, None)[-1] for cell in range(4)]
    assert whole.factor[-1] == pytest.approx([np.linalg.svd(moved)[1][0]] * 3)


# ------------------------------------------------------------------------------------------------------ what is told


def lone(w, steps, y=0.5):
    """A net of one unit whose activation is always the same."""
    units, rows = {"hidden unit": np.full((steps, 1), y)}, [[9, 9, w]]
    return SimpleNamespace(inputs=np.zeros((steps, 2)), outputs=np.full((steps, 1), 0.3), units=units, weights=rows)


def test_a_factor_is_the_quarter_of_the_weight_to_the_power_of_q():
    nets = [lone(w, steps) for w, steps in ((2.0, 5), (4.0, 7), (-8.0, 6))]
    (flow,) = flows_of("RTRL", {"name": "rtrl", "net": "layered"}, (), nets)
    assert list(flow.q) == [1, 2, 3, 4]
    np.testing.assert_allclose(flow.factor, [[0.5**q, 1, 2**q] for q in flow.q], rtol=1e-12)
    assert flow.largest_weight == 8
    assert flow.shrinking == pytest.approx(4 / 15)
    assert not flow.trained
    assert flow.kind == "conventional"


def test_every_net_counts_alike_however_long_its_sequence():
    """Of the longer one the last time steps are taken."""
    long = lone(4.0, 11)
    long.units["hidden unit"][:6] = 0.999
    (flow,) = flows_of("RTRL", {"name": "rtrl", "net": "layered"}, (), [lone(2.0, 5), long])
    assert flow.factor[0] == pytest.approx([0.5, 0.75, 1])


def test_the_outputs_of_a_full_net_are_recurrent_units():
    net = lone(0.0, 4)
    net.weights = [[0, 0, 0.0, 4.0], [0, 0, 1.0, 0.0]]  # hidden unit, output
    (flow,) = flows_of("RTRL", {"name": "rtrl", "net": "full"}, (), [net])
    assert flow.factor[0] == pytest.approx([0.84] * 3)  # 0.3 (1 - 0.3) 4, from the hidden unit to the output
    assert flow.factor[1] == pytest.approx([0.21] * 3)  # and back by 0.5 (1 - 0.5) 1


# ---------------------------------------------------------------------------------------------------------- the trials


def test_cases_are_the_trials_that_their_comments_say():
    def solved(row):
        records = [r for r in Store(RESULTS).read(row.split("/")[0]) if r.row == row and r.reading == "printed"]
        return {r.trial: r.sequences for r in records if r.outcome == "solved"}

    reber, _, order = error_flow.CASES
    by_speed = sorted(solved(reber.row), key=solved(reber.row).__getitem__)
    assert reber.trials == tuple(sorted(next(t for t in by_speed if t % 3 == pair) for pair in range(3)))
    assert order.trials == tuple(sorted(solved(order.row))[:3])
    assert [case.row in config.load() for case in error_flow.CASES] == [True] * 3


def test_measured_nets_are_the_trials(monkeypatch):
    """What is watched of real nets is what the twins do with their weights, so both mean the same by them."""
    without_jit(monkeypatch)
    monkeypatch.setattr(crew, "_entries", {})  # compiled loops of these names would be taken
    small = ({"learner.hidden": 3, "stop.exam_sequences": 2}, {"learner.hidden": 3}, {})
    quick = [
        replace(case, trials=case.trials[:1], sequences=(0,), overrides={"stop.max_sequences": 2, **net})
        for case, net in zip(error_flow.CASES, small, strict=True)
    ]
    seen = []

    def flows_of(label, learner, outcomes, nets):
        seen.append((learner["name"], nets[0]))
        return error_flow_of(label, learner, outcomes, nets)

    error_flow_of = error_flow.flows_of
    monkeypatch.setattr(error_flow, "CASES", tuple(quick))
    monkeypatch.setattr(error_flow, "flows_of", flows_of)
    flows = error_flow.measure()
    assert [(flow.kind, flow.outcomes) for flow in flows] == [
        ("conventional", ()), ("conventional", ("limit",)), ("conventional", ()), ("conventional", ("limit",)),
        ("carousel", ()), ("whole", ()), ("carousel", ("limit",)), ("whole", ("limit",)),
    ]  # fmt: skip
    designs = {
        "rtrl": recurrent.Design(7, 7, 3, full=True),
        "bptt": recurrent.Design(8, 4, 3, biased=True),
        "lstm": lstm.Design(8, 4, 2, 2),
    }
    for name, net in seen:
        design = designs[name]
        if name == "lstm":
            twin = watched(design, net.weights, net.inputs, lstm.forward(design, net.weights, net.inputs))
            for unit, values in twin.units.items():
                np.testing.assert_allclose(net.units[unit], values, atol=2e-5)
            continue
        y = np.zeros(design.recurrent)
        for t, x in enumerate(net.inputs):
            now = recurrent.time_step(design, net.weights, x, y)
            y = now.y
            np.testing.assert_allclose(net.units["hidden unit"][t], y[: design.hidden], atol=2e-5)
            np.testing.assert_allclose(net.outputs[t], now.y_k, atol=2e-5)
    assert not np.array_equal(seen[4][1].weights[0], seen[5][1].weights[0])  # fresh, trained


# ---------------------------------------------------------------------------------------------------------- the figure


def made(kind, label, outcomes, slope, n=99, **links):
    q = np.arange(1, n + 1)
    return Flow(label, kind, outcomes, q, np.exp(slope * q)[:, None] * [0.5, 1, 2], **links)


def some_flows(carousel=1.0):
    flows = []
    for outcomes in ((), ("solved", "limit", "solved")):
        flows += [
            made("conventional", "RTRL", outcomes, -0.1, 16, largest_weight=8.4, shrinking=0.975 if outcomes else 1.0),
            made("conventional", "BPTT", outcomes, -1.0, largest_weight=0.49, shrinking=1.0),
            replace(made("carousel", "LSTM", outcomes, 0), factor=np.full((99, 3), carousel)),
            made("whole", "LSTM", outcomes, 0.02),
        ]
    return flows


def texts(drawn):
    return [text.get_text() for axes in drawn.axes for text in axes.texts]


def test_the_figure_names_what_it_draws():
    drawn = figure(some_flows())
    left, right = drawn.axes
    assert len(left.lines) == len(right.lines) == 8
    assert left.get_yscale() == right.get_yscale() == "log"
    assert {line.get_linestyle() for line in left.lines} == {"-", "--"}
    assert texts(drawn).count("fresh:\n|w| ≤ 8.4") == 1
    assert "RTRL,\n2 of 3 solved: |w| ≤ 8.4" in texts(drawn)
    assert "constant error carousel: exactly 1" in texts(drawn)
    assert {"whole gradient, trained", "whole gradient, fresh"} <= set(texts(drawn))
    assert "in all steps but 2.5 % (RTRL, trained)." in drawn.get_supxlabel().replace("\n", " ")


def test_the_figure_tells_what_was_measured_of_the_carousel():
    assert "constant error carousel: 0.9 to 0.9" in texts(figure(some_flows(carousel=0.9)))


def test_the_same_flows_give_the_same_bytes(tmp_path):
    for name in ("a.svg", "b.svg"):
        style.save(figure(some_flows()), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
