"""The errors of each lane's current sequence: how far its outputs are from the targets, in training and in tests."""

from typing import Any, NamedTuple

import numpy as np

from repro.kernels.contract import Interface, Learner, Task
from repro.kernels.jit import kernel
from repro.kernels.lanes import loader, maximum, store


class Tally(NamedTuple):
    """The errors of each lane's current sequence, summed over its time steps; arrays of shape (lanes,)."""

    absolute: Any  # mean |error| of the outputs
    square: Any  # mean squared error
    worst: Any  # the most that they were wrong by, at time steps that are judged
    latest: Any  # how wrong they were at the latest time step, where all are judged
    before: Any  # and at the one before


class Account(NamedTuple):
    """What keeps a tally, as compiled functions."""

    clear: Any  # (tally, lane): a sequence begins in a lane
    add: Any  # (state, tally, net): targets, outputs and their errors of a time step, all lanes


def build(task: Task, learner: Learner, interface: Interface, width: int) -> Account:
    """Compile for ``width`` lanes."""
    set_target, respond, assess, judge = task.target, learner.respond, learner.assess, task.judge
    every_step, judged_at_end = interface.every_step, interface.judged_at_end
    load = loader(width)

    if judge is None:

        @kernel
        def judge(state, net):
            return load(net.worst)

    @kernel
    def clear(tally, lane):
        """A sequence begins: nothing is summed up, and nothing was wrong yet."""
        tally.absolute[lane] = 0
        tally.square[lane] = 0
        tally.worst[lane] = -np.inf
        tally.latest[lane] = -np.inf

    @kernel
    def add(state, tally, net):
        """Add the errors of a time step, all lanes; if only the end has a target, its errors stand alone."""
        set_target(state, net)
        respond(net)
        assess(net)
        worst = judge(state, net)
        if every_step:
            store(tally.absolute, load(tally.absolute) + load(net.absolute))
            store(tally.square, load(tally.square) + load(net.square))
            if judged_at_end:
                store(tally.worst, worst)
            else:
                store(tally.worst, maximum(load(tally.worst), worst))
                store(tally.before, load(tally.latest))
                store(tally.latest, worst)
        else:
            store(tally.absolute, load(net.absolute))
            store(tally.square, load(net.square))
            store(tally.worst, worst)

    return Account(clear, add)
