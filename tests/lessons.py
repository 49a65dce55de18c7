"""Lessons for the nets in the lanes of a learner, a loop that gives them as the training loop does, and what is asked
of the nets thereafter, whatever the learner.

Runs with and without the JIT.
"""

import hashlib
import os
import pickle
import subprocess
import sys
from functools import lru_cache
from math import inf, isfinite, nan
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from twins import compiled

from repro.kernels import foreign, jit
from repro.running import kernel_cache

# A compiled player is kept on disk by its name, which is to tell the source of this module, too.
foreign.DIGESTS[__name__] = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]


class Lesson(NamedTuple):
    """A sequence."""

    x: np.ndarray  # (steps, n_in), or (steps,) for inputs given by their index
    targets: np.ndarray  # (steps, n_out) or (1, n_out), or (steps,) for targets given by their index
    rate: float = 0.0  # 0: a test sequence
    mean_error: float = nan  # what the learner is told at the end of a training sequence
    reset: bool = True  # is the sequence forgotten when it has ended


class Played(NamedTuple):
    """What was to be seen of one lane: a row for each time step that had a target."""

    answers: np.ndarray  # (n, n_out)
    errors: np.ndarray  # (n, 3): mean |error|, mean squared error, largest |error|

    def bits(self, first=0):
        """Of the answers and of the errors, from row ``first`` on."""
        return self.answers[first:].tobytes(), self.errors[first:].tobytes()


@lru_cache(maxsize=None)
def player(learner, settings, interface, width):
    """A compiled function that gives lessons to ``width`` nets; its arguments are those of `Script.arrays`.

    It is kept on disk: what was compiled for one run of the tests is there for the next.
    """
    step, respond, assess, learn, settle, reset, _ = learner.build(settings, interface, width)
    n_in, n_out, every_step = interface.n_in, interface.n_out, interface.every_step

    @jit.kernel
    def put_dense(net, inputs, t):
        for m in range(n_in):
            for lane in range(width):
                net.source[m, lane] = inputs[t, m, lane]

    @jit.kernel
    def put_symbol(net, inputs, t):
        for lane in range(width):
            net.symbol[lane] = inputs[t, 0, lane]

    @jit.kernel
    def set_dense(net, targets, t):
        for k in range(n_out):
            for lane in range(width):
                net.target[k, lane] = targets[t, k, lane]

    @jit.kernel
    def set_symbol(net, targets, t):
        for lane in range(width):
            net.goal[lane] = targets[t, 0, lane]

    put = put_symbol if interface.input_symbols else put_dense
    set_target = set_symbol if interface.target_symbols else set_dense

    def play(net, inputs, targets, ends, rates, mean_errors, resets, answers, errors):
        for t in range(ends.shape[0]):
            any_ends = False
            for lane in range(width):
                any_ends = any_ends or ends[t, lane]
                net.rate[lane] = rates[t, lane] if every_step or ends[t, lane] else 0.0
            put(net, inputs, t)
            step(net)
            if every_step or any_ends:
                set_target(net, targets, t)
                respond(net)
                assess(net)
                for lane in range(width):
                    for k in range(n_out):
                        answers[t, k, lane] = net.y_k[k, lane]
                    errors[t, 0, lane] = net.absolute[lane]
                    errors[t, 1, lane] = net.square[lane]
                    errors[t, 2, lane] = net.worst[lane]
                learn(net)
            for lane in range(width):
                if ends[t, lane]:
                    if rates[t, lane] != 0:
                        settle(net, lane, mean_errors[t, lane])
                    if resets[t, lane]:
                        reset(net, lane)

    return kernel_cache.keep(jit.entry(play))


class Script:
    """What happens in each lane: sequences end to end."""

    def __init__(self, interface, lanes):
        """``lanes``: a list of lessons for each."""
        width, n_ticks = len(lanes), max(sum(len(lesson.x) for lesson in lessons) for lessons in lanes)
        shape = {False: (n_ticks, interface.n_in, width), True: (n_ticks, 1, width)}
        self.inputs = np.zeros(shape[interface.input_symbols], np.uint32 if interface.input_symbols else float)
        shape = {False: (n_ticks, interface.n_out, width), True: (n_ticks, 1, width)}
        self.targets = np.zeros(shape[interface.target_symbols], np.uint32 if interface.target_symbols else float)
        self.ends = np.zeros((n_ticks, width), bool)
        self.rates = np.zeros((n_ticks, width))
        self.mean_errors = np.full((n_ticks, width), nan)
        self.resets = np.zeros((n_ticks, width), bool)
        self.answers = np.full((n_ticks, interface.n_out, width), nan)
        self.errors = np.full((n_ticks, 3, width), nan)
        self.has_target = np.zeros((n_ticks, width), bool)
        for lane, lessons in enumerate(lanes):
            first = 0
            for x, targets, rate, mean_error, reset in lessons:
                end = first + len(x)
                self.inputs[first:end, :, lane] = np.reshape(x, (len(x), -1))
                self.targets[end - len(targets) : end, :, lane] = np.reshape(targets, (len(targets), -1))
                self.has_target[end - len(targets) : end, lane] = True
                self.ends[end - 1, lane] = True
                self.rates[first:end, lane] = rate
                self.mean_errors[end - 1, lane] = mean_error
                self.resets[end - 1, lane] = reset
                first = end

    def arrays(self):
        return (
            self.inputs, self.targets, self.ends, self.rates, self.mean_errors, self.resets, self.answers, self.errors
        )  # fmt: skip

    def lane(self, lane):
        there = self.has_target[:, lane]
        return Played(self.answers[there, :, lane], self.errors[there, :, lane])


def give(learner, settings, interface, net, lanes):
    """Give each lane of ``net`` its lessons; what was to be seen of each."""
    script = Script(interface, lanes)
    player(learner, settings, interface, len(lanes))(net, *script.arrays())
    return [script.lane(lane) for lane in range(len(lanes))]


def outcome(learner, settings, interface, net, lanes):
    """Weights, answers and errors of each lane of ``net`` after its lessons, by name."""
    found = {}
    for lane, played in enumerate(give(learner, settings, interface, net, lanes)):
        found[f"weights {lane}"] = np.concatenate(learner.weights(settings, net, interface, lane))
        found[f"answers {lane}"], found[f"errors {lane}"] = played
    return found


def fresh_net(learner, settings, interface, width, seed=0):
    net = learner.allocate(settings, interface, width)
    for lane in range(width):
        learner.initialise(settings, net, interface, lane, np.random.default_rng([seed, lane]).random)
    return net


def bits(arrays, lane):
    """One lane's bits of ``arrays``, whose last axis are the lanes."""
    return [np.ascontiguousarray(array[..., lane]).tobytes() for array in arrays]


def random_lessons(rng, interface, n, rate: Any, lengths=(1, 12)):
    """``n`` sequences of ``lengths``[0] to ``lengths``[1] - 1 time steps."""
    lessons = []
    for _ in range(n):
        steps = rng.integers(*lengths)
        if interface.input_symbols:
            x = rng.integers(0, interface.n_in, steps)
        else:
            x = rng.uniform(-1, 1, (steps, interface.n_in))
        n_targets = steps if interface.every_step else 1
        if interface.target_symbols:
            targets = rng.integers(0, interface.n_out, n_targets)
        else:
            targets = rng.uniform(0.05, 0.95, (n_targets, interface.n_out))
        lessons.append(Lesson(x, targets, rate, rng.uniform(0.1, 0.9)))
    return lessons


WITHOUT_JIT = """
import importlib, pickle, sys
module, path = sys.argv[1:]
with open(path, "wb") as file:
    pickle.dump(importlib.import_module(module).all_results(), file)
"""


def without_jit(module, folder):
    """``all_results()`` of one of the tests' modules, in plain Python."""
    path = folder / "results"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-W", "error", "-c", WITHOUT_JIT, module, str(path)], env=environment, check=True)
    with path.open("rb") as file:
        return pickle.load(file)


# ------------------------------------------------------------------------------------------- what is asked of the nets


def check_same_bits(found, expected):
    """Two dictionaries have the same arrays: by name, type and bits."""
    assert found.keys() == expected.keys(), sorted(found.keys() ^ expected.keys())
    for name, array in found.items():
        assert array.dtype == expected[name].dtype, name
        assert array.tobytes() == expected[name].tobytes(), name


def check_rows(rows, of_twin, start, lane):
    """``rows`` are those ``of_twin``, and exactly what they were at the ``start`` where the twin's have not moved."""
    for unit, (row, twin_row, old) in enumerate(zip(rows, of_twin, start, strict=True)):
        assert np.abs(row - twin_row).max() < 1e-12, f"unit {unit} of lane {lane}"
        still = twin_row == old
        assert np.array_equal(row[still], old[still]), f"unit {unit} of lane {lane} unlearns"


def errors_of(targets, answers):
    """As `Played` has them: mean |error|, mean squared error and largest |error| of the outputs."""
    apart = np.abs(targets - answers)
    return np.stack([apart.mean(1), (apart**2).mean(1), apart.max(1)], 1)


def central_difference(function, rows, unit, m):
    """The slope of ``function``, of rows of weights, in weight ``m`` of a unit."""
    values, step = [], 1e-5
    for sign in (1, -1):
        moved = [np.array(row) for row in rows]
        moved[unit][m] += sign * step
        values.append(function(moved))
    return (values[0] - values[1]) / (2 * step)


def finite_of(learner, settings, interface, width):
    """A learner's `finite`, to be called from Python."""
    finite = learner.build(settings, interface, width).finite

    @compiled
    def is_finite(net, lane):
        return finite(net, lane)

    return is_finite


def weights_not_seen(learner, settings, interface, net, lane, most=inf):
    """The weights of one lane of which `finite` does not see, in that lane alone, that they are no numbers.

    Of those of a large net about ``most`` are tried, or fewer.
    """
    width = len(net.rate)
    is_finite = finite_of(learner, settings, interface, width)

    def lost():
        return [n for n in range(width) if not is_finite(net, n)]

    rows, missed = learner.weights(settings, net, interface, lane), []
    stride = 1 + 2 * int(sum(map(len, rows)) / most)
    for part, row in enumerate(rows):
        for m in range(part % stride % len(row), len(row), stride):
            for number in (nan, inf, -inf, row[m]):  # the last one is the weight as it was
                row[m] = number
                if lost() != ([] if isfinite(number) else [lane]):
                    missed.append(f"part {part}, weight {m}: {number}")
    return missed
