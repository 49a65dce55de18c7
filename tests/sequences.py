"""Plays the tasks' compiled functions as the training loop does, and keeps what the net would see."""

from functools import lru_cache
from typing import Any, NamedTuple

import numba
import numpy as np
from twins import chi_square_deviation, compiled
from twins.random import Stream

from repro.kernels import maths, random
from repro.kernels.lanes import zeros
from repro.tasks import adding, long_lag, reber, temporal_order, two_sequence

WIDTH = 8
ROUNDING = {"float32": 2.0**-24, "float64": 0.0}  # of a target that is at most 1

# Settings that are read from arrays: kernels that differ in nothing else are one kernel, and are compiled once here.
AT_RUN_TIME = {
    adding: {"length": 100},
    long_lag: {"p": 10, "judged": "end"},
    reber: {"pairs": 1, "distinct_test": False},
    temporal_order: {},
    two_sequence: {"length": 100, "longest": None, "informative": 3},
}


class Net(NamedTuple):
    """What tasks write to, each with the lanes as its last axis; all views of one block, so as to be copied at once."""

    source: np.ndarray  # (inputs + 1,); the last row is not the task's
    symbol: np.ndarray  # ()
    target: np.ndarray  # (outputs + 1,); likewise
    goal: np.ndarray  # ()


class Sequence(NamedTuple):
    inputs: np.ndarray  # (steps, inputs), or the symbols (steps,)
    targets: np.ndarray  # (steps, outputs), or the symbols (steps,); of the last step alone if there are no others


class Played(NamedTuple):
    lanes: list[list[Sequence]]  # for each lane, all sequences that it has finished
    streams: np.ndarray  # (4, lanes) first states
    streams_after: np.ndarray  # (4, lanes)
    pairs: np.ndarray  # (4, lanes) first states of the streams of the pairs

    def all(self) -> list[Sequence]:
        return [sequence for lane in self.lanes for sequence in lane]


def net_of(block: np.ndarray, interface: Any, precision: str) -> Net:
    """A block of bytes as a net; further axes of the block come first."""
    fields, start, before = [], 0, block.shape[:-1]
    for n_rows, dtype in block_rows(interface, precision):
        end = start + n_rows * WIDTH * np.dtype(dtype).itemsize
        rows = block[..., start:end].view(dtype).reshape(*before, n_rows, WIDTH)
        fields.append(rows if dtype == precision else rows[..., 0, :])
        start = end
    return Net(*fields)


def block_rows(interface: Any, precision: str) -> list[tuple[int, str]]:
    n_in, n_out = not interface.input_symbols and interface.n_in, not interface.target_symbols and interface.n_out
    return [(n_in + 1, precision), (1, "uint32"), (n_out + 1, precision), (1, "uint32")]


def play_kernel(module: Any, settings: Any, precision: str) -> Any:
    """A function that lets every lane begin a new sequence whenever its last has ended, so many times."""
    task, every_step = module.build(settings, WIDTH, precision), module.interface(settings).every_step
    begin, present, set_target = task.begin, task.present, task.target

    @compiled
    def play(state, streams, net, block, log, ends, lanes):
        for t in range(len(log)):
            for lane in range(WIDTH):
                if lanes[0, lane] == 0 and lanes[1, lane] > 0:
                    number = lanes[2, lane]
                    lanes[0, lane] = begin(state, streams, lane, number)
                    lanes[1, lane] -= 1
                    if number >= 0:
                        lanes[2, lane] = number + 1
            present(state, streams, net)
            react = every_step
            for lane in range(WIDTH):
                if lanes[0, lane] > 0:
                    lanes[0, lane] -= 1
                    ends[t, lane] = lanes[0, lane] == 0
                    react |= ends[t, lane]
            if react:
                set_target(state, net)
            for i in range(len(block)):
                log[t, i] = block[i]

    return play


@lru_cache(maxsize=None)
def _compiled_play(module: Any, settings: Any, precision: str) -> Any:
    return play_kernel(module, settings, precision)


def play(
    module: Any,
    settings: Any,
    n_ticks: int,
    seed: int,
    precision: str = "float32",
    *,
    testing: bool = False,
    to_begin: Any = 10**9,
    kernel: Any = None,
) -> Played:
    """Sequences of ``n_ticks`` time steps; those of a test, counted from 0, if ``testing``.

    ``to_begin`` is how many sequences each lane begins. One that begins none idles, its stream all ones, like those of
    `driver.allocate`.
    """
    interface = module.interface(settings)
    rng = np.random.default_rng(seed)
    streams, pairs = zeros((4,), WIDTH, np.uint32), zeros((4,), WIDTH, np.uint32)
    for states in (streams, pairs):
        states[:] = rng.integers(0, 2**32, (4, WIDTH), dtype=np.uint32)
    lanes = np.zeros((3, WIDTH), np.int64)
    lanes[1] = to_begin
    lanes[2] = 0 if testing else -1
    streams[:, lanes[1] == 0] = 1
    first_streams = streams.copy()
    state = module.allocate(settings, WIDTH, precision)
    if hasattr(module, "prepare"):
        for lane in np.flatnonzero(lanes[1]):
            module.prepare(settings, state, lane, random.whole(pairs[:, lane : lane + 1].copy()))
    size = sum(n_rows * WIDTH * np.dtype(dtype).itemsize for n_rows, dtype in block_rows(interface, precision))
    block, log = zeros((), size, np.uint8), zeros((n_ticks,), size, np.uint8)
    net = net_of(block, interface, precision)
    net.source[-1] = net.target[-1] = 7
    ends = np.zeros((n_ticks, WIDTH), bool)
    if kernel is None:
        at_run_time = AT_RUN_TIME[module] | ({"q": 10} if getattr(settings, "q", None) else {})
        kernel = _compiled_play(module, settings.model_copy(update=at_run_time), precision)
    kernel(state, streams, net, block.view(np.uint64), log.view(np.uint64), ends, lanes)
    seen = net_of(log, interface, precision)
    assert (seen.source[:, -1] == 7).all()
    assert (seen.target[:, -1] == 7).all()
    inputs = seen.symbol if interface.input_symbols else seen.source[:, :-1]
    targets = seen.goal if interface.target_symbols else seen.target[:, :-1]
    found: list[list[Sequence]] = [[] for _ in range(WIDTH)]
    for lane in range(WIDTH):
        first = 0
        for last in np.flatnonzero(ends[:, lane]):
            known = slice(first if interface.every_step else last, last + 1)
            found[lane].append(Sequence(inputs[first : last + 1, ..., lane], targets[known, ..., lane]))
            first = last + 1
    return Played(found, first_streams, streams, pairs)


def without_jit(monkeypatch: Any) -> None:
    """What is built from now on in this test is plain Python."""
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    for module, name in ((random, "draw"), (random, "below"), (maths, "identity")):
        monkeypatch.setattr(module, name, getattr(module, name).py_func)


def check_against_twin(module, settings, twin_sequence, n_ticks, seed, precision="float32", **how):
    """Every number of every sequence; the number of sequences compared.

    ``twin_sequence(stream)`` gives lists of inputs and of targets, at each time step or at the last one alone.
    """
    played = play(module, settings, n_ticks, seed, precision, **how)
    for lane, sequences in enumerate(played.lanes):
        stream = Stream(played.streams[:, lane])
        for sequence in sequences:
            inputs, targets = twin_sequence(stream)
            assert len(sequence.inputs) == len(inputs)
            exact = np.array([[float(x) for x in element] for element in inputs])
            assert (exact.astype(precision) == exact).all()  # the twin's numbers need no rounding
            assert sequence.inputs.tolist() == exact.tolist()
            wanted = np.array([[float(x) for x in element] for element in targets])
            assert sequence.targets.shape == wanted.shape
            assert np.abs(sequence.targets - wanted).max() <= ROUNDING[precision]
    return sum(len(sequences) for sequences in played.lanes)


@lru_cache(maxsize=None)
def many(module, settings, n_ticks=250_000, testing=False, precision="float32"):
    """Some 19,000 sequences, if they are of length 100 to 110."""
    return play(module, settings, n_ticks, 17, precision, testing=testing).all()


def check_lengths(sequences, shortest, longest):
    """Uniform from shortest to longest."""
    lengths = np.array([len(sequence.inputs) for sequence in sequences])
    assert lengths.min() == shortest
    assert lengths.max() == longest
    # The few sequences that were under way at the end are missing, rather long ones than short ones.
    assert abs(chi_square_deviation(np.bincount(lengths - shortest, minlength=longest - shortest + 1))) < 4


def share_deviation(count, n, share):
    """How many standard deviations ``count`` of ``n`` is above the expected ``share``."""
    return (count - n * share) / (n * share * (1 - share)) ** 0.5
