"""My rule: the delta rule on fading traces of the inputs.

x are the inputs, r their traces, y the outputs, f the logistic curve::

    r_m(t) = decay r_m(t-1) + x_m(t)
    y_k(t) = f(sum_m w_km r_m(t) + b_k)
    change of w_km = rate (target_k - y_k) f' r_m
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from repro.kernels.contract import Interface, Learner
from repro.settings import Descent

EXAMPLE = {"decay": 0.5, "init": 0.3, "learning_rate": 3.0}  # `repro check` tries it with these settings


class Settings(Descent):
    """What a configuration says of the learner: `init` and `learning_rate` come from `Descent`."""

    name: Literal["my_rule"]
    decay: float = Field(ge=0, lt=1, description="what is left of a trace after a time step")


class Net(NamedTuple):
    """The arrays of a crew of nets; the last axis is the lanes."""

    w: Any  # (outputs, inputs + 1), the bias last
    trace: Any  # (inputs,)
    source: Any  # (inputs,) the task puts the inputs here
    y_k: Any  # (outputs,)
    target: Any  # (outputs,) the task puts the targets here
    rate: Any  # () 0 in lanes that do not learn
    absolute: Any  # () mean |error| of the outputs
    square: Any  # () mean squared error
    worst: Any  # () largest |error|


def refuses(settings: Settings, interface: Interface) -> str:
    """Why the learner cannot take a task; "" if it can."""
    by_index = interface.input_symbols or interface.target_symbols
    return "it takes no inputs or targets that are given by index" if by_index else ""


def exact_gradient(settings: Settings) -> bool:
    """Whether weights change down the slope of half the squared error, nothing left out."""
    return True


def n_weights(settings: Settings, interface: Interface) -> int:
    """The number of weights, biases included."""
    return interface.n_out * (interface.n_in + 1)


def allocate(settings: Settings, interface: Interface, width: int) -> Net:
    """The arrays of ``width`` nets, all 0."""
    from repro.kernels.lanes import zeros

    n_in, n_out, dtype = interface.n_in, interface.n_out, np.dtype(settings.precision)

    def lanes(*shape: int) -> Any:
        return zeros(shape, width, dtype)

    return Net(
        w=lanes(n_out, n_in + 1), trace=lanes(n_in), source=lanes(n_in), y_k=lanes(n_out), target=lanes(n_out),
        rate=lanes(), absolute=lanes(), square=lanes(), worst=lanes(),
    )  # fmt: skip


def weights(settings: Settings, net: Net, interface: Interface, lane: int) -> list[np.ndarray]:
    """One lane's weights as views, a row an output."""
    return [net.w[k, :, lane] for k in range(interface.n_out)]


def initialise(settings: Settings, net: Net, interface: Interface, lane: int, uniform: Any) -> None:
    """Draw one lane's weights from -init to init."""
    for row in weights(settings, net, interface, lane):
        for m in range(len(row)):
            row[m] = settings.init * (2 * uniform() - 1)


def watch(settings: Settings, net: Net, interface: Interface, lane: int) -> dict[str, np.ndarray]:
    """What `repro replay --watch` shows of one lane's net: the traces."""
    return {"trace": net.trace[:, lane]}


def build(settings: Settings, interface: Interface, width: int) -> Learner:
    """Compile the learner for nets of this size."""
    from repro.kernels import errors, maths
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import loader, store

    load = loader(width)
    logistic = maths.build(settings.precision).logistic
    n_in, n_out, decay = interface.n_in, interface.n_out, settings.decay

    @kernel
    def step(net):
        for m in range(n_in):
            store(net.trace, load(net.trace, m) * decay + load(net.source, m), m)

    @kernel
    def respond(net):
        for k in range(n_out):
            total = load(net.w, k, n_in)
            for m in range(n_in):
                total = total + load(net.w, k, m) * load(net.trace, m)
            store(net.y_k, logistic(total), k)

    @kernel
    def learn(net):
        for k in range(n_out):
            y = load(net.y_k, k)
            change = load(net.rate) * (load(net.target, k) - y) * y * (1.0 - y)
            for m in range(n_in):
                store(net.w, load(net.w, k, m) + change * load(net.trace, m), k, m)
            store(net.w, load(net.w, k, n_in) + change, k, n_in)

    @kernel
    def settle(net, lane, mean_error):
        """Nothing: all is learnt in `learn`."""

    @kernel
    def reset(net, lane):
        for m in range(n_in):
            net.trace[m, lane] = 0

    @kernel
    def finite(net, lane):
        found = True
        for k in range(n_out):
            for m in range(n_in + 1):
                found = found and np.isfinite(net.w[k, m, lane])
        return found

    return Learner(
        step=step, respond=respond, assess=errors.build(n_out, width),
        learn=learn, settle=settle, reset=reset, finite=finite,
    )  # fmt: skip
