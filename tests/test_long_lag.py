"""Sequences of experiments 2a, 2b and 2c equal the slow twin's, and are distributed as the protocol says."""

import numpy as np
import pytest
from conftest import made_condition, result
from pydantic import ValidationError
from sequences import many, play, play_kernel, share_deviation, without_jit
from twins import chi_square_deviation
from twins import tasks as twin
from twins.random import Stream

from repro.kernels import random
from repro.records.trial import Record
from repro.running import crew
from repro.tasks import long_lag


def lagging(kind, p, q=None, **more):
    return long_lag.Settings(name="long_lag", kind=kind, p=p, q=q, **more)


def numbers(symbols, kind, p):
    names = twin.long_lag_names(kind, p)
    return [names.index(symbol) for symbol in symbols]


# ----------------------------------------------------------------------------------------- number by number


@pytest.mark.parametrize("kind", ["fixed", "random"])
@pytest.mark.parametrize("p", [2, 3, 10, 100])
@pytest.mark.parametrize("testing", [False, True])
def test_predictions_equal_the_twin(kind, p, testing):
    """Every symbol but the last is an input, every symbol but the first a goal."""
    played = play(long_lag, lagging(kind, p), 12 * p + 5, p + testing, testing=testing)
    for lane, sequences in enumerate(played.lanes):
        stream = Stream(played.streams[:, lane])
        assert len(sequences) == (12 * p + 5) // p
        for sequence in sequences:
            symbols = numbers(twin.long_lag_prediction(stream, kind, p), kind, p)
            assert sequence.inputs.tolist() == symbols[:-1]
            assert sequence.targets.tolist() == symbols[1:]


@pytest.mark.parametrize(("p", "q"), [(10, 10), (2, 1), (50, 50), (5, 60)])
@pytest.mark.parametrize("testing", [False, True])
def test_triggered_sequences_equal_the_twin(p, q, testing):
    """Every symbol but the last is an input; the last is the target, one-hot of x and y."""
    played = play(long_lag, lagging("trigger", p, q), 12 * (q + 14), q + testing, testing=testing)
    for lane, sequences in enumerate(played.lanes):
        stream = Stream(played.streams[:, lane])
        assert len(sequences) > 5
        for sequence in sequences:
            *shown, last = twin.long_lag_trigger(stream, p, q)
            assert sequence.inputs.tolist() == numbers(shown, "trigger", p)
            assert sequence.targets.tolist() == [[float(last == "x"), float(last == "y")]]


@pytest.mark.parametrize("kind", ["fixed", "random", "trigger"])
def test_x_and_y_take_turns_in_training_alone(kind):
    """x first; the class takes no random number then. In tests it is drawn as ever."""
    settings = lagging(kind, 10, 10 if kind == "trigger" else None, order="cycle")
    for testing in (False, True):
        played = play(long_lag, settings, 300, 5, testing=testing)
        for lane, sequences in enumerate(played.lanes):
            stream = Stream(played.streams[:, lane])
            assert len(sequences) > 6
            for n, sequence in enumerate(sequences):
                edge = None if testing else "xy"[n % 2]
                if kind == "trigger":
                    symbols = numbers(twin.long_lag_trigger(stream, 10, 10, edge)[:-1], kind, 10)
                else:
                    symbols = numbers(twin.long_lag_prediction(stream, kind, 10, edge), kind, 10)[:-1]
                assert sequence.inputs.tolist() == symbols


def test_a_new_trial_starts_with_x():
    settings = lagging("fixed", 10, order="cycle")
    state = long_lag.allocate(settings, 4, "float32")
    state.turn[:] = 1
    long_lag.enter(settings, state, 2)
    assert state.turn.tolist() == [1, 1, 0, 1]


@pytest.mark.parametrize("learner", [
    {"name": "layered_lstm", "grow_after": 3, "grow": "count", "update": "late", "outputs_see": "previous"},
    {"name": "elman", "hidden": 2, "biased": "all"},
])  # fmt: skip
def test_trials_in_turn_are_those_side_by_side(plain, learner):
    """Turns start anew with a trial, and nothing of the one before is left; also where the end has the only target."""
    stop = {
        "max_sequences": 7,
        "tolerance": 0.1,
        "test_sequences": 0,
        "stages": ({"name": "never", "mean_error": 1e-9},),
    }
    task = {"name": "long_lag", "kind": "random", "p": 5, "targets": "end", "order": "cycle"}
    condition = made_condition(task, {**learner, "init": 0.5, "learning_rate": 2.0}, stop)
    side_by_side, in_turn = (
        {event.trial: result(event) for event in crew.run(condition, range(3), width) if isinstance(event, Record)}
        for width in (4, 1)
    )
    assert side_by_side == in_turn
    assert len({record["weights_digest"] for record in in_turn.values()}) == 3


@pytest.mark.parametrize("kind", ["fixed", "random"])
def test_the_last_time_step_may_have_the_only_target(kind):
    """Which is the first symbol again. Sequences are those with targets everywhere."""
    whole, last = (play(long_lag, lagging(kind, 10, targets=targets), 100, 3).all() for targets in (None, "end"))
    assert len(last) == len(whole) > 50
    for one, other in zip(whole, last, strict=True):
        assert one.inputs.tolist() == other.inputs.tolist()
        assert other.targets.tolist() == [other.inputs[0]]


def test_the_trigger_comes_after_400_further_distractors_at_the_latest(monkeypatch):
    """If a stream draws nothing but the highest numbers."""
    without_jit(monkeypatch)
    monkeypatch.setattr(random, "below", lambda stream, lane, n: n - 1)
    settings = lagging("trigger", 7, 20)
    played = play(long_lag, settings, 430, 1, kernel=play_kernel(long_lag, settings, "float32"))
    for lane in played.lanes:
        assert len(lane) == 1
        assert lane[0].inputs.tolist() == [8, 10, *[6] * 420, 7]
        assert lane[0].targets.tolist() == [[0, 1]]
    assert long_lag.interface(settings).longest == 423


# ------------------------------------------------------------------------------------------- experiments 2a and 2b


def test_fixed_sequences_are_two():
    """(x, a_1, ..., a_{p-1}, x) and (y, a_1, ..., a_{p-1}, y), each as often."""
    counts = np.zeros(2)
    for inputs, goals in many(long_lag, lagging("fixed", 100), n_ticks=100_000):
        assert inputs[0] == goals[-1]
        assert inputs[1:].tolist() == goals[:-1].tolist() == list(range(99))
        counts[[99, 100].index(inputs[0])] += 1
    assert counts.sum() == 8000
    assert abs(share_deviation(counts[0], 8000, 0.5)) < 4


def test_random_sequences_are_uniform_in_between():
    inputs, goals = np.array(many(long_lag, lagging("random", 100), 100_000), int).swapaxes(0, 1)
    assert (inputs[:, 0] == goals[:, -1]).all()
    assert (inputs[:, 1:] == goals[:, :-1]).all()
    edge, middle = inputs[:, 0], inputs[:, 1:]
    assert abs(share_deviation((edge == 99).sum(), len(edge), 0.5)) < 4
    assert set(edge) == {99, 100}
    assert middle.max() == 98
    assert abs(chi_square_deviation(np.bincount(middle.ravel(), minlength=99))) < 4
    for place in (0, 1, 98):
        assert abs(chi_square_deviation(np.bincount(middle[:, place], minlength=99))) < 4
    scaled = (middle - 49) / (99**2 / 12) ** 0.5
    assert abs((scaled[:, 1:] * scaled[:, :-1]).mean()) < 5 / scaled.size**0.5
    assert abs((scaled[1:] * scaled[:-1]).mean()) < 5 / scaled.size**0.5
    assert abs((scaled.sum(1) * np.where(edge == 99, -1, 1)).mean()) < 5 * (99 / len(edge)) ** 0.5


# -------------------------------------------------------------------------------------------------- experiment 2c


def test_triggered_sequences_are_distributed_as_the_protocol_says():
    """Length q + k + 4 with k further distractors, P(k) = 9^k / 10^(k+1); all distractors equally frequent.

    Nine in the mean, so the mean length is q + 13; the paper's own sum, which the protocol restates, comes to q + 13 as
    well, and not to the q + 14 printed.
    """
    p = q = 50
    further, counts, second = [], np.zeros(p), np.zeros(2)
    for inputs, targets in many(long_lag, lagging("trigger", p, q), n_ticks=150_000):
        assert inputs[0] == p + 1  # b
        assert inputs[-1] == p  # e
        assert inputs[1] in (p + 2, p + 3)  # x, y
        assert targets.tolist() == [[float(inputs[1] == p + 2), float(inputs[1] == p + 3)]]
        distractors = inputs[2:-1]
        assert len(distractors) >= q
        assert distractors.max() < p
        counts += np.bincount(distractors, minlength=p)
        second += targets[0]
        further.append(len(inputs) + 1 - q - 4)
    further = np.array(further)
    n = len(further)
    assert n > 18_000
    assert further.min() == 0  # the minimal length is q + 4
    assert further.max() > 60
    shares = 0.1 * 0.9 ** np.arange(50)
    assert abs(chi_square_deviation(np.bincount(further.clip(max=50), minlength=51), [*shares, 0.9**50])) < 4
    assert abs(further.mean() - 9) < 4 * (90 / n) ** 0.5 + 9 * 63 / 150_000  # those under way at the end are missing
    assert abs(chi_square_deviation(counts)) < 4
    assert abs(share_deviation(second[0], n, 0.5)) < 4


def test_each_distractor_comes_q_over_p_times():
    """Table 3: q/p = 20, and some for the further ones."""
    uses = [np.bincount(inputs[2:-1], minlength=5) for inputs, _ in many(long_lag, lagging("trigger", 5, 100), 50_000)]
    assert np.abs(np.mean(uses, axis=0) / (109 / 5) - 1).max() < 0.02


# ------------------------------------------------------------------------------------------------------ settings


def test_interfaces():
    """Table 10: 101 inputs and outputs; p + 4 inputs and 2 outputs."""
    for kind in ("fixed", "random"):
        interface = long_lag.interface(lagging(kind, 100))
        assert (interface.n_in, interface.n_out, interface.longest) == (101, 101, 100)
        assert interface.input_symbols
        assert interface.target_symbols
        assert interface.every_step
        assert interface.judged_at_end
        assert not long_lag.interface(lagging(kind, 100, judged="every step")).judged_at_end
        assert interface == long_lag.interface(lagging(kind, 100, targets="every step"))
        assert long_lag.interface(lagging(kind, 100, targets="end")) == interface._replace(every_step=False)
    for p, n_in in ((50, 54), (100, 104), (200, 204), (500, 504), (1000, 1004)):
        interface = long_lag.interface(lagging("trigger", p, 1000))
        assert (interface.n_in, interface.n_out) == (n_in, 2)
        assert interface.input_symbols
        assert not interface.target_symbols
        assert not interface.every_step
        assert interface.judged_at_end


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "lag"),
        ("kind", "chunk"),
        ("p", 1),
        ("p", 100_001),
        ("p", 10.5),
        ("q", 0),
        ("q", "50"),
        ("q", 1_000_001),
        ("judged", "start"),
        ("length", 100),
        ("q is given for kind 'trigger'", {"q": None}),
        ("q is given for kind 'trigger'", {"kind": "fixed"}),
        ("q is given for kind 'trigger'", {"kind": "random"}),
        ("nothing to judge before the end", {"judged": "every step"}),
        ("nothing to judge before the end", {"kind": "fixed", "q": None, "judged": "every step", "targets": "end"}),
        ("only the last time step", {"targets": "every step"}),
        ("targets", "start"),
        ("order", "turns"),
    ],
)
def test_bad_settings_are_refused(field, value):
    good = {"name": "long_lag", "kind": "trigger", "p": 50, "q": 50}
    assert long_lag.Settings(**good).judged == "end"
    with pytest.raises(ValidationError, match=field):
        long_lag.Settings(**good | (value if isinstance(value, dict) else {field: value}))
