"""Plays sequences to a net that does not learn, and tallies its errors as the training loop does in a test."""

from typing import Any

from repro.kernels import tallies
from repro.kernels.contract import Interface, Learner, Task
from repro.kernels.jit import entry


def build(task: Task, learner: Learner, interface: Interface) -> Any:
    """Compile ``play(number, n, state, stream, net, tally)`` for one lane."""
    begin, present, step, reset = task.begin, task.present, learner.step, learner.reset
    clear, add_errors = tallies.build(task, learner, interface, 1)

    def play(number, n, state, stream, net, tally):
        """Begin a sequence, if its number is not negative, and go on for n time steps; the sequence's time steps.

        At its end the tally is what the training loop's would be. Outputs are there at every time step.
        """
        length = 0
        if number >= 0:
            reset(net, 0)
            length = begin(state, stream, 0, number)
            clear(tally, 0)
        for _ in range(n):
            present(state, stream, net)
            step(net)
            add_errors(state, tally, net)
        return length

    return entry(play)
