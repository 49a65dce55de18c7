"""Nets of recurrent logistic units to be tested, their twins, and lessons that both are given."""

from itertools import product
from typing import Any, NamedTuple

import numpy as np
from lessons import fresh_net, give, outcome, random_lessons, weights_not_seen
from twins import recurrent as twin

from repro.kernels.contract import Interface
from repro.learners import bptt, elman, rtrl

LONGEST = 9
LEARNERS = {"rtrl": rtrl, "bptt": bptt, "elman": elman}


class Case(NamedTuple):
    settings: Any
    interface: Interface
    width: int = 4

    @property
    def learner(self):
        return LEARNERS[self.settings.name]

    @property
    def net(self):
        """Elman's nets are always layered."""
        return getattr(self.settings, "net", "layered")

    @property
    def single(self):
        return self.settings.precision == "float32"

    @property
    def per_step(self):
        """Do weights change before the end of a sequence?"""
        return getattr(self.settings, "update", "sequence") == "step" and self.interface.every_step


def settings(name, hidden, **others):
    usual = {"biased": "none", "direct": False, "init": 0.8, "learning_rate": 0.5, "precision": "float64"}
    return LEARNERS[name].Settings(**usual | {"name": name, "hidden": hidden} | others)


def task(kind, n_in, n_out, every_step=True):
    """``kind``: are inputs and targets dense (d) or given by their index (i)?"""
    return Interface(
        n_in, n_out, LONGEST, input_symbols=kind[0] == "i", target_symbols=kind[1] == "i", every_step=every_step
    )


LAYERED, FULL = {"net": "layered"}, {"net": "full"}
STEP, SEQUENCE = {"update": "step"}, {"update": "sequence"}
DIRECT, BIASED, SINGLE = {"direct": True}, {"biased": "all"}, {"precision": "float32"}
FORCING, REMEMBERS = {"teacher_forcing": True}, {"forgets": False}
BEHIND, HALF = {"outputs_see": "previous"}, {"start": 0.5}

# Compiled, and in plain Python.
COMPILED = {
    "rtrl, full, forcing": Case(settings("rtrl", 3, **FULL, **BIASED, **STEP, **FORCING), task("dd", 3, 2)),
    "rtrl, 16 lanes, single": Case(
        settings("rtrl", 3, **LAYERED, **BIASED, **SEQUENCE, **SINGLE), task("id", 7, 3), width=16
    ),
    "bptt, full, 1 lane, single": Case(
        settings("bptt", 3, **FULL, **BIASED, **SINGLE), task("dd", 3, 2, False), width=1
    ),
    "rtrl, behind, half": Case(settings("rtrl", 1, **LAYERED, **DIRECT, **STEP, **BEHIND, **HALF), task("ii", 5, 5)),
    "bptt, behind, half": Case(settings("bptt", 3, **LAYERED, **DIRECT, **BEHIND, **HALF), task("ii", 33, 33)),
    "elman, behind": Case(settings("elman", 15, **BIASED, **STEP, **BEHIND), task("dd", 3, 2), width=2),
}


def _others():
    """All ways to learn all kinds of nets, with sizes and the other options in turn. In plain Python alone."""
    ways = [("rtrl", STEP), ("rtrl", SEQUENCE), ("rtrl", STEP | REMEMBERS), ("bptt", {})]
    ways += [("elman", STEP), ("elman", SEQUENCE)]
    kinds = [("layered", "dd"), ("layered", "di"), ("layered", "id"), ("layered", "ii"), ("full", "dd"), ("full", "id")]
    sizes = [(1, 5, 5), (3, 4, 2), (8, 3, 1), (9, 2, 2), (2, 33, 3), (1, 3, 17), (3, 9, 4)]  # hidden, inputs, outputs
    n = 0
    for (name, way), (net, kind), every_step in product(ways, kinds, (True, False)):
        if name == "elman" and net == "full":
            continue
        if way == STEP | REMEMBERS and not every_step:
            continue
        hidden, n_in, n_out = sizes[n % len(sizes)]
        if net == "full" and n_out == 17:
            hidden, n_in, n_out = 7, 2, 2
        options = dict(way)
        if name != "elman":
            options["net"] = net
        if net == "layered" and n % 2 == 0:
            options |= DIRECT
        if net == "full" and name == "rtrl" and (n % 2 == 0 or way == STEP | REMEMBERS):
            options |= FORCING
        if n % 3 != 0:
            options |= BIASED
        title = ", ".join([name, *map(str, way.values()), net, kind, "every step" if every_step else "at end"])
        width = 1 if max(hidden, n_in, n_out) > 7 else (4, 1, 2)[n % 3]  # large nets take their time
        yield title, Case(settings(name, hidden, **options), task(kind, n_in, n_out, every_step), width)
        n += 1


def _behind():
    """Outputs that see the time step before, sequences that start from 1/2, and both. In plain Python alone.

    All ways to learn, with each of these, all kinds of tasks; the other options so that each meets each.
    """
    ways = [("rtrl", STEP), ("rtrl", SEQUENCE), ("bptt", {}), ("elman", STEP), ("elman", SEQUENCE)]
    sizes = [(1, 5, 5), (3, 4, 2), (2, 17, 3)]  # hidden, inputs, outputs
    factors = ways, (BEHIND, HALF, BEHIND | HALF), ("dd", "di", "id", "ii")
    for (a, (name, way)), (b, more), (c, kind) in product(*map(enumerate, factors)):
        options = way | more | ({}, DIRECT, BIASED, DIRECT | BIASED)[(a + b + c) % 4]
        if name != "elman":
            options |= LAYERED
        hidden, n_in, n_out = sizes[(b + c) % 3]
        interface = task(kind, n_in, n_out, every_step=(2 * a + b + c) % 5 != 0)
        title = ", ".join(["behind", name, *map(str, options.values()), kind])
        yield title, Case(settings(name, hidden, **options), interface, (4, 1)[(a + c) % 2])
    for n, ((name, way), kind) in enumerate(product(ways[:3], ("dd", "id"))):
        options = way | FULL | HALF | (BIASED if n % 2 else {}) | (FORCING if n in (0, 3) else {})
        title = ", ".join(["half", name, *map(str, options.values()), kind])
        yield title, Case(settings(name, 1 + n % 3, **options), task(kind, 3, 2), (4, 1)[n % 2])
    for net, kind in ((FULL, "dd"), (FULL | FORCING, "id"), (LAYERED, "ii")):
        options = STEP | REMEMBERS | HALF | net
        title = ", ".join(["half", *map(str, options.values()), kind])
        yield title, Case(settings("rtrl", 2, **options), task(kind, 3, 2))


NETS = (
    COMPILED
    | {
        "rtrl, 2a": Case(settings("rtrl", 1, **LAYERED, **DIRECT, **STEP), task("ii", 17, 17)),
        "bptt": Case(settings("bptt", 3, **LAYERED, **DIRECT), task("ii", 33, 33)),
        "elman": Case(settings("elman", 15, **STEP), task("ii", 7, 7), width=2),
    }
    | dict(_others())
    | dict(_behind())
)


def design(case):
    """The same net, as the twin calls it."""
    config, interface, _ = case
    return twin.Design(
        interface.n_in,
        interface.n_out,
        config.hidden,
        case.net == "full",
        getattr(config, "direct", False),
        config.biased == "all",
        config.name,
        case.per_step,
        getattr(config, "teacher_forcing", False),
        getattr(config, "forgets", True),
        config.outputs_see == "previous",
        config.start,
    )


def is_exact(case):
    """Is the change of the weights after a sequence the gradient of its loss?"""
    return case.settings.name != "elman" and not case.per_step


def weights_of(case, net, lane):
    return np.concatenate(case.learner.weights(case.settings, net, case.interface, lane))


def as_rows(case, numbers):
    return np.split(np.array(numbers, float), np.cumsum(design(case).row_lengths())[:-1])


def new_net(case, seed=0):
    return fresh_net(case.learner, *case, seed)


def teach(case, net, lanes):
    return give(case.learner, case.settings, case.interface, net, lanes)


def for_twin(case, lesson):
    """Inputs and targets as the twin has them."""
    x = np.eye(case.interface.n_in)[lesson.x] if case.interface.input_symbols else lesson.x
    targets = np.eye(case.interface.n_out)[lesson.targets] if case.interface.target_symbols else lesson.targets
    return x, [None] * (len(x) - len(targets)) + list(targets)


def rates_of(case):
    return [(0.5, 1.0, 0.0, 0.2)[lane % 4] for lane in range(case.width)]


def course(case):
    """Training sequences and a test sequence in between; the lane that never learns has few, and idles on."""
    rng = np.random.default_rng(11)
    lanes = []
    for rate in rates_of(case):
        lessons = random_lessons(rng, case.interface, 2 if case.width > 4 else 3, rate, (1, LONGEST + 1))
        lessons[1:1] = random_lessons(rng, case.interface, 1, rate, (LONGEST, LONGEST + 1))
        lessons[2:2] = random_lessons(rng, case.interface, 1, 0.0, (3, LONGEST + 1))
        lanes.append(lessons if rate > 0 else lessons[1:3])
    return lanes


def taught(case):
    """What comes of the course: weights, answers and errors of each lane."""
    return outcome(case.learner, case.settings, case.interface, new_net(case), course(case))


def single_lesson(case, steps=LONGEST):
    """A sequence for lane 0, learnt at rate 1."""
    return random_lessons(np.random.default_rng(21), case.interface, 1, 1.0, (steps, steps + 1))[0]


def one_update(case, steps=LONGEST):
    """Weights of lane 0 before and after that sequence."""
    net = new_net(case, seed=5)
    before, lesson = weights_of(case, net, 0), single_lesson(case, steps)
    others = [[lesson._replace(rate=0.0)]] * (case.width - 1)
    teach(case, net, [[lesson], *others])
    return {"before": before, "after": weights_of(case, net, 0)}


def with_rule(case, name, **options):
    """The same net, which learns otherwise."""
    same = {"hidden", "biased", "direct", "outputs_see", "start"}
    config = {**case.settings.model_dump(include=same), **options}
    if name != "elman":
        config["net"] = case.net
    return case._replace(settings=settings(name, **config))


def a_step_later(case):
    """Answers to a sequence and hidden units' weights after it, of the net whose outputs see the time step before; and
    of the ordinary one with the same weights, to which they come a time step sooner. A test has gone before.

    Outputs see hidden units alone, and weights change at the end: then that is all the difference there is.
    """
    found = {}
    for key, seen in (("behind", "previous"), ("ordinary", "current")):
        options = {"direct": False, "outputs_see": seen} | (SEQUENCE if case.settings.name != "bptt" else {})
        other = Case(case.settings.model_copy(update=options), case.interface._replace(every_step=True), width=1)
        net, lesson = new_net(other, seed=6), single_lesson(other)
        if key == "ordinary":
            lesson = lesson._replace(x=lesson.x[:-1], targets=lesson.targets[1:])
        rows = case.learner.weights(other.settings, net, other.interface, 0)[: case.settings.hidden]
        found[f"start {key}"] = np.concatenate(rows)
        found[key] = teach(other, net, [[lesson._replace(rate=0.0), lesson]])[0].answers[len(lesson.x) :]
        found[f"weights {key}"] = np.concatenate(rows)
    return found


def errors_with_bad_weights(case):
    """The mean |error| at the end of a sequence, if the weights of a unit are NaN: of the first and the last unit."""
    lesson = single_lesson(case, 2)._replace(rate=0.0)
    found = []
    for part in (0, -1):
        net = new_net(case)
        case.learner.weights(case.settings, net, case.interface, 0)[part][...] = np.nan
        found.append(teach(case, net, [[lesson]] * case.width)[0].errors[-1, 0])
    return found


def all_results():
    """All that the tests ask of all nets."""
    found = {}
    for name, case in NETS.items():
        found[name] = {
            "taught": taught(case),
            "update": one_update(case),
            "not seen": weights_not_seen(case.learner, case.settings, case.interface, new_net(case), 0, most=10),
            "bad errors": errors_with_bad_weights(case),
        }
        if design(case).behind:
            found[name]["a step later"] = a_step_later(case)
        if case.settings.name == "bptt":
            found[name]["by rtrl"] = one_update(with_rule(case, "rtrl", **SEQUENCE))
        if case.settings.name == "elman":
            steps = 2 if design(case).behind else 1  # hidden units do one
            found[name]["one step"] = one_update(case, steps)
            found[name]["one step by rtrl"] = one_update(with_rule(case, "rtrl", **SEQUENCE), steps)
    return found
