"""What the training loop asks of a task and of a learner: compiled functions over their own arrays.

The arrays of a task, its ``state``, and those of a learner, its ``net``, are NamedTuples that it declares for itself;
what is in them may be NamedTuples again. Each array has the lanes as its last axis, of length ``width``. Whatever a
trial is stands in its lane: a trial that moves to another crew is copied from there, array by array.

Task, learner and training loop meet in these fields of a net. Real numbers are of the learner's ``precision``::

    source  (n_in + ..., width)   inputs, written by the task; what follows them is the learner's own
    symbol  (width,) uint32       in its place, with input_symbols: the index of the one input that is 1
    target  (n_out, width)        what the outputs should be, written by the task
    goal    (width,) uint32       in its place, with target_symbols: the index of the one target that is 1
    y_k     (n_out, width)        outputs; with target_symbols there may be padding behind them
    rate    (width,)              learning rate, written by the training loop; 0 in lanes that do not learn now
    absolute, square, worst  (width,)   mean |error|, mean squared error and largest |error| of the outputs

The training loop (`kernels.driver`) calls, in this order::

    where a sequence begins, in its lane
        reset     the net forgets the sequence before
        begin     the task draws a sequence
    at each time step, in all lanes
        present   the task shows the inputs
        step      the hidden units are computed, from the inputs and from what they were a time step ago
    after that, at each time step if every_step, else where the sequence of any lane ends; in all lanes
        target    the task shows what the outputs should be
        respond   the outputs are computed
        assess    so are their errors
        judge     how wrong the outputs are to the task: this decides whether a sequence is right
        learn     weights change, or what their change will be is kept; in lanes whose rate is not 0
    where a sequence ends, in its lane
        settle    what has waited for the end of a training sequence is done
        finite    are all weights finite: asked now and then, and before a trial passes a stage or reaches its limit

Words of the modules that do it::

    lane      a place for a trial, side by side with others: an index of the last axis
    crew      the trials of one condition that run side by side, one in each lane
    tally     the errors of each lane's current sequence (`kernels.tallies`)
    book      what is counted and noted of each lane's trial (`kernels.stop_rule`)
    carry     part of step: derivatives of the time step before become those of this one
    keep      part of step, its end: a learning rule notes what it will need of this time step
    aim       part of respond: targets go into an array of the output layer, long before assess reads them
    descend   part of learn: from the errors at the outputs to changes of weights, and to the errors that go back
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
    """Nets, one in each lane."""

    step: Any  # (net): one time step of all lanes; the task has put the inputs into net
    respond: Any  # (net): the outputs of all lanes into net.y_k
    assess: Any  # (net): mean |error|, mean squared error and largest |error| of the outputs, all lanes
    learn: Any  # (net): learn from net.target in the lanes whose net.rate is not 0
    settle: Any  # (net, lane, mean_error): a training sequence has ended; mean_error is that of its time steps
    reset: Any  # (net, lane): forget the sequence
    finite: Any  # (net, lane): are all weights finite
