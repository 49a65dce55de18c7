"""LSTM nets to be tested, their twins, and lessons that both are given."""

from itertools import product
from typing import NamedTuple

import numpy as np
from lessons import Lesson, fresh_net, give, outcome, random_lessons
from twins import lstm as twin

from repro.kernels.contract import Interface
from repro.learners import lstm

LONGEST = 9


class Case(NamedTuple):
    settings: lstm.Settings
    interface: Interface
    width: int = 4


def settings(blocks, size, biased, **others):
    usual = {"name": "lstm", "init": 0.8, "learning_rate": 0.5, "precision": "float64"}
    return lstm.Settings(**usual | {"blocks": blocks, "size": size, "biased": biased} | others)


def at_end(n_in, n_out, **others):
    """With a target at the end of a sequence."""
    return Interface(n_in, n_out, LONGEST, **others)


def every_step(n_in, n_out, **others):
    return Interface(n_in, n_out, LONGEST, every_step=True, **others)


BY_INDEX = {"input_symbols": True}
STEP, CURRENT, FULL = {"update": "step"}, {"cells_see_gates": "current"}, {"gradient": "full"}
SINGLE = {"precision": "float32"}
OUTPUTS_LEARN = {"biased": "gates+outputs", "train_biases": "outputs"}
LATE, BEHIND, HALF = {"update": "late"}, {"outputs_see": "previous"}, {"start": 0.5}


def seeing(gates, cells):
    """What gates and cells see."""
    return {"gates_see": gates, "cells_see": cells}


# Compiled, and in plain Python.
COMPILED = {
    "exp4": Case(settings(2, 2, "all"), at_end(2, 1)),
    "step, 7 symbols, single": Case(settings(1, 2, "gates", **STEP, **SINGLE), every_step(7, 7, **BY_INDEX)),
    "current, 33 symbols, 16 lanes": Case(
        settings(2, 1, "hidden", h="identity", **CURRENT), every_step(33, 2, **BY_INDEX), width=16
    ),
    "seeing less, late, behind, half": Case(
        settings(2, 2, "cells+outputs", **seeing("no gates", "inputs"), **LATE, **BEHIND, **HALF), every_step(3, 2)
    ),
    "full, seeing less, late, behind, half": Case(
        settings(2, 2, "all", **seeing("inputs", "no gates"), **FULL, **LATE, **BEHIND, **HALF), every_step(3, 2)
    ),
    "full, current, 17 symbols, 1 lane, single": Case(
        settings(1, 2, **OUTPUTS_LEARN, **FULL, **CURRENT, **SINGLE), at_end(17, 2, **BY_INDEX), width=1
    ),
}


def _others():
    """All ways to learn, with the other options in turn."""
    ways = {
        "at end": (at_end, {}),
        "step": (every_step, STEP),
        "sequence": (every_step, {}),
        "full": (at_end, FULL),
        "full, every step": (every_step, FULL),
    }
    kinds = ("all", "gates+outputs", "hidden", "gates", "none")
    biases = [(kind, trained) for trained in (True, "outputs", True, False) for kind in kinds]
    others = [
        {},
        {"h": "identity"},
        {"output_error": "plain"},
        {"g": (0.0, 1.0), "h": (-0.5, 1.5)},
        {"output": "linear"},
        {"error_factor": 2},  # is in the rate that the training loop sets
        {"output": "linear", "output_error": "plain"},
    ]
    sizes = [(2, 2, 2, 2), (1, 3, 3, 1), (3, 1, 1, 3), (1, 1, 16, 2), (2, 1, 17, 2)]  # blocks, size, inputs, outputs
    n = 0
    for (way, (interface, more)), index, gates in product(ways.items(), (False, True), ("previous", "current")):
        for j in (1, 2):
            kind, trained = biases[n % len(biases)]
            blocks, size, n_in, n_out = sizes[n * 2 % len(sizes)]
            config = settings(
                blocks, size, kind, train_biases=trained, cells_see_gates=gates, **more, **others[n % len(others)]
            )
            name = f"{way}, {'index' if index else 'dense'}, {gates}, {j}"
            yield name, Case(config, interface(n_in, n_out, input_symbols=index), width=(4, 1)[j - 1])
            n += 3


def _less():
    """What is seen, when weights change, where sequences start: each with the others in turn."""
    ways = [
        (at_end, {}), (every_step, STEP), (every_step, {}), (at_end, LATE), (every_step, LATE), (at_end, FULL),
        (every_step, FULL), (every_step, FULL | LATE), (at_end, FULL | LATE),
    ]  # fmt: skip
    sights = [seeing("everything", "no gates"), seeing("no gates", "everything"), seeing("inputs", "everything"),
              seeing("no gates", "no gates"), seeing("everything", "inputs"), {}]  # fmt: skip
    kinds = ["cells", "outputs", "cells+outputs", "hidden", "all", "gates", "none"]
    trained = [True, "cells", "gates", "outputs", "hidden", False, "cells+outputs", "none"]
    n = 0
    for (interface, way), index in product(ways, (False, True)):
        for more in ({}, BEHIND, HALF, BEHIND | HALF):
            if more == {} and n % 3:
                n += 1
                continue
            config = settings(
                *((2, 2), (1, 3), (3, 1))[n % 3], kinds[n % 7], train_biases=trained[n % 8], **sights[n % 6],
                **way, **more, h="identity" if n % 5 == 0 else (-1.0, 1.0),
            )  # fmt: skip
            yield f"less {n}", Case(config, interface((2, 17)[index], 2, input_symbols=index), width=(4, 1)[n % 2])
            n += 1


NETS = COMPILED | {
    "step, 7 symbols": Case(settings(2, 2, "gates", **STEP), every_step(7, 7, **BY_INDEX)),
    "step, current": Case(settings(2, 2, **OUTPUTS_LEARN, **STEP, **CURRENT), every_step(3, 2)),
    "full, every step, current": Case(settings(2, 2, **OUTPUTS_LEARN, **FULL, **CURRENT), every_step(3, 2)),
    "seeing inputs, 17 symbols, late, behind": Case(
        settings(2, 1, "outputs", **seeing("inputs", "inputs"), **LATE, **BEHIND), at_end(17, 2, **BY_INDEX)
    ),
    "exp6b": Case(settings(3, 2, "all"), at_end(8, 8)),
    "exp1": Case(settings(3, 2, "gates", **STEP), every_step(7, 7, **BY_INDEX)),
    "exp3": Case(settings(3, 1, "hidden"), at_end(1, 1)),
    "exp2c": Case(settings(2, 1, "none", **STEP), at_end(6, 2, **BY_INDEX)),
    "full, 17 symbols, 1 lane": Case(settings(1, 2, "all", **FULL), at_end(17, 2, **BY_INDEX), width=1),
    **dict(_others()),
    **dict(_less()),
}


def design(case):
    """The same net, as the twin calls it."""
    config, interface, _ = case
    return twin.Design(
        interface.n_in,
        interface.n_out,
        config.blocks,
        config.size,
        config.biased,
        config.g,
        None if config.h == "identity" else config.h,
        config.output == "linear",
        config.output_error == "plain",
        config.train_biases,
        config.cells_see_gates == "current",
        config.update == "step" and interface.every_step,
        config.gradient == "full",
        config.gates_see,
        config.cells_see,
        config.outputs_see == "previous",
        config.start,
        config.update == "late",
    )


def rows_of(case, net, lane):
    """One lane's weights as the twin has them."""
    return as_rows(case, np.concatenate(lstm.weights(case.settings, net, case.interface, lane)))


def as_rows(case, numbers):
    return np.split(np.array(numbers, float), np.cumsum(design(case).row_lengths())[:-1])


def start_rows(case, seed=0):
    """Initial weights of each lane."""
    net = fresh_net(lstm, *case, seed)
    return [rows_of(case, net, lane) for lane in range(case.width)]


def for_twin(case, lesson):
    """Inputs and targets as the twin has them."""
    x = np.eye(case.interface.n_in)[lesson.x] if case.interface.input_symbols else lesson.x
    return x, [None] * (len(x) - len(lesson.targets)) + list(lesson.targets)


def rates_of(case):
    usual = 0.1 if case.settings.output == "linear" else 0.5  # larger errors
    return [usual * (1.0, 2.0, 0.0, 0.3)[lane % 4] for lane in range(case.width)]


def course(case):
    """Lessons for all lanes; the ones that never learn have few, and idle on."""
    rng = np.random.default_rng(11)
    lanes = []
    n = 3 if case.settings.gradient == "full" or case.width > 4 else 5
    for rate in rates_of(case):
        lessons = random_lessons(rng, case.interface, n, rate, (1, LONGEST + 1))
        lessons[1:1] = random_lessons(rng, case.interface, 1, rate, (LONGEST, LONGEST + 1))
        lessons[3:3] = random_lessons(rng, case.interface, 1, 0.0, (2, LONGEST + 1))
        if case.settings.update == "late":  # what waits comes in all lanes, not only in those that idle on
            lessons += random_lessons(rng, case.interface, 1, 0.0, (2, LONGEST + 1))
        lanes.append(lessons if rate > 0 else lessons[1:3])
    return lanes


def taught(case):
    """What comes of the course: weights, answers and errors of each lane."""
    return outcome(lstm, case.settings, case.interface, fresh_net(lstm, *case), course(case))


def single_lesson(case):
    """A sequence for lane 0, learnt at rate 1."""
    return random_lessons(np.random.default_rng(21), case.interface, 1, 1.0, (LONGEST, LONGEST + 1))[0]


def one_update(case, forget=False):
    """Weights of lane 0 before and after that sequence; ``forget``: hidden units have no weights to each other."""
    net = fresh_net(lstm, *case, seed=5)
    if forget:
        first = 0 if case.interface.input_symbols else case.interface.n_in
        net.w[:, first : first + len(net.y)] = 0
    before = np.concatenate(lstm.weights(case.settings, net, case.interface, 0))
    lesson = single_lesson(case)
    others = [[Lesson(lesson.x, lesson.targets)]] * (case.width - 1)
    after = [lesson._replace(rate=0.0)] if case.settings.update == "late" else []  # the change comes with it
    give(lstm, case.settings, case.interface, net, [[lesson, *after], *others])
    return {"before": before, "after": np.concatenate(lstm.weights(case.settings, net, case.interface, 0))}


def all_results():
    """All that the tests ask of all nets."""
    return {
        name: {"taught": taught(case), "update": one_update(case), "forgetful update": one_update(case, forget=True)}
        for name, case in NETS.items()
    }
