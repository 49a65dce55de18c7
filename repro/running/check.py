"""Is a learner or a task what the contract asks for? `repro check` tells, one claim after the other.

A learner is tried on an easy task, a task with a learner that takes it. The settings are small examples: those of the
project's own modules stand in `examples`, other modules have theirs as ``EXAMPLE``. What has to be the same to the bit
is compared by trials: in crews of 1, 8 and 16 lanes, and in a process of its own without the compiler (`bare`).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numba
import numpy as np
from pydantic import ValidationError

from repro import registry
from repro import settings as groups
from repro.experiments.condition import Condition
from repro.experiments.stop import Stop
from repro.kernels import random
from repro.kernels.contract import Interface
from repro.kernels.jit import entry
from repro.running import bare, crew, examples
from repro.running.bare import trials
from repro.running.examples import CLASSES, FOR_GUESSING, LEARNERS, SYMBOLS
from repro.running.uncompiled import explained

STOP = {
    "window": 10, "tolerance": 0.3, "max_sequences": 2000, "test_sequences": 3,
    "stages": [{"name": "learnt", "max_wrong": 0}],
}  # fmt: skip
_SOON = {**STOP, "max_sequences": 60, "stages": [{"name": "never", "max_wrong": 0, "mean_error": 1e-12}]}
WIDTHS = (1, 8, 16)
_TRIALS = 3
_INTERFACES = [
    Interface(n_in, n_out, 5, input_symbols=a, target_symbols=b, every_step=c, judged_at_end=d)
    for n_in, n_out in ((2, 1), (5, 5), (5, 2))
    for a in (False, True) for b in (False, True) for c in (False, True) for d in (False, True)
]  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """What came of one claim."""

    claim: str
    problem: str = ""  # none: it holds
    advice: str = ""  # what to do about it
    applies: bool = True


class _ClaimError(Exception):
    """A claim does not hold."""

    def __init__(self, problem: str, advice: str) -> None:
        super().__init__(problem)
        self.finding = problem, advice


Claim = tuple[str, Callable[["_Case"], object]]  # what is claimed, and what tries it: False where it does not apply


@dataclass(frozen=True)
class _Case:
    """A learner on a task, in small."""

    folder: str  # whose contract is looked at
    name: str
    task: Mapping[str, Any]
    learner: Mapping[str, Any]

    @property
    def module(self) -> Any:
        return registry.learner(str(self.learner["name"]))

    @property
    def settings(self) -> Any:
        return self.module.Settings.model_validate(self.learner)

    @property
    def interface(self) -> Interface:
        module: Any = registry.task(str(self.task["name"]))
        face: Interface = module.interface(module.Settings.model_validate(self.task))
        return face

    def condition(self, stop: Mapping[str, Any] = STOP, identity: Condition | None = None, **changes: Any) -> Condition:
        """As it is, or with other settings of the learner; with the random streams of another one, if given."""
        module: Any = registry.task(str(self.task["name"]))
        made = Condition.of(
            "check", f"check/{self.name}", "printed",
            {
                "task": module.Settings.model_validate(self.task),
                "learner": self.module.Settings.model_validate({**self.learner, **changes}),
                "stop": Stop.model_validate(stop),
            },
        )  # fmt: skip
        if identity is None:
            return made
        return Condition(made.experiment, made.row, made.reading, made.settings, identity.identity)

    def nets(self, width: int) -> Any:
        """Nets with weights of their own."""
        net = self.module.allocate(self.settings, self.interface, width)
        for lane in range(width):
            words = np.array([[1], [2], [3], [4 + lane]], np.uint32)
            self.module.initialise(self.settings, net, self.interface, lane, random.uniform(words))
        return net

    def parts(self, net: Any, lane: int) -> list[np.ndarray]:
        """The weights of a lane."""
        return list(self.module.weights(self.settings, net, self.interface, lane))


def of(folder: str, name: str, claim: str = "") -> Iterator[Finding]:
    """What comes of each claim about a learner or a task, or of one; ``folder`` is ``learners`` or ``tasks``.

    Raises
    ------
    repro.registry.NoModuleError
        If there is no such module.

    """
    module: Any = registry.learner(name) if folder == "learners" else registry.task(name)
    example, wrong = examples.of(folder, name, module)
    if wrong:
        yield from (Finding("has an example", problem, advice) for problem, advice in wrong)
        return
    case = _case(folder, name, example)
    if case is None:
        advice = "easy tasks and plain learners are in repro/running/examples.py; say in `refuses` what is not taken"
        yield Finding("goes with something", "no task or learner of the examples goes with it", advice)
        return
    said: set[str] = set()
    for one, holds in _OF_LEARNER if folder == "learners" else _OF_TASK:
        if claim in ("", one):
            finding = _tried(one, holds, case)
            yield replace(finding, problem="as above", advice="") if finding.problem in said else finding
            said |= {finding.problem} - {""}


def claims(folder: str) -> list[str]:
    """What is claimed of ``learners`` or ``tasks``."""
    return [claim for claim, _ in (_OF_LEARNER if folder == "learners" else _OF_TASK)]


def _tried(claim: str, holds: Callable[[_Case], object], case: _Case) -> Finding:
    try:
        applies = holds(case)
    except _ClaimError as no:
        return Finding(claim, *no.finding)
    except Exception as error:
        if said := explained(error):
            return Finding(claim, *said)
        return Finding(claim, f"{type(error).__name__}: {error}".splitlines()[0], "an error of the module itself")
    return Finding(claim, applies=applies is not False)


def _case(folder: str, name: str, example: Mapping[str, Any]) -> _Case | None:
    """A learner on the first easy task that it takes, or a task with the first learner that takes it."""
    tasks: Sequence[Mapping[str, Any]] = (CLASSES, FOR_GUESSING, SYMBOLS)
    if folder == "learners":
        pairs = [(task, example) for task in (tasks[1:] if name == "guessing" else tasks)]
    else:
        pairs = [(example, {"name": one, **LEARNERS[one]}) for one in ("lstm", "layered_lstm", "elman")]
    for task, learner in pairs:
        case = _Case(folder, name, task, learner)
        if not case.module.refuses(case.settings, case.interface):
            return case
    return None


# --------------------------------------------------------------------------------------------------------- claims


def _require(holds: bool, problem: str, advice: str) -> None:
    if not holds:
        raise _ClaimError(problem, advice)


def _settings_are_strict(case: _Case) -> None:
    own = case.folder == "learners"
    module: Any = case.module if own else registry.task(case.name)
    kind, base = module.Settings, groups.Learner if own else groups.Settings
    _require(
        issubclass(kind, base), f"Settings is no {base.__name__}", f"derive it from repro.settings.{base.__name__}"
    )
    good = dict(case.learner if own else case.task)
    advice = f'write `name: Literal["{case.name}"]`, and keep the base\'s model_config'
    bad = [("name", {**good, "name": "another"}), ("no_such_setting", {**good, "no_such_setting": 1})]
    bad += [(key, {**good, key: math.nan}) for key, value in good.items() if isinstance(value, float)]
    for key, settings in bad:
        try:
            kind.model_validate(settings)
        except ValidationError:
            continue
        raise _ClaimError(f"{key} = {settings[key]!r} is taken", advice)


def _arrays(group: Any) -> Iterator[np.ndarray]:
    """All arrays of a net that may have nets in it."""
    for member in group:
        yield from _arrays(member) if isinstance(member, tuple) else (member,)


def _arrays_have_the_lanes_last(case: _Case) -> None:
    for array in _arrays(case.nets(3)):
        _require(array.shape[-1:] == (3,), f"an array has shape {array.shape}, of 3 lanes", "make it by `lanes.zeros`")


def _weights_are_views(case: _Case) -> None:
    net = case.nets(3)
    texts = {np.concatenate(case.parts(net, lane)).tobytes() for lane in range(3)}
    _require(len(texts) == 3, "weights of lanes with other random numbers are equal", "draw them by `uniform`")
    values = np.concatenate(case.parts(net, 0))
    _require(bool(np.isfinite(values).all()), "weights are not finite", "see `initialise`")
    _require(str(values.dtype) == case.settings.precision, f"weights are {values.dtype}", "use settings.precision")
    for part in case.parts(net, 1):
        part[...] = 7
    after = [np.concatenate(case.parts(net, lane)) for lane in range(2)]
    holds = bool((after[1] == 7).all()) and bool((after[0] == values).all())
    _require(holds, "what is written to weights() of a lane is not in that lane alone", "hand out views, no copies")


def _weights_are_counted(case: _Case) -> None:
    n, counted = sum(map(len, case.parts(case.nets(1), 0))), case.module.n_weights(case.settings, case.interface)
    _require(n <= counted, f"n_weights says {counted}, and there are {n}", "count what `weights` shows")


def _it_says_what_it_takes(case: _Case) -> None:
    for face in _INTERFACES:
        said = case.module.refuses(case.settings, face)
        _require(isinstance(said, str), f"refuses() gives {said!r}", 'give a sentence, or "" if it takes the task')


def _finite_sees_every_weight(case: _Case) -> None:
    functions = case.module.build(case.settings, case.interface, 2)
    finite = functions.finite

    def ask(net: Any, lane: int) -> bool:
        return finite(net, lane)  # type: ignore[no-any-return]

    asked = entry(ask)
    for k, part in enumerate(case.parts(case.nets(2), 0)):
        if not len(part):
            continue  # of units that are not there yet
        net = case.nets(2)
        _require(bool(asked(net, 0)), "finite() is false of finite weights", "look at the lane's own weights")
        case.parts(net, 1)[k][-1] = np.nan
        holds = bool(asked(net, 0)) and not asked(net, 1)
        _require(holds, f"finite() does not see a NaN in part {k} of weights()", "look at all weights of the lane")


def _it_learns(case: _Case) -> None:
    for trial, results in enumerate(trials(case.condition(), WIDTHS[1], _TRIALS)):
        _require(
            results["outcome"] == "solved",
            f"trial {trial} of the easy task: {results['outcome']} after {results['sequences']:,} training sequences",
            "look at it (`repro replay --watch`); are `learn` and `settle` called as you think? Larger learning rate?",
        )


def _company_changes_nothing(case: _Case) -> None:
    condition = case.condition(_SOON)
    first, *others = [trials(condition, width, _TRIALS) for width in WIDTHS]
    for width, results in zip(WIDTHS[1:], others, strict=True):
        for trial in range(_TRIALS):
            _require(
                results[trial] == first[trial],
                f"trial {trial} differs between 1 and {width} lanes: {_first_difference(first[trial], results[trial])}",
                "a lane may read and write nothing of another; what learns is masked by the lane's own net.rate",
            )


def _the_compiler_changes_nothing(case: _Case) -> bool:
    if numba.config.DISABLE_JIT:
        return False
    condition = case.condition(_SOON)
    compiled, plain = trials(condition, 1, _TRIALS), bare.trials_elsewhere(condition, _TRIALS)
    for trial in range(_TRIALS):
        _require(
            compiled[trial] == plain[trial],
            f"trial {trial} differs without the compiler: {_first_difference(compiled[trial], plain[trial])}",
            "only + - * / and comparisons are the same everywhere: take exp and the like from repro.kernels.maths",
        )
    return True


def _first_difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    return next((f"{key} {one[key]} and {other.get(key)}" for key in one if one[key] != other.get(key)), "")


def _exams_leave_no_trace(case: _Case) -> None:
    sooner = {**_SOON, "max_sequences": 20}  # before guessed weights are right to the last bit, and pass any exam
    without = case.condition(sooner)
    stage = {"name": "never", "exam_max_wrong": 0, "exam_mean_error": 1e-12}
    exams = {**sooner, "exam_sequences": 3, "exam_every": 7, "stages": [stage]}
    digests = [
        [results["weights digest"] for results in trials(condition, WIDTHS[1], _TRIALS)]
        for condition in (without, case.condition(exams, without))
    ]
    advice = "what a test sequence leaves behind must be forgotten in `reset`, and nothing learn where net.rate is 0"
    _require(digests[0] == digests[1], "trials with exams in between end with other weights", advice)


_H, _NEAR = 1e-5, 1e-5  # step of finite differences; what they may be off by, as a share of the largest derivative


def _the_gradient_is_exact(case: _Case) -> bool:
    """Changes of weights after a sequence are those down the slope of half the squared error, as far as claimed."""
    is_claimed = getattr(case.module, "exact_gradient", None)
    settings = case.module.Settings.model_validate({**case.learner, "precision": "float64"})
    if is_claimed is None or not is_claimed(settings):
        return False
    stop = {**_SOON, "max_sequences": 1, "window": 1, "error": "squared"}
    condition = case.condition(stop, precision="float64")
    team = crew.Crew(condition, 1)

    def after(changed: int, by: float) -> tuple[float, np.ndarray, np.ndarray]:
        """The error of the first training sequence, and the weights before and after it."""
        team.enlist(0, 0)
        before = np.concatenate(team.weights(0))
        for part in team.weights(0):
            if 0 <= changed < len(part):
                part[changed] += by
            changed -= len(part)
        while not team.ended():
            team.advance(1000)
        error, n_steps = float(team.book.recent_error[0, 0]), int(team.book.steps[0])
        weights = np.concatenate(team.weights(0))
        team.dismiss(0)
        return error * case.interface.n_out * (n_steps if case.interface.every_step else 1) / 2, before, weights

    _, before, learnt = after(-1, 0.0)
    expected = np.array([after(k, -_H)[0] - after(k, _H)[0] for k in range(len(before))]) * settings.rate / (2 * _H)
    worst = float(np.abs(learnt - before - expected).max() / max(np.abs(expected).max(), 1e-12))
    advice = "compare with the formulas, source by source; or do not claim it: `exact_gradient` returns False"
    _require(worst < _NEAR, f"a change of weights is off by {worst:.1e} of the largest", advice)
    return True


def _lengths_are_as_said(case: _Case) -> None:
    face, team = case.interface, crew.Crew(case.condition({**_SOON, "max_sequences": 10**6}), 8)
    for lane in range(8):
        team.enlist(lane, lane)
    lengths: set[int] = set()
    for _ in range(300):
        team.advance(1)
        lengths |= {int(length) for length in team.book.length}
    advice = "`begin` returns the sequence's time steps, at least 1 and at most interface.longest"
    _require(min(lengths) >= 1 and max(lengths) <= face.longest, f"sequences have {sorted(lengths)} steps", advice)


def _interface_is_whole(case: _Case) -> None:
    face = case.interface
    holds = isinstance(face, Interface) and min(face.n_in, face.n_out, face.longest) >= 1
    _require(holds, f"interface() gives {face}", "give a kernels.contract.Interface with sizes of at least 1")


_SAME: tuple[Claim, ...] = (
    ("same bits with 1, 8 and 16 lanes", _company_changes_nothing),
    ("same bits without the compiler", _the_compiler_changes_nothing),
    ("exams leave no trace", _exams_leave_no_trace),
)
_OF_LEARNER: tuple[Claim, ...] = (
    ("settings are strict", _settings_are_strict),
    ("arrays have the lanes last", _arrays_have_the_lanes_last),
    ("weights are views of a lane", _weights_are_views),
    ("weights are counted", _weights_are_counted),
    ("says which tasks it takes", _it_says_what_it_takes),
    ("finite() sees every weight", _finite_sees_every_weight),
    ("learns the easy task", _it_learns),
    *_SAME,
    ("gradient is exact, by finite differences", _the_gradient_is_exact),
)
_OF_TASK: tuple[Claim, ...] = (
    ("settings are strict", _settings_are_strict),
    ("interface is whole", _interface_is_whole),
    ("sequences have the lengths that it says", _lengths_are_as_said),
    *_SAME,
)
