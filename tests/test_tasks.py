"""Sequences equal the slow twin's, number by number, and are distributed as the protocol says."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pytest
from pydantic import ValidationError
from twins import chi_square_deviation, compiled
from twins import tasks as twin
from twins.random import Stream

from repro.kernels.lanes import zeros
from repro.tasks import adding, temporal_order

WIDTH = 8


def summing(operation="sum", length=100):
    return adding.Settings(name="adding", operation=operation, length=length)


def ordering(places=((10, 20), (50, 60)), length=(100, 110)):
    return temporal_order.Settings(name="temporal_order", length=length, places=places)


SIX_B = ((10, 20), (33, 43), (66, 76))


class Sequence(NamedTuple):
    inputs: np.ndarray  # (steps, inputs)
    target: np.ndarray  # (outputs,)


@lru_cache(maxsize=None)
def compiled_play(module, compile_time, n_out, precision):
    """A compiled function that lets every lane begin a new sequence whenever its last has ended.

    Settings that compile to the same kernel share it: ``compile_time`` are the others, as items.
    """
    stand_in = {"length": 100} if module is adding else {}
    settings = module.Settings(**stand_in | dict(compile_time))
    begin, present, set_target = module.build(settings, WIDTH, precision)

    @compiled
    def play(state, streams, source, target, left, inputs, ends, targets):
        for t in range(inputs.shape[0]):
            for lane in range(WIDTH):
                if left[lane] == 0:
                    left[lane] = begin(state, streams, lane)
            present(state, streams, source)
            for m in range(inputs.shape[1]):
                inputs[t, m] = source[m]
            for lane in range(WIDTH):
                left[lane] -= 1
                if left[lane] == 0:
                    ends[t, lane] = True
                    set_target(state, lane, target)
                    for k in range(n_out):
                        targets[t, k, lane] = target[k, lane]

    return play


def play(module, settings, n_ticks, seed, precision="float32"):
    """For each lane, all sequences it has finished in ``n_ticks`` time steps; and the streams' first states."""
    n_in, n_out = module.n_inputs(settings), module.n_outputs(settings)
    run_time = {"length"} if module is adding else set()
    items = tuple((name, value) for name, value in settings if name not in run_time)
    streams = zeros((4,), WIDTH, np.uint32)
    streams[:] = np.random.default_rng(seed).integers(0, 2**32, (4, WIDTH), dtype=np.uint32)
    start = streams.copy()
    source, target = zeros((n_in + 1,), WIDTH, precision), zeros((n_out,), WIDTH, precision)
    source[n_in] = 7  # not the task's
    inputs, targets = zeros((n_ticks, n_in), WIDTH, precision), zeros((n_ticks, n_out), WIDTH, precision)
    ends, left = np.zeros((n_ticks, WIDTH), bool), np.zeros(WIDTH, np.int64)
    state = module.allocate(settings, WIDTH, precision)
    compiled_play(module, items, n_out, precision)(state, streams, source, target, left, inputs, ends, targets)
    assert (source[n_in] == 7).all()
    lanes = []
    for lane in range(WIDTH):
        last = np.flatnonzero(ends[:, lane])
        first = np.concatenate([[0], last[:-1] + 1])
        lanes.append(
            [Sequence(inputs[a : b + 1, :, lane], targets[b, :, lane]) for a, b in zip(first, last, strict=True)]
        )
    return lanes, start


def check_against_twin(module, settings, twin_sequence, n_ticks, seed, precision):
    """The number of sequences compared."""
    lanes, start = play(module, settings, n_ticks, seed, precision)
    rounding = {"float32": 2.0**-24, "float64": 0.0}[precision]
    for lane, sequences in enumerate(lanes):
        stream = Stream(start[:, lane])
        for sequence in sequences:
            inputs, target = twin_sequence(stream)
            assert len(sequence.inputs) == len(inputs)
            exact = np.array([[float(x) for x in element] for element in inputs])
            assert (exact.astype(precision) == exact).all()  # the twin's numbers need no rounding
            assert sequence.inputs.tolist() == exact.tolist()
            assert np.abs(sequence.target - [float(x) for x in target]).max() <= rounding
    return sum(len(sequences) for sequences in lanes)


# ----------------------------------------------------------------------------------------- number by number


@pytest.mark.parametrize(
    ("operation", "length", "precision"),
    [
        ("sum", 100, "float32"),
        ("sum", 100, "float64"),
        ("sum", 20, "float32"),
        ("sum", 25, "float32"),
        ("sum", 500, "float32"),
        ("product", 100, "float32"),
        ("product", 20, "float32"),
    ],
)
def test_adding_equals_the_twin(operation, length, precision):
    settings = summing(operation, length)

    def sequence(stream):
        return twin.adding(stream, operation, length)

    assert check_against_twin(adding, settings, sequence, 20 * length, 1, precision) > 100


@pytest.mark.parametrize(
    ("places", "length"),
    [
        (((10, 20), (50, 60)), (100, 110)),
        (SIX_B, (100, 110)),
        (((2, 2),), (4, 4)),
        (((2, 3), (4, 4), (5, 6)), (7, 9)),
    ],
)
def test_temporal_order_equals_the_twin(places, length):
    def sequence(stream):
        return twin.temporal_order(stream, length, places)

    n_ticks = 20 * length[1]
    assert check_against_twin(temporal_order, ordering(places, length), sequence, n_ticks, 2, "float32") > 100


# ------------------------------------------------------------------------------------------ experiments 4 and 5


@lru_cache(maxsize=None)
def many(module, settings, n_ticks=250_000):
    """Some 19,000 sequences of length 100 to 110."""
    lanes, _ = play(module, settings, n_ticks, seed=17)
    return [sequence for lane in lanes for sequence in lane]


def check_lengths(sequences, shortest, longest):
    lengths = np.array([len(sequence.inputs) for sequence in sequences])
    assert lengths.min() == shortest
    assert lengths.max() == longest
    # The few sequences that were under way at the end are missing, rather long ones than short ones.
    assert abs(chi_square_deviation(np.bincount(lengths - shortest, minlength=longest - shortest + 1))) < 4


both_operations = pytest.mark.parametrize("operation", ["sum", "product"])


def marked(sequence):
    """The places (from 1) of the marked pairs; a picked first pair cannot be seen, but is then the one missing."""
    places = (np.flatnonzero(sequence.inputs[:, 1] == 1) + 1).tolist()
    return places if len(places) == 2 else [1, *places]


@both_operations
def test_adding_lengths(operation):
    check_lengths(many(adding, summing(operation)), 100, 110)


@both_operations
def test_adding_markers(operation):
    n_hidden = 0
    sequences = many(adding, summing(operation))
    for sequence in sequences:
        markers = sequence.inputs[:, 1]
        assert markers[0] == -1
        assert markers[-1] == -1
        assert (markers == -1).sum() == 2
        assert set(markers.tolist()) <= {-1, 0, 1}
        n_marked = (markers == 1).sum()
        assert n_marked in (1, 2)  # one where the first pair, which keeps its -1, was picked
        n_hidden += n_marked == 1
        a, b = marked(sequence)
        assert a < b <= 50
        assert a <= 10
    share = 1 / 10 + 9 / 10 / 49  # as X1, or as X2
    assert abs(n_hidden - share * len(sequences)) < 4 * (len(sequences) * share * (1 - share)) ** 0.5


@both_operations
def test_adding_marks_are_uniform(operation):
    """Every pair of places as often as: X1 uniform on ten places, X2 on the 49 others of the first 50."""
    counts = np.zeros((51, 51))
    for sequence in many(adding, summing(operation)):
        a, b = marked(sequence)
        counts[a, b] += 1
    probabilities = np.zeros((51, 51))
    for first in range(1, 11):
        for second in range(1, 51):
            if second != first:
                probabilities[min(first, second), max(first, second)] += 1 / 10 / 49
    possible = probabilities > 0
    assert counts[possible].sum() == counts.sum()
    assert abs(chi_square_deviation(counts[possible], probabilities[possible])) < 4
    # And coarsely, where a smaller fault would show: the later place, the earlier place.
    assert abs(chi_square_deviation(counts.sum(0)[2:], probabilities.sum(0)[2:])) < 4
    assert abs(chi_square_deviation(counts.sum(1)[1:11], probabilities.sum(1)[1:11])) < 4


@both_operations
def test_adding_minimal_lag_is_half_the_length(operation):
    """Table 7: 50 for T = 100, from the last marked pair to the end."""
    lags = [len(sequence.inputs) - marked(sequence)[1] for sequence in many(adding, summing(operation))]
    assert min(lags) == 50


def test_begin_draws_both_marks_uniformly():
    """The first mark and the second told apart, which the sequence itself does not."""
    settings = summing()
    begin, _, _ = adding.build(settings, WIDTH, "float32")

    @compiled
    def run(state, streams, lengths, marks):
        for i in range(len(lengths)):
            lengths[i] = begin(state, streams, 3)
            marks[i, 0] = state.mark[0, 3]
            marks[i, 1] = state.mark[1, 3]

    streams = zeros((4,), WIDTH, np.uint32)
    streams[:] = np.random.default_rng(5).integers(0, 2**32, (4, WIDTH), dtype=np.uint32)
    lengths, marks = np.zeros(20_000, np.int64), np.zeros((20_000, 2), np.int64)
    run(adding.allocate(settings, WIDTH, "float32"), streams, lengths, marks)
    first, second = marks.T
    assert abs(chi_square_deviation(np.bincount(lengths - 100, minlength=11))) < 4
    assert abs(chi_square_deviation(np.bincount(first, minlength=10))) < 4
    assert (first != second).all()
    assert (first.min(), first.max(), second.min(), second.max()) == (0, 9, 0, 49)
    late = [9 / 10 / 49] * 10 + [1 / 49] * 40  # an early place is taken in one of ten sequences
    assert abs(chi_square_deviation(np.bincount(second, minlength=50), late)) < 4
    for place in range(10):  # given the first, the second is uniform on the other 49
        left = np.bincount(second[first == place], minlength=50)
        assert left[place] == 0
        assert abs(chi_square_deviation(np.delete(left, place))) < 4


@pytest.mark.parametrize(("operation", "low", "high"), [("sum", -1, 1), ("product", 0, 1)])
def test_adding_values_are_uniform(operation, low, high):
    sequences = many(adding, summing(operation))
    for values in (
        np.concatenate([sequence.inputs[:, 0] for sequence in sequences]).astype(float),
        np.array([sequence.inputs[0, 0] for sequence in sequences], float),
        np.array([sequence.inputs[marked(sequence)[1] - 1, 0] for sequence in sequences], float),
        np.array([sequence.inputs[-1, 0] for sequence in sequences], float),
    ):
        n, span = len(values), high - low
        assert values.min() >= low
        assert values.max() < high
        assert values.min() < low + 10 * span / n
        assert values.max() > high - 10 * span / n
        assert abs(values.mean() - (low + high) / 2) < 4 * span / (12 * n) ** 0.5
        assert abs(values.var() - span**2 / 12) < 4 * span**2 * (1 / 180 / n) ** 0.5
        assert abs(chi_square_deviation(np.histogram(values, 64, (low, high))[0])) < 4


def test_adding_values_do_not_depend_on_one_another():
    values = np.array([sequence.inputs[:100, 0] for sequence in many(adding, summing())], float)
    bound = 5 / values[:, 1:].size ** 0.5
    assert abs((values[:, 1:] * values[:, :-1]).mean() * 3) < bound  # of neighbours in a sequence
    assert abs((values[1:] * values[:-1]).mean() * 3) < bound * 1.1  # and of successive sequences


@pytest.mark.parametrize(("operation", "nothing", "low", "high"), [("sum", 0.0, 0.0, 1.0), ("product", 1.0, 0.0, 1.0)])
def test_adding_targets(operation, nothing, low, high):
    """The rule applied to what the net has seen; a picked first pair's value counts as nothing."""
    targets, first_picked = [], 0
    for sequence in many(adding, summing(operation)):
        a, b = marked(sequence)
        x1 = nothing if a == 1 else float(sequence.inputs[a - 1, 0])
        x2 = float(sequence.inputs[b - 1, 0])
        exact = 0.5 + (x1 + x2) / 4 if operation == "sum" else x1 * x2
        assert abs(float(sequence.target[0]) - exact) <= 2.0**-24
        first_picked += a == 1
        targets.append(sequence.target[0])
    assert first_picked > 1000
    assert min(targets) >= low
    assert max(targets) <= high
    share = 1 / 10 + 9 / 10 / 49
    mean = 0.5 if operation == "sum" else share / 2 + (1 - share) / 4
    assert abs(np.mean(targets) - mean) < 0.01
    assert min(targets) < 0.05
    assert max(targets) > 0.95


# --------------------------------------------------------------------------------------- experiments 6a and 6b

both_orders = pytest.mark.parametrize("places", [((10, 20), (50, 60)), SIX_B], ids=["6a", "6b"])
A, B, C, D, X, Y, START, TRIGGER = range(8)


def letters(sequence):
    """The symbols' numbers."""
    return sequence.inputs.argmax(1)


@both_orders
def test_temporal_order_lengths(places):
    check_lengths(many(temporal_order, ordering(places)), 100, 110)


@both_orders
def test_temporal_order_symbols(places):
    counts, seen = np.zeros(4), np.zeros((len(places), 111))
    for sequence in many(temporal_order, ordering(places)):
        assert ((sequence.inputs == 0) | (sequence.inputs == 1)).all()
        assert (sequence.inputs.sum(1) == 1).all()
        symbols = letters(sequence)
        assert symbols[0] == START
        assert symbols[-1] == TRIGGER
        assert ((symbols == START) | (symbols == TRIGGER)).sum() == 2
        relevant = np.flatnonzero((symbols == X) | (symbols == Y)) + 1
        assert len(relevant) == len(places)
        for i, (place, (earliest, latest)) in enumerate(zip(relevant, places, strict=True)):
            assert earliest <= place <= latest
            seen[i, place] += 1
        counts += np.bincount(symbols[symbols <= D], minlength=4)
    assert abs(chi_square_deviation(counts)) < 4
    for i, (earliest, latest) in enumerate(places):
        assert abs(chi_square_deviation(seen[i, earliest : latest + 1])) < 4


@both_orders
def test_temporal_order_minimal_lag(places):
    """Table 10: 40 for 6a and 24 for 6b, from the last relevant symbol to the end."""
    lags = []
    for sequence in many(temporal_order, ordering(places)):
        symbols = letters(sequence)
        lags.append(len(symbols) - 1 - np.flatnonzero((symbols == X) | (symbols == Y))[-1])
    assert min(lags) == {2: 40, 3: 24}[len(places)]


@both_orders
def test_temporal_order_classes(places):
    """XX, XY, YX, YY (XXX to YYY) are outputs 1, 2, 3, ..., one-hot, and equally frequent."""
    names = {2: ["XX", "XY", "YX", "YY"], 3: ["XXX", "XXY", "XYX", "XYY", "YXX", "YXY", "YYX", "YYY"]}[len(places)]
    counts = np.zeros(len(names))
    for sequence in many(temporal_order, ordering(places)):
        order = "".join("abcdXYEB"[symbol] for symbol in letters(sequence) if symbol in (X, Y))
        assert sequence.target.tolist() == [float(order == name) for name in names]
        counts += sequence.target
    assert abs(chi_square_deviation(counts)) < 4


@both_orders
def test_temporal_order_places_and_symbols_are_independent(places):
    """Neither tells of the other, nor of the length."""
    rows = []
    for sequence in many(temporal_order, ordering(places)):
        symbols = letters(sequence)
        relevant = np.flatnonzero((symbols == X) | (symbols == Y))
        rows.append([len(symbols), *relevant, *(symbols[relevant] == Y)])
    correlation = np.corrcoef(np.array(rows, float).T)
    assert np.abs(correlation - np.eye(len(correlation))).max() < 4.5 / len(rows) ** 0.5


# -------------------------------------------------------------------------------------------------------- settings


def test_sizes():
    """Table 10: 2 inputs and 1 output; 8 inputs and 4 or 8 outputs."""
    assert (adding.n_inputs(summing()), adding.n_outputs(summing())) == (2, 1)
    assert (temporal_order.n_inputs(ordering()), temporal_order.n_outputs(ordering())) == (8, 4)
    assert temporal_order.n_outputs(ordering(SIX_B)) == 8


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("operation", "difference"),
        ("length", 19),
        ("length", 100.5),
        ("length", "100"),
        ("length", 2_000_000),
        ("name", "multiplication"),
        ("values", 2),
    ],
)
def test_bad_adding_settings_are_refused_by_name(field, value):
    with pytest.raises(ValidationError, match=rf"(?m)^{field}$"):
        adding.Settings(**{"name": "adding", "operation": "sum", "length": 100} | {field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("length", (100,)),
        ("length", 100),
        ("length|places", {"length": (110, 100)}),
        ("length|places", {"length": (60, 110)}),  # the second symbol may come as late as the trigger
        ("places", ()),
        ("places", ((1, 20), (50, 60))),  # the first symbol is E
        ("places", ((10, 20), (20, 60))),
        ("places", ((50, 60), (10, 20))),
        ("places", ((20, 10), (50, 60))),
        ("places", ((10, 20), (50, 100))),
        ("places", ((10.5, 20), (50, 60))),
        ("places", ((2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8))),
        ("symbols", 8),
    ],
)
def test_bad_temporal_order_settings_are_refused_by_name(field, value):
    good = {"name": "temporal_order", "length": (100, 110), "places": ((10, 20), (50, 60))}
    with pytest.raises(ValidationError, match=field):
        temporal_order.Settings(**good | (value if isinstance(value, dict) else {field: value}))
