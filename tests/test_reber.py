"""Strings are those of the embedded Reber grammar, drawn as the protocol says; so are predictions judged."""

import random as fast_random
from collections import Counter
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
from pydantic import ValidationError
from sequences import WIDTH, play, without_jit
from twins import chi_square_deviation, compiled
from twins import tasks as twin
from twins.random import Stream

from repro.kernels.lanes import loader, store, zeros
from repro.kernels.random import whole
from repro.tasks import reber


def grammar(training=40, test=30, pairs=3, **more):
    return reber.Settings(name="reber", training_strings=training, test_strings=test, pairs=pairs, **more)


def text_of(sequence):
    """The string that a sequence shows: its inputs, and its last target."""
    symbols = [*sequence.inputs.argmax(1), sequence.targets[-1].argmax()]
    return "".join(twin.REBER[symbol] for symbol in symbols)


def texts(settings, below):
    return [text for text, _ in reber.strings(settings, below)]


# ----------------------------------------------------------------------------------------------- the twin itself


def ways_out(beginning):
    """The symbols that may follow a beginning by walking the inner automaton, which `twin.may_follow` does not use."""
    if len(beginning) < 3:
        return [{"B"}, {"T", "P"}, {"B"}][len(beginning)]
    state, left = 0, list(beginning[3:])
    while left and state != 5:
        state = int(dict(twin.INNER[state].split())[left.pop(0)])
    if state != 5:
        return {symbol for symbol, _ in twin.INNER[state].split()}
    return [{"E"}, {beginning[1]}, {"E"}, set()][len(left)]


def test_the_two_formulations_of_the_grammar_agree():
    """On every string of up to 7 inner symbols: the expression accepts it where the automaton goes from 0 to 5."""
    ways = {(state, way[0]): int(way[1]) for state, both in twin.INNER.items() for way in both.split()}
    n_legal = 0
    for n in range(8):
        for inner in product("TPSXV", repeat=n):
            state = 0
            for symbol in inner:
                state = ways.get((state, symbol), -1)
            start = "BTB" + "".join(inner) + "E"
            assert bool(twin.LEGAL.fullmatch(start + "TE")) == (state == 5)
            if state == 5:
                n_legal += 1
                assert twin.LEGAL.fullmatch("BP" + start[2:] + "PE")
                assert not any(twin.LEGAL.fullmatch(start + end) for end in ("PE", "T", "E", "TEE", "TTE"))
                assert not any(twin.LEGAL.fullmatch(start[:i]) for i in range(len(start)))
    assert n_legal == 2 + 3 + 4 + 7 + 11  # of 3 to 7 symbols


def test_what_may_follow_agrees_with_the_automaton():
    below = fast_random.Random(4).randrange
    for text in (twin.reber_string(below) for _ in range(300)):
        for i in range(len(text) + 1):
            assert twin.may_follow(text[:i]) == ways_out(text[:i])


# ----------------------------------------------------------------------------------------- string by string


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("distinct", [False, True])
@pytest.mark.parametrize("leave", [50, 75])
@pytest.mark.parametrize("apart", [False, True])
def test_sets_equal_the_twins(seed, distinct, leave, apart):
    words = np.random.default_rng(seed).integers(0, 2**32, (4, 1), dtype=np.uint32)
    training, test = twin.reber_sets(Stream(words[:, 0]).below, 60, 50, distinct, leave, apart)
    settings = grammar(60, 50, distinct_test=distinct, leave=leave, test_apart=apart)
    assert texts(settings, whole(words)) == training + test
    assert bool(set(training) & set(test)) != apart
    assert distinct == (len(set(test)) == len(test))


@pytest.mark.parametrize("leave", [50, 75, 90])
def test_strings_are_shorter_the_more_often_they_are_left(leave):
    """The expected length follows from the ways out: n_s symbols from state s, n_s = 1 + (n of the next state)."""
    stay, go = 1 - leave / 100, leave / 100
    ways = {1: (1, 3), 2: (2, 4), 3: (2, 5), 4: (3, 5)}
    matrix, ones = np.eye(4), np.ones(4)
    for state, (back, on) in ways.items():
        matrix[state - 1, back - 1] -= stay
        if on < 5:
            matrix[state - 1, on - 1] -= go
    from_each = np.linalg.solve(matrix, ones)
    expected = 2 + 1 + 1 + (from_each[0] + from_each[1]) / 2 + 1 + 2  # B, T or P; B; first way; the rest; E; T or P, E
    assert leave != 50 or expected == pytest.approx(12.0)  # protocol 1.1
    lengths = np.array([len(text) for text in texts(grammar(10_000, 0, leave=leave), fast_random.Random(9).randrange)])
    assert abs(lengths.mean() - expected) < 4 * lengths.std() / 100


@pytest.mark.parametrize("leave", [49, 91, 50.0])
def test_strings_must_be_able_to_end_and_to_differ(leave):
    with pytest.raises(ValidationError, match="leave"):
        grammar(leave=leave)


def test_what_may_follow_equals_the_twins():
    for text, legal in reber.strings(grammar(300, 0), fast_random.Random(5).randrange):
        assert [set(symbols) for symbols in legal] == [twin.may_follow(text[:i]) for i in range(1, len(text))]
        assert all(len(symbols) == len(set(symbols)) for symbols in legal)


CASES = [(grammar(), "float32"), (grammar(target="legal", distinct_test=True), "float64")]


@pytest.mark.parametrize(("settings", "precision"), CASES)
def test_training_sequences_equal_the_twins(settings, precision):
    """One of the training strings each, by one number below their number."""
    played = play(reber, settings, 500, 11, precision)
    for lane, sequences in enumerate(played.lanes):
        stream, pair = Stream(played.streams[:, lane]), Stream(played.pairs[:, lane])
        training, _ = twin.reber_sets(pair.below, 40, 30, settings.distinct_test)
        assert len(sequences) > 25
        for sequence in sequences:
            inputs, targets = twin.reber(training[stream.below(40)], settings.target)
            assert sequence.inputs.tolist() == inputs
            assert sequence.targets.tolist() == targets


def test_training_strings_in_their_order():
    """Again and again, without a random number."""
    played = play(reber, grammar(order="cycle"), 1500, 11)
    assert (played.streams_after == played.streams).all()
    for lane, sequences in enumerate(played.lanes):
        training, _ = twin.reber_sets(Stream(played.pairs[:, lane]).below, 40, 30, False)
        assert len(sequences) > 85
        assert [text_of(sequence) for sequence in sequences] == [training[k % 40] for k in range(len(sequences))]


def test_a_new_trial_starts_with_the_first_string():
    settings = grammar(order="cycle")
    state = reber.allocate(settings, WIDTH, "float32")
    state.turn[:] = 7
    reber.prepare(settings, state, 3, fast_random.Random(5).randrange)
    assert state.turn.tolist() == [7, 7, 7, 0, 7, 7, 7, 7]


@pytest.mark.parametrize(("settings", "precision"), CASES)
def test_test_sequences_are_all_training_strings_and_then_all_test_strings(settings, precision):
    """In their order, then again from the first; no random number is used up."""
    played = play(reber, settings, 1500, 12, precision, testing=True)
    assert (played.streams_after == played.streams).all()
    for lane, sequences in enumerate(played.lanes):
        training, test = twin.reber_sets(Stream(played.pairs[:, lane]).below, 40, 30, settings.distinct_test)
        assert len(sequences) > 75
        for k, sequence in enumerate(sequences):
            inputs, targets = twin.reber((training + test)[k % 70], settings.target)
            assert sequence.inputs.tolist() == inputs
            assert sequence.targets.tolist() == targets


def scripted(n_loops, then=None):
    """Draws of a string that goes round in state 1 so many times, and after it those of ``then``."""
    draws = [0, 0, *[0] * n_loops, 1, 1]
    return lambda n: draws.pop(0) if draws else then(n)


def test_strings_have_up_to_127_symbols():
    long = f"BTBT{'S' * 118}XSETE"
    assert len(long) == 127
    assert texts(grammar(1, 0), scripted(118)) == [long]
    for n_loops in (119, 120, 300):
        found = texts(grammar(1, 0), scripted(n_loops, fast_random.Random(6).randrange))
        assert found == [twin.reber_string(fast_random.Random(6).randrange)]
    settings = grammar(1, 0)
    state = reber.allocate(settings, WIDTH, "float32")
    reber.prepare(settings, state, 5, scripted(118))
    assert state.length[:, 5].tolist() == [126]
    assert reber.interface(settings).longest == 126


# ------------------------------------------------------------------------------------------------ distribution


@lru_cache(maxsize=None)
def length_probabilities():
    """The exact probability of each length up to 127, from the automaton's transition matrix."""
    step = np.zeros((6, 6))
    for state, ways in twin.INNER.items():
        for way in ways.split():
            step[int(way[1]), state] += 0.5
    now, probabilities = np.eye(6)[0], np.zeros(128)
    for n in range(1, 122):
        now = step @ now
        probabilities[6 + n] = now[5]
        now[5] = 0
    assert 9e-17 < now.sum() < 1.1e-16  # longer ones are drawn again: less than one in 10^15, as the module says
    return probabilities


LENGTHS = np.arange(128)
EACH = 0.5 ** (LENGTHS - 5.0)  # the probability of one string of a length: T or P, then length - 6 choices


def test_the_protocols_figures_follow_from_the_grammar():
    """Length at least 9, in the mean 12.0, for a quarter 9; of 256 100 distinct; 1,025 draws for others, 16.4 long."""
    p = length_probabilities()
    assert LENGTHS[p > 0].min() == 9
    assert p[9] == 0.25
    assert abs(p @ LENGTHS - 12) < 1e-12
    absent = (1 - EACH.clip(max=1)) ** 256  # the probability that a training set lacks a string
    distinct, new = (p / EACH) @ (1 - absent), p * absent
    assert abs(distinct - 100) < 3
    assert abs(256 / new.sum() - 1025) < 15
    assert abs(new @ LENGTHS / new.sum() - 16.4) < 0.1


@lru_cache(maxsize=None)
def thousands():
    return texts(grammar(10_000, 0), fast_random.Random(7).randrange)


def test_strings_are_legal_and_of_the_right_lengths():
    found = thousands()
    assert all(twin.LEGAL.fullmatch(text) for text in found)
    lengths, p = np.array([len(text) for text in found]), length_probabilities()
    assert lengths.min() == 9
    assert abs(lengths.mean() - 12) < 4 * (p @ (LENGTHS - 12) ** 2 / len(found)) ** 0.5
    counts = np.bincount(lengths.clip(max=30), minlength=31)[9:]
    assert abs(chi_square_deviation(counts, [*p[9:30], 1 - p[:30].sum()])) < 4


def test_every_string_is_as_frequent_as_its_choices_say():
    counts = Counter(thousands())
    frequent = [text for text in counts if EACH[len(text)] * 10_000 > 5]
    p = length_probabilities()
    n_possible = sum(p[k] / EACH[k] for k in LENGTHS if EACH[k] * 10_000 > 5 and p[k] > 0)
    assert len(frequent) == n_possible
    probabilities = [EACH[len(text)] for text in frequent]
    rest = 10_000 - sum(counts[text] for text in frequent)
    tally = [*(counts[text] for text in frequent), rest]
    assert abs(chi_square_deviation(tally, [*probabilities, 1 - sum(probabilities)])) < 4
    for place, symbol in ((1, "T"), (3, "T")):  # the outer choice, and the first inner one
        assert abs(sum(text[place] == symbol for text in counts.elements()) - 5000) < 4 * 50


class Pair(NamedTuple):
    training: list[str]
    test: list[str]
    n_draws: int


@lru_cache(maxsize=None)
def pairs_of_sets(distinct):
    """40 pairs of the size of the paper's."""
    found = []
    for seed in range(40):
        rng, calls = fast_random.Random(seed), []
        strings = texts(
            grammar(256, 256, distinct_test=distinct), lambda n, r=rng, c=calls: c.append(n) or r.randrange(n)
        )
        assert set(calls) == {2}
        found.append(Pair(strings[:256], strings[256:], len(calls)))
    return found


@pytest.mark.parametrize("distinct", [False, True])
def test_test_strings_are_no_training_strings(distinct):
    for pair in pairs_of_sets(distinct):
        assert len(pair.training) == len(pair.test) == 256
        assert not set(pair.training) & set(pair.test)


def test_sets_have_duplicates_unless_the_test_set_is_to_have_none():
    for pair in pairs_of_sets(False):
        assert len(set(pair.training)) < 140
        assert len(set(pair.test)) < 256
    for pair, same in zip(pairs_of_sets(True), pairs_of_sets(False), strict=True):
        assert len(set(pair.test)) == 256
        assert pair.training == same.training
        assert list(dict.fromkeys(same.test)) == pair.test[: len(set(same.test))]  # the same draws, duplicates left out


def test_sets_are_as_hard_as_the_protocol_says():
    """About 100 distinct training strings; test strings of 16.4 symbols; some 1,025 draws for 256 of them."""
    pairs = pairs_of_sets(False)
    assert abs(np.mean([len(set(pair.training)) for pair in pairs]) - 100) < 3
    training = np.array([[len(text) for text in pair.training] for pair in pairs])
    assert abs(training.mean() - 12) < 0.15
    test = np.array([[len(text) for text in pair.test] for pair in pairs])
    assert abs(test.mean() - 16.4) < 0.25
    draws = np.mean([pair.n_draws for pair in pairs]) / 7  # a string takes 1 number for T or P, and 6 in the mean
    assert abs(draws - 256 - 1025) < 50


def test_training_strings_are_presented_equally_often():
    played = play(reber, grammar(), 20_000, 13)
    for lane, sequences in enumerate(played.lanes):
        training, _ = twin.reber_sets(Stream(played.pairs[:, lane]).below, 40, 0, False)
        strings = sorted(set(training))
        shown = Counter(text_of(sequence) for sequence in sequences)
        assert set(shown) == set(strings)
        counts = [shown[text] for text in strings]
        assert abs(chi_square_deviation(counts, [training.count(text) / 40 for text in strings])) < 4


def test_pairs_are_shared_by_trials():
    """Trial n has pair n mod 3, whatever the learner."""
    from repro.experiments import config

    rows = config.load()
    first, second = rows["1/lstm/4x1,lr=0.1"].condition(), rows["1/lstm/3x2,lr=0.2"].condition()
    words = [first.pair(trial).tolist() for trial in range(6)]
    assert words[:3] == words[3:]
    assert len({tuple(w) for w in words}) == 3
    assert words == [second.pair(trial).tolist() for trial in range(6)]
    for same in ({"task.order": "cycle"}, {"task.success": "most active"}):  # what is asked of them makes no others
        assert words == [rows["1/lstm/4x1,lr=0.1"].condition(overrides=same).pair(trial).tolist() for trial in range(6)]
    others = rows["1/lstm/4x1,lr=0.1"].condition(overrides={"task.test_apart": False})
    assert words[0] != others.pair(0).tolist()


# ------------------------------------------------------------------------------------------------------- judge


class Net(NamedTuple):
    source: np.ndarray
    target: np.ndarray
    y_k: np.ndarray


def judging(precision, **more):
    begin, present, _, judge = reber.build(grammar(**more), WIDTH, precision)
    load = loader(WIDTH)

    @compiled
    def judged(state, streams, net, number, outputs, verdicts):
        """Verdicts on ``outputs`` (steps, outputs, lanes), at each time step of a string, in all lanes the same."""
        for lane in range(WIDTH):
            n = begin(state, streams, lane, number)
        for t in range(n):
            present(state, streams, net)
            for k in range(outputs.shape[1]):
                store(net.y_k, load(outputs, t, k), k)
            store(verdicts, judge(state, net), t)

    return judged


@pytest.mark.parametrize(("precision", "success"), list(product(("float32", "float64"), ("all legal", "most active"))))
def test_judge_asks_for_the_legal_successors_to_be_the_most_active(precision, success, monkeypatch):
    """All of them, or one, strictly: a tie is wrong. Outputs are of any size. In double precision without the JIT."""
    if precision == "float64":
        without_jit(monkeypatch)
    judged, one_is_enough = judging(precision, success=success), success == "most active"
    state, streams = reber.allocate(grammar(), WIDTH, precision), zeros((4,), WIDTH, np.uint32)
    for lane in range(WIDTH):
        reber.prepare(grammar(), state, lane, fast_random.Random(8).randrange)
    training, test = twin.reber_sets(fast_random.Random(8).randrange, 40, 30, False)
    net = Net(*(zeros((7,), WIDTH, precision) for _ in Net._fields))
    rng = np.random.default_rng(9)
    seen = Counter()
    for number, text in enumerate(training + test):
        outputs, verdicts = zeros((len(text) - 1, 7), WIDTH, precision), zeros((len(text) - 1,), WIDTH, precision)
        tied, real = rng.integers(-3, 4, outputs.shape) / 2, rng.uniform(0, 1, outputs.shape)
        outputs[:] = np.where(rng.random(WIDTH) < 0.5, tied, real) * rng.choice([1, 1e-6, 1e6, 1e20], WIDTH)
        for i in range(1, len(text)):
            legal = [symbol in twin.may_follow(text[:i]) for symbol in twin.REBER]
            top = outputs[i - 1].max(axis=0)
            for lane in range(4):  # make it likely to be right, nearly right or tied
                raised = rng.choice(np.flatnonzero(legal), rng.integers(1, 3), replace=sum(legal) == 1)
                outputs[i - 1, raised, lane] = top[lane] * rng.choice([1.0, 1.25]) + rng.choice([0.0, 0.25])
        judged(state, streams, net, number, outputs, verdicts)
        for i in range(1, len(text)):
            legal = np.array([symbol in twin.may_follow(text[:i]) for symbol in twin.REBER])
            for lane in range(WIDTH):
                answer = outputs[i - 1, :, lane]
                bound = answer[legal].max() if one_is_enough else answer[legal].min()
                assert verdicts[i - 1, lane] == answer[~legal].max() - bound
                right = twin.prediction_is_right(text, i, answer.tolist(), one_is_enough)
                assert (verdicts[i - 1, lane] < 0) == right
                seen[int(legal.sum()), right, bool(verdicts[i - 1, lane] == 0)] += 1
    kinds = [(n, right, tie) for n in (1, 2) for right, tie in ((True, False), (False, False), (False, True))]
    assert set(seen) == set(kinds)
    assert min(seen.values()) > 100


# ------------------------------------------------------------------------------------------------------ settings


def test_interface():
    """Table 10: 7 inputs and 7 outputs. A target at every time step, each of which counts."""
    interface = reber.interface(grammar())
    assert (interface.n_in, interface.n_out) == (7, 7)
    assert not (interface.input_symbols or interface.target_symbols)
    assert interface.every_step
    assert not interface.judged_at_end


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "grammar"),
        ("training_strings", 0),
        ("training_strings", 256.5),
        ("training_strings", 10_001),
        ("test_strings", -1),
        ("test_strings", "256"),
        ("test_strings", 10_001),
        ("pairs", 0),
        ("pairs", None),
        ("distinct_test", 1),
        ("test_apart", 0),
        ("success", "any"),
        ("target", "previous"),
        ("strings", 256),
    ],
)
def test_bad_settings_are_refused_by_name(field, value):
    good = {"name": "reber", "training_strings": 256, "test_strings": 256, "pairs": 3}
    assert reber.Settings(**good).target == "next"
    with pytest.raises(ValidationError, match=rf"(?m)^{field}$"):
        reber.Settings(**good | {field: value})
