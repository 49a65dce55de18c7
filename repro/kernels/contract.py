"""What the training loop asks of a task and of a learner: compiled functions over their own arrays.

The arrays are NamedTuples that a task or learner declares for itself; each array has the lanes as its last axis.
"""

from typing import Any, NamedTuple


class Task(NamedTuple):
    """Sequences, one in each lane."""

    begin: Any  # (state, stream, lane): draw a new sequence for one lane; its length in time steps, at least 1
    present: Any  # (state, stream, source): the inputs of one time step into source[:n_in], all lanes
    target: Any  # (state, lane, target): what the outputs should be at the end of the sequence


class Learner(NamedTuple):
    """Nets, one in each lane. Its arrays have fields ``source``, ``y_k``, ``target`` and ``rate``."""

    step: Any  # (net): one time step of all lanes; the task has put the inputs into net.source
    respond: Any  # (net): the outputs of all lanes, into net.y_k
    learn: Any  # (net): update the weights of the lanes whose net.rate is not 0, towards net.target
    reset: Any  # (net, lane): forget the sequence
    finite: Any  # (net, lane): are all weights finite
