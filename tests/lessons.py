"""Lessons for the nets in the lanes of a learner, and a loop that gives them as the training loop does.

Runs with and without the JIT.
"""

import os
import pickle
import subprocess
import sys
from functools import lru_cache
from math import nan
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
from twins import compiled

# To be called from compiled code only: without the wrapper for Python, which takes a third of the compilation.
part = numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)


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


@lru_cache(maxsize=None)
def player(learner, settings, interface, width):
    """A compiled function that gives lessons to ``width`` nets; its arguments are those of `Script.arrays`."""
    step, respond, assess, learn, settle, reset, _ = learner.build(settings, interface, width)
    n_in, n_out, every_step = interface.n_in, interface.n_out, interface.every_step

    @part
    def put_dense(net, inputs, t):
        for m in range(n_in):
            for lane in range(width):
                net.source[m, lane] = inputs[t, m, lane]

    @part
    def put_symbol(net, inputs, t):
        for lane in range(width):
            net.symbol[lane] = inputs[t, 0, lane]

    @part
    def set_dense(net, targets, t):
        for k in range(n_out):
            for lane in range(width):
                net.target[k, lane] = targets[t, k, lane]

    @part
    def set_symbol(net, targets, t):
        for lane in range(width):
            net.goal[lane] = targets[t, 0, lane]

    put = put_symbol if interface.input_symbols else put_dense
    set_target = set_symbol if interface.target_symbols else set_dense

    @part
    def react(net, t, targets, answers, errors):
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

    @compiled
    def play(net, inputs, targets, ends, rates, mean_errors, resets, answers, errors):
        for t in range(ends.shape[0]):
            any_ends = False
            for lane in range(width):
                any_ends = any_ends or ends[t, lane]
                net.rate[lane] = rates[t, lane] if every_step or ends[t, lane] else 0.0
            put(net, inputs, t)
            step(net)
            if every_step or any_ends:
                react(net, t, targets, answers, errors)
            for lane in range(width):
                if ends[t, lane]:
                    if rates[t, lane] != 0:
                        settle(net, lane, mean_errors[t, lane])
                    if resets[t, lane]:
                        reset(net, lane)

    return play


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
