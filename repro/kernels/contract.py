"""What the training loop asks of a task and of a learner: compiled functions over their own arrays.

The arrays are NamedTuples that a task or learner declares for itself; each array has the lanes as its last axis.
"""

from typing import Any, NamedTuple


class Interface(NamedTuple):
    """What a task looks like to a learner, and to the training loop."""

    n_in: int
    n_out: int
    longest: int  # time steps of the longest sequence
    input_symbols: bool = False  # inputs are one-hot, and given by their index in net.symbol
    target_symbols: bool = False  # so are targets, in net.goal
    every_step: bool = False  # there is a target at every time step, not only at the end of a sequence
    judged_at_end: bool = True  # only the last time step decides whether a sequence is right


class Task(NamedTuple):
    """Sequences, one in each lane."""

    begin: Any  # (state, stream, lane, number): draw a sequence for one lane, return its time steps, at least 1;
    # number is -1 in training, else counts the sequences of a test from 0
    present: Any  # (state, stream, net): the inputs of one time step into net.source[:n_in] or net.symbol, all lanes
    target: Any  # (state, net): what the outputs should be, into net.target or net.goal, all lanes
    judge: Any = None  # (state, net): how wrong the outputs are, a vector; None: the largest |error| of the outputs


class Learner(NamedTuple):
    """Nets, one in each lane.

    Their arrays have fields ``source`` (or ``symbol``), ``y_k``, ``target`` (or ``goal``), ``rate``, and ``absolute``,
    ``square`` and ``worst``.
    """

    step: Any  # (net): one time step of all lanes; the task has put the inputs into net
    respond: Any  # (net): the outputs of all lanes into net.y_k
    assess: Any  # (net): mean |error|, mean squared error and largest |error| of the outputs, all lanes
    learn: Any  # (net): learn from net.target in the lanes whose net.rate is not 0
    settle: Any  # (net, lane, mean_error): a training sequence has ended; mean_error is that of its time steps
    reset: Any  # (net, lane): forget the sequence
    finite: Any  # (net, lane): are all weights finite
