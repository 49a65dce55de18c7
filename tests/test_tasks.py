"""Sequences equal the slow twin's, number by number, and are distributed as the protocol says."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from sequences import WIDTH, check_against_twin, check_lengths, many, play, play_kernel, share_deviation, without_jit
from twins import chi_square_deviation, compiled
from twins import tasks as twin

from repro.kernels.lanes import zeros
from repro.tasks import adding, long_lag, reber, temporal_order, two_sequence


def summing(operation="sum", length=100, second_mark="remaining", first_pair_marker="start"):
    return adding.Settings(
        name="adding",
        operation=operation,
        length=length,
        second_mark=second_mark,
        first_pair_marker=first_pair_marker,
    )


def ordering(places=((10, 20), (50, 60)), length=(100, 110)):
    return temporal_order.Settings(name="temporal_order", length=length, places=places)


SIX_B = ((10, 20), (33, 43), (66, 76))


# ----------------------------------------------------------------------------------------- number by number


OTHER_READINGS = {"second_mark": "places", "first_pair_marker": "mark"}


def adding_sequence(**settings):
    def sequence(stream):
        inputs, target = twin.adding(stream, **settings)
        return inputs, [target]

    return sequence


def order_sequence(length, places):
    def sequence(stream):
        inputs, target = twin.temporal_order(stream, length, places)
        return inputs, [target]

    return sequence


@pytest.mark.parametrize(
    ("choices", "length", "precision"),
    [
        ({"operation": "sum"}, 100, "float32"),
        ({"operation": "sum"}, 100, "float64"),
        ({"operation": "sum"}, 20, "float32"),
        ({"operation": "sum"}, 25, "float32"),
        ({"operation": "sum"}, 500, "float32"),
        ({"operation": "product"}, 100, "float32"),
        ({"operation": "product"}, 20, "float32"),
        ({"operation": "sum"} | OTHER_READINGS, 100, "float32"),
        ({"operation": "sum"} | OTHER_READINGS, 22, "float32"),
    ],
)
@pytest.mark.parametrize("testing", [False, True])
def test_adding_equals_the_twin(choices, length, precision, testing):
    settings, sequence = summing(length=length, **choices), adding_sequence(length=length, **choices)
    n = 4 if testing else 20
    assert check_against_twin(adding, settings, sequence, n * length, n, precision, testing=testing) > 5 * n


@pytest.mark.parametrize("operation", ["sum", "product"])
@pytest.mark.parametrize("reading", OTHER_READINGS)
def test_each_reading_of_adding_equals_the_twin(operation, reading, monkeypatch):
    """Without the JIT, to save the compilation of settings that are not in use."""
    without_jit(monkeypatch)
    choices = {"operation": operation, "length": 22, reading: OTHER_READINGS[reading]}
    settings = summing(**choices)
    kernel = play_kernel(adding, settings, "float32")
    assert check_against_twin(adding, settings, adding_sequence(**choices), 400, 3, kernel=kernel) > 100


@pytest.mark.parametrize("places", [((10, 20), (50, 60)), SIX_B])
@pytest.mark.parametrize("testing", [False, True])
def test_temporal_order_equals_the_twin(places, testing):
    length, n = (100, 110), 4 if testing else 20
    settings, sequence = ordering(places, length), order_sequence(length, places)
    assert check_against_twin(temporal_order, settings, sequence, n * 110, n, testing=testing) > 5 * n


@pytest.mark.parametrize(("places", "length"), [(((2, 2),), (4, 4)), (((2, 3), (4, 4), (5, 6)), (7, 9))])
def test_other_temporal_orders_equal_the_twin(places, length, monkeypatch):
    """The shortest there are. Without the JIT, to save the compilation of settings that are not in use."""
    without_jit(monkeypatch)
    settings, sequence = ordering(places, length), order_sequence(length, places)
    kernel = play_kernel(temporal_order, settings, "float32")
    assert check_against_twin(temporal_order, settings, sequence, 20 * length[1], 2, kernel=kernel) > 100


# ------------------------------------------------------------------------------------------ experiments 4 and 5


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
    assert abs(share_deviation(n_hidden, len(sequences), share)) < 4


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
    begin = adding.build(settings, WIDTH, "float32").begin

    @compiled
    def run(state, streams, lengths, marks):
        for i in range(len(lengths)):
            lengths[i] = begin(state, streams, 3, -1)
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
        assert abs(float(sequence.targets[0, 0]) - exact) <= 2.0**-24
        first_picked += a == 1
        targets.append(sequence.targets[0, 0])
    assert first_picked > 1000
    assert min(targets) >= low
    assert max(targets) <= high
    share = 1 / 10 + 9 / 10 / 49
    mean = 0.5 if operation == "sum" else share / 2 + (1 - share) / 4
    assert abs(np.mean(targets) - mean) < 0.01
    assert min(targets) < 0.05
    assert max(targets) > 0.95


def test_the_second_mark_may_be_one_of_the_first_places_and_a_picked_first_pair_show_it():
    """Of the first T/2 - 1 = 49 places: none stands at the 50th. A first pair with marker 1 still counts as nothing."""
    sequences = many(adding, summing(**OTHER_READINGS))
    counts, n_first = np.zeros((50, 50)), 0
    for sequence in sequences:
        value, marker = sequence.inputs.T
        a, b = np.flatnonzero(marker == 1)
        assert marker[0] == (1 if a == 0 else -1)
        assert np.flatnonzero(marker[1:] == -1).tolist() == [len(marker) - 2]
        first = 0.0 if a == 0 else float(value[a])
        assert abs(float(sequence.targets[0, 0]) - (0.5 + (first + float(value[b])) / 4)) <= 2.0**-24
        counts[a, b] += 1
        n_first += a == 0
    assert abs(share_deviation(n_first, len(sequences), 1 / 10 + 9 / 10 / 48)) < 4
    probabilities = np.zeros((50, 50))
    for first in range(10):
        for second in range(49):
            if second != first:
                probabilities[min(first, second), max(first, second)] += 1 / 10 / 48
    possible = probabilities > 0
    assert counts[possible].sum() == counts.sum()
    assert abs(chi_square_deviation(counts[possible], probabilities[possible])) < 4


# --------------------------------------------------------------------------------------- experiments 6a and 6b

both_orders = pytest.mark.parametrize("places", [((10, 20), (50, 60)), SIX_B], ids=["6a", "6b"])
A, B, C, D, X, Y, START, TRIGGER = range(8)


@lru_cache(maxsize=None)
def letters(places):
    """The symbols' numbers (sequences, 110), -1 after the end; and the targets."""
    sequences = many(temporal_order, ordering(places))
    symbols = np.full((len(sequences), 110), -1)
    for row, sequence in zip(symbols, sequences, strict=True):
        row[: len(sequence.inputs)] = sequence.inputs.argmax(1)
    return symbols, np.array([sequence.targets[0] for sequence in sequences])


def relevant_places(places):
    """Of X and Y, from 1: (sequences, relevant)."""
    symbols, _ = letters(places)
    row, place = np.nonzero((symbols == X) | (symbols == Y))
    assert (np.bincount(row) == len(places)).all()
    return place.reshape(len(symbols), len(places)) + 1


@both_orders
def test_temporal_order_lengths(places):
    check_lengths(many(temporal_order, ordering(places)), 100, 110)


@both_orders
def test_temporal_order_symbols(places):
    inputs = np.concatenate([sequence.inputs for sequence in many(temporal_order, ordering(places))])
    assert ((inputs == 0) | (inputs == 1)).all()
    assert (inputs.sum(1) == 1).all()
    symbols, _ = letters(places)
    assert (symbols[:, 0] == START).all()
    row, place = np.nonzero(symbols == TRIGGER)
    assert row.tolist() == list(range(len(symbols)))
    assert (place == (symbols >= 0).sum(1) - 1).all()
    assert (symbols == START).sum() == len(symbols)
    seen = relevant_places(places)
    for i, (earliest, latest) in enumerate(places):
        assert seen[:, i].min() == earliest
        assert seen[:, i].max() == latest
        assert abs(chi_square_deviation(np.bincount(seen[:, i])[earliest:])) < 4
    assert abs(chi_square_deviation([(symbols == letter).sum() for letter in (A, B, C, D)])) < 4


@both_orders
def test_temporal_order_minimal_lag(places):
    """Table 10: 40 for 6a and 24 for 6b, from the last relevant symbol to the end."""
    lags = (letters(places)[0] >= 0).sum(1) - relevant_places(places)[:, -1]
    assert lags.min() == {2: 40, 3: 24}[len(places)]


@both_orders
def test_temporal_order_classes(places):
    """XX, XY, YX, YY (XXX to YYY) are outputs 1, 2, 3, ..., one-hot, and equally frequent."""
    names = {2: ["XX", "XY", "YX", "YY"], 3: ["XXX", "XXY", "XYX", "XYY", "YXX", "YXY", "YYX", "YYY"]}[len(places)]
    symbols, targets = letters(places)
    relevant = np.take_along_axis(symbols, relevant_places(places) - 1, axis=1)
    order = np.array(["".join("abcdXYEB"[symbol] for symbol in row) for row in relevant])
    assert (targets == (order[:, np.newaxis] == np.array(names))).all()
    assert abs(chi_square_deviation(targets.sum(0))) < 4


@both_orders
def test_temporal_order_places_and_symbols_are_independent(places):
    """Neither tells of the other, nor of the length."""
    symbols, seen = letters(places)[0], relevant_places(places)
    rows = np.column_stack([(symbols >= 0).sum(1), seen, np.take_along_axis(symbols, seen - 1, axis=1) == Y]).astype(
        float
    )
    correlation = np.corrcoef(rows.T)
    assert np.abs(correlation - np.eye(len(correlation))).max() < 4.5 / len(rows) ** 0.5


# ------------------------------------------------------------------------------------------------- what all share


@dataclass
class Case:
    """A small case of a task, to be played for some time steps."""

    module: Any
    settings: Any
    n_ticks: int

    def __str__(self):
        return " ".join(str(value) for value in list(dict(self.settings).values())[:2])


THREE = {
    "name": "two_sequence",
    "length": 20,
    "informative": 3,
    "variance": 0.2,
    "noisy_signal": False,
    "targets": (0.2, 0.8),
}
CASES = [
    Case(adding, summing(length=20), 150),
    Case(temporal_order, ordering(), 450),
    Case(reber, reber.Settings(name="reber", training_strings=40, test_strings=30, pairs=3), 300),
    Case(long_lag, long_lag.Settings(name="long_lag", kind="fixed", p=5), 40),
    Case(long_lag, long_lag.Settings(name="long_lag", kind="random", p=5), 40),
    Case(long_lag, long_lag.Settings(name="long_lag", kind="trigger", p=5, q=4), 150),
    Case(two_sequence, two_sequence.Settings(**THREE, target_variance=0.1), 150),
]
all_tasks = pytest.mark.parametrize("case", CASES, ids=str)
BUSY = [0, 10**9, 1, 10**9, 0, 2, 10**9, 10**9]  # sequences that each lane begins before it idles


def flat(sequences):
    return [array.tobytes() for sequence in sequences for array in sequence]


@all_tasks
def test_lanes_that_idle_harm_no_other(case):
    """Neither those that never began, without strings and with a stream of ones, nor those that have ended."""
    everywhere = play(case.module, case.settings, case.n_ticks, 5)
    some = play(case.module, case.settings, case.n_ticks, 5, to_begin=BUSY)
    for lane, n in enumerate(BUSY):
        assert len(everywhere.lanes[lane]) > 2
        assert len(some.lanes[lane]) == min(n, len(everywhere.lanes[lane]))
        assert flat(some.lanes[lane]) == flat(everywhere.lanes[lane][: len(some.lanes[lane])])
        if n > 2:
            assert (some.streams_after[:, lane] == everywhere.streams_after[:, lane]).all()


@all_tasks
@pytest.mark.parametrize("testing", [False, True])
def test_plain_python_gives_the_same_bits(case, testing, monkeypatch):
    """Without the JIT, where an index out of bounds is an error too."""
    jitted = play(case.module, case.settings, case.n_ticks, 6, testing=testing, to_begin=BUSY)
    without_jit(monkeypatch)
    kernel = play_kernel(case.module, case.settings, "float32")
    assert not hasattr(kernel, "py_func")
    plain = play(case.module, case.settings, case.n_ticks, 6, testing=testing, to_begin=BUSY, kernel=kernel)
    assert [flat(lane) for lane in plain.lanes] == [flat(lane) for lane in jitted.lanes]
    assert (plain.streams_after == jitted.streams_after).all()


@all_tasks
def test_no_sequence_is_longer_than_the_interface_says(case):
    lengths = [len(sequence.inputs) for sequence in play(case.module, case.settings, 2000, 7).all()]
    assert 1 <= min(lengths) <= max(lengths) <= case.module.interface(case.settings).longest


# -------------------------------------------------------------------------------------------------------- settings


def test_interfaces():
    """Table 10: 2 inputs and 1 output; 8 inputs and 4 or 8 outputs. Targets at the end alone."""
    for sizes, interface in [
        ((2, 1, 110), adding.interface(summing())),
        ((2, 1, 27), adding.interface(summing(length=25))),
        ((8, 4, 110), temporal_order.interface(ordering())),
        ((8, 8, 110), temporal_order.interface(ordering(SIX_B))),
    ]:
        assert (interface.n_in, interface.n_out, interface.longest) == sizes
        assert not (interface.input_symbols or interface.target_symbols or interface.every_step)
        assert interface.judged_at_end


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
        ("second_mark", "first"),
        ("first_pair_marker", -1),
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
