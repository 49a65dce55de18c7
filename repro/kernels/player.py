"""Plays sequences to a net that does not learn, and tallies its errors as the training loop does in a test."""

from typing import Any

import numpy as np

from repro.kernels.contract import Interface, Learner, Task
from repro.kernels.jit import entry, kernel
from repro.kernels.lanes import loader, maximum, store


def build(task: Task, learner: Learner, interface: Interface) -> Any:
    """Compile ``play(number, n, state, stream, net, tally)`` for one lane."""
    begin, present, set_target, judge = task
    step, respond, assess, reset = learner.step, learner.respond, learner.assess, learner.reset
    every_step = interface.every_step
    judged_at_end = interface.judged_at_end or not every_step
    load = loader(1)

    if judge is None:

        @kernel
        def judge(state, net):
            return load(net.worst)

    def play(number, n, state, stream, net, tally):
        """Begin a sequence, if its number is not negative, and go on for n time steps; the sequence's time steps.

        At its end the tally is that of `driver`, but for the squares. Outputs are there at every time step.
        """
        length = 0
        if number >= 0:
            reset(net, 0)
            length = begin(state, stream, 0, number)
            tally.absolute[0] = 0
            tally.worst[0] = -np.inf
        for _ in range(n):
            present(state, stream, net)
            step(net)
            set_target(state, net)
            respond(net)
            assess(net)
            worst = judge(state, net)
            if every_step:
                store(tally.absolute, load(tally.absolute) + load(net.absolute))
            else:
                store(tally.absolute, load(net.absolute))
            if judged_at_end:
                store(tally.worst, worst)
            else:
                store(tally.worst, maximum(load(tally.worst), worst))
        return length

    return entry(play)
