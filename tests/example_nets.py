"""Nets of the learners in examples/, their twins, lessons that both are given, and trials that are easy to learn."""

import atexit
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from conftest import result
from lessons import fresh_net, give, outcome, random_lessons
from twins import forget_lstm as forget_twin
from twins import gru as gru_twin
from twins import plain_rule as plain_twin

from repro import registry
from repro.experiments import config
from repro.experiments.condition import Condition
from repro.experiments.stop import Stop
from repro.files import PACKAGE
from repro.kernels.contract import Interface
from repro.running import crew

EXAMPLES = Path(__file__).parent.parent / "examples"
TEMPLATE = PACKAGE / "templates" / "learner.py"  # what `repro new learner` writes, under another name
NAMES = ("plain_rule", "forget_lstm", "gru")
LONGEST = 7
WIDTHS = (1, 8, 16)
TWINNED = 4  # lanes that the twins, which are slow, are asked about
RATES = (0.5, 1.0, 0.0, 0.3)


@lru_cache(maxsize=None)
def files():
    """By name; the template as a learner called plain_rule."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "plain_rule.py"
    path.write_text(TEMPLATE.read_text(encoding="utf-8").replace("my_rule", "plain_rule"), encoding="utf-8")
    return {"plain_rule": path} | {name: EXAMPLES / f"{name}.py" for name in NAMES if name != "plain_rule"}


def in_use(*names):
    """In here the registry knows these examples, and before and after it does not: other tests ask it for all names."""
    known = mock.patch.dict(registry._given)
    known.start()
    for name in names or NAMES:
        registry.add(files()[name])
    return known


def _loaded():
    known = in_use()
    found = {name: registry.learner(name) for name in NAMES}
    known.stop()
    return found


MODULES = _loaded()


class Case(NamedTuple):
    name: str
    settings: Any
    interface: Interface
    width: int = 8

    @property
    def module(self):
        return MODULES[self.name]


def case(name, interface, width=8, **others):
    usual = {"name": name, "init": 0.8, "learning_rate": 0.5, "precision": "float64"}
    return Case(name, MODULES[name].Settings(**usual | others), interface, width)


def at_end(n_in, n_out, **others):
    return Interface(n_in, n_out, LONGEST, **others)


def every_step(n_in, n_out, **others):
    return Interface(n_in, n_out, LONGEST, every_step=True, **others)


BY_INDEX, SINGLE, LINEAR = {"input_symbols": True}, {"precision": "float32"}, {"output": "linear"}
NO_GATES, STEP = {"sees": "no gates"}, {"update": "step"}
BLOCKS, ONE_BLOCK = {"blocks": 2, "size": 2}, {"blocks": 1, "size": 3}

# Compiled, and in plain Python.
COMPILED = {
    "plain, every step, symbols, single": case("plain_rule", every_step(5, 2, **BY_INDEX), 16, hidden=2, **SINGLE),
    "forget, at end, symbols, single": case(
        "forget_lstm", at_end(4, 2, **BY_INDEX), 16, biased="gates", **NO_GATES, **ONE_BLOCK, **SINGLE
    ),
    "gru, at end": case("gru", at_end(2, 1), hidden=3, biased="all"),
}
NETS = COMPILED | {
    "plain, at end": case("plain_rule", at_end(2, 1), hidden=3),
    "plain, every step": case("plain_rule", every_step(3, 2), hidden=1),
    "plain, symbols": case("plain_rule", at_end(4, 2, **BY_INDEX), hidden=2),
    "forget, every step": case("forget_lstm", every_step(2, 2), biased="all", **BLOCKS),
    "forget, at end": case("forget_lstm", at_end(3, 1), biased="gates+outputs", h="identity", **ONE_BLOCK),
    "forget, at end, linear": case("forget_lstm", at_end(2, 2), biased="hidden", g=(-1.0, 1.0), **LINEAR, **BLOCKS),
    "forget, symbols": case("forget_lstm", every_step(4, 4, **BY_INDEX), biased="cells+outputs", **NO_GATES, **BLOCKS),
    "forget, step": case("forget_lstm", every_step(2, 1), biased="none", **STEP, **ONE_BLOCK),
    "forget, step, symbols": case(
        "forget_lstm", every_step(3, 3, **BY_INDEX), biased="cells", h=(0.0, 2.0), **STEP, **NO_GATES, **BLOCKS
    ),
    "gru, every step, symbols, single": case(
        "gru", every_step(4, 2, **BY_INDEX), 16, hidden=2, biased="none", **LINEAR, **SINGLE
    ),
    "gru, every step": case("gru", every_step(2, 2), hidden=2, biased="all"),
    "gru, at end, linear": case("gru", at_end(1, 2), hidden=3, biased="none", **LINEAR),
    "gru, symbols": case("gru", every_step(3, 3, **BY_INDEX), hidden=1, biased="all", **LINEAR),
}


def course(net):
    """Lessons of each lane, whatever their number: training and test sequences, of different lengths."""
    lanes = []
    for lane in range(net.width):
        rng, rate = np.random.default_rng([11, lane]), RATES[lane % 4]
        lessons = random_lessons(rng, net.interface, 3, rate, (1, LONGEST + 1))
        lessons[1:1] = random_lessons(rng, net.interface, 1, 0.0, (2, LONGEST + 1))
        lessons += random_lessons(rng, net.interface, 1, rate, (LONGEST, LONGEST + 1))
        lanes.append(lessons)
    return lanes


def taught(net):
    """What comes of the course: weights, answers and errors of each lane."""
    start = fresh_net(net.module, *net[1:])
    return outcome(net.module, net.settings, net.interface, start, course(net))


def for_twin(net, lesson):
    """Inputs and targets as the twins have them."""
    x = np.eye(net.interface.n_in)[lesson.x] if net.interface.input_symbols else lesson.x
    return x, [None] * (len(x) - len(lesson.targets)) + list(lesson.targets)


def design(net):
    """The net of forget gates, as its twin calls it."""
    s = net.settings
    return forget_twin.Design(
        net.interface.n_in, net.interface.n_out, s.blocks, s.size,
        gates_biased=s.biased in ("gates", "hidden", "gates+outputs", "all"),
        cells_biased=s.biased in ("cells", "hidden", "cells+outputs", "all"),
        outputs_biased=s.biased in ("outputs", "gates+outputs", "cells+outputs", "all"),
        g=s.g, h=None if s.h == "identity" else s.h, linear=s.output == "linear",
        sees_gates=s.sees == "everything", per_step=s.update == "step",
    )  # fmt: skip


def row_lengths(net):
    """How many weights each unit has."""
    n_in, n_out = net.interface[:2]
    if net.name == "forget_lstm":
        return design(net).row_lengths()
    n = net.settings.hidden
    if net.name == "plain_rule":
        return [n_in + n + 1] * n + [n + 1] * n_out
    biased = net.settings.biased == "all"
    return [n_in + n + biased] * (3 * n) + [n + biased] * n_out


def rows_of(net, numbers):
    return np.split(np.array(numbers, float), np.cumsum(row_lengths(net))[:-1])


def loss(net, rows, lesson):
    """By the twin; not of the plain rule, which descends none."""
    if net.name == "gru":
        return gru_twin.loss(net.settings.hidden, net.settings.output == "linear", rows, *for_twin(net, lesson))
    return forget_twin.loss(design(net), rows, *for_twin(net, lesson))


def learn(net, rows, lesson):
    """New rows and answers, by the twin."""
    given = (*for_twin(net, lesson), lesson.rate)
    if net.name == "plain_rule":
        return plain_twin.learn(net.settings.hidden, rows, *given)
    if net.name == "gru":
        return gru_twin.learn(net.settings.hidden, net.settings.output == "linear", rows, *given)
    return forget_twin.learn(design(net), rows, *given)


def start_rows(net, lane, seed=0):
    start = fresh_net(net.module, *net[1:], seed=seed)
    return rows_of(net, np.concatenate(net.module.weights(net.settings, start, net.interface, lane)))


def single_lesson(net):
    return random_lessons(np.random.default_rng(21), net.interface, 1, 1.0, (LONGEST, LONGEST + 1))[0]


def one_update(net):
    """Weights before and after a sequence that is learnt at rate 1."""
    net = net._replace(width=1)
    start = fresh_net(net.module, *net[1:], seed=5)
    before = np.concatenate(net.module.weights(net.settings, start, net.interface, 0))
    give(net.module, net.settings, net.interface, start, [[single_lesson(net)]])
    return before, np.concatenate(net.module.weights(net.settings, start, net.interface, 0))


def written_out(net):
    """What comes of the course if inputs that are given by their index are written out."""
    dense = net._replace(interface=net.interface._replace(input_symbols=False))
    lanes = [[lesson._replace(x=np.eye(net.interface.n_in)[lesson.x]) for lesson in lessons] for lessons in course(net)]
    return outcome(net.module, net.settings, dense.interface, fresh_net(net.module, *dense[1:]), lanes)


# -------------------------------------------------------------------------------------------------------------- trials

TASK = {  # an input of 1 or of -1 for ten time steps, and the class is to be told: one unit could do it
    "name": "two_sequence", "length": 10, "informative": 10, "variance": 0.0, "noisy_signal": False,
    "targets": [0.9, 0.1],
}  # fmt: skip
EASY = {
    "plain_rule": {"hidden": 2, "init": 0.3, "learning_rate": 3.0},
    "forget_lstm": {"blocks": 1, "size": 1, "biased": "all", "init": 0.3, "learning_rate": 2.0},
    "gru": {"hidden": 2, "biased": "all", "init": 0.3, "learning_rate": 1.0},
}
STOP = {"window": 10, "tolerance": 0.3, "max_sequences": 600, "test_sequences": 3}
STAGE = {"name": "learnt", "max_wrong": 0}


def condition_of(name, **stop):
    """A condition for an example, which has to be in use."""
    task = registry.task(TASK["name"])
    groups = {
        "task": task.Settings.model_validate(TASK),
        "learner": MODULES[name].Settings.model_validate({"name": name, **EASY[name]}),
        "stop": Stop.model_validate({**STOP, **stop, "stages": (STAGE,)}),
    }
    return Condition.of("made", "made/up", config.PRINTED, groups)


def records_of(name, width):
    events = crew.run(condition_of(name), range(3), width)
    found = [result(event) for event in events if not isinstance(event, crew.Progress)]
    return sorted(found, key=lambda record: record["trial"])


def all_results():
    """All that the tests ask, in plain Python."""
    found: dict[Any, Any] = {}
    for name, net in NETS.items():
        found[name] = {width: taught(net._replace(width=width)) for width in WIDTHS}
        found[name]["update"] = one_update(net)
        if net.interface.input_symbols:
            found[name]["written out"] = written_out(net)
    known = in_use()
    for name in NAMES:
        found[name] = [records_of(name, width) for width in WIDTHS]
    known.stop()
    return found
