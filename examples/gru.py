"""Gated recurrent units, trained by back-propagation through time (Cho et al. 2014, "Learning phrase representations").

Hidden units j with sources m: inputs at time t, hidden units at time t-1, and 1, if there are biases (the paper leaves
them out); f is the logistic function, * between vectors takes them unit by unit::

    r = f(W_r x(t) + U_r h(t-1))                     reset gates
    z = f(W_z x(t) + U_z h(t-1))                     update gates
    c = tanh(W x(t) + U (r * h(t-1)))                candidates, h~ in the paper
    h(t) = z * h(t-1) + (1 - z) * c,  h(0) = 0       hidden units
    y_k = f(net_k), or net_k, of h(t)                outputs, which are ours: the paper's are a softmax

The gradient of E = 1/2 sum (target_k - y_k)^2 over all time steps with a target, exactly: the sequence is remembered,
and when it has ended errors go back through all of it. With e_k = f'(net_k) (target_k - y_k) and a(t) = -dE/dh(t)::

    a(t)    = sum_k w_k e_k(t) + z(t+1) * a(t+1) + r(t+1) * U' e_c(t+1) + U_z' e_z(t+1) + U_r' e_r(t+1)
    e_c(t)  = a * (1 - z) * (1 - c^2)
    e_z(t)  = a * (h(t-1) - c) * z * (1 - z)
    e_r(t)  = U' e_c * h(t-1) * r * (1 - r)
    dw_jm   = lr sum_t e_j(t) source_m(t)            U' is U transposed; of candidates, source_m is r_m h_m(t-1)

Order of the units: reset gates, update gates, candidates, outputs. Weights change at the end of the sequence. Forward
all lanes go together; back each goes on its own, as its sequence ends when it does.
"""

from typing import Literal

import numpy as np
from pydantic import Field

from repro.kernels import plain
from repro.kernels.contract import Interface, Learner
from repro.settings import Descent

EXAMPLE = {"hidden": 2, "biased": "all", "init": 0.3, "learning_rate": 3.0}  # a small net, for `repro check`


class Settings(Descent):
    """What a configuration says of the net."""

    name: Literal["gru"]
    hidden: int = Field(ge=1, le=256, description="hidden units")
    biased: Literal["none", "all"] = Field(description="units that have a bias")
    output: Literal["logistic", "linear"] = Field("logistic", description="output units")

    def has_bias(self) -> bool:
        """Whether units have one."""
        return self.biased == "all"


def _to_hidden(s: Settings, task: Interface) -> tuple[int, int]:
    return s.hidden, task.n_in + s.hidden + s.has_bias()


def _sources(s: Settings, task: Interface) -> tuple[int]:
    return (task.n_in + s.hidden,)


def _units(s: Settings, task: Interface) -> tuple[int]:
    return (s.hidden,)


refuses, n_weights, allocate, weights, initialise, watch, parts = plain.net(
    __name__,
    weights={
        "w_r": _to_hidden,
        "w_z": _to_hidden,
        "w_c": _to_hidden,
        "w_out": lambda s, task: (task.n_out, s.hidden + s.has_bias()),
    },
    scratch={
        "source": _sources,  # x(t), h(t-1)
        "reset": _sources,  # x(t), r * h(t-1)
        "r": _units,
        "z": _units,
        "c": _units,
        "h": _units,
        "arrives": _units,  # a(t)
        "e_r": _units,
        "e_z": _units,
        "e_c": _units,
    },
    columns={"past": lambda s, task: (task.n_in + 5 * s.hidden, task.longest)},  # x(t), h(t-1), r, z, c, sum_k w_k e_k
    whole={"clock": lambda s, task: ()},
    shown={"reset gate": "r", "update gate": "z", "candidate": "c", "hidden unit": "h"},
    wait=True,
)


def exact_gradient(settings: Settings) -> bool:
    """Whether weights change down the slope of half the squared error, nothing left out."""
    return True


def build(settings: Settings, interface: Interface, width: int) -> Learner:
    """Compile the learner for ``width`` lanes."""
    from repro.kernels import maths
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import loader, store

    load, calculus, number = loader(width), maths.build(settings.precision), np.dtype(settings.precision).type
    logistic, tanh_half = calculus.logistic, calculus.tanh_half
    read, weigh, back, descend, _, change, assess, finite = parts(settings, interface, width)
    n_in, n_out, n, longest = interface.n_in, interface.n_out, settings.hidden, interface.longest
    biased, linear, n_sources = settings.has_bias(), settings.output == "linear", interface.n_in + settings.hidden
    at_r, at_z, at_c, at_error = (n_sources + part * n for part in range(4))
    zero, one = number(0), number(1)

    @kernel
    def remember(net):
        past = net.past
        for lane in range(width):
            t = min(np.int64(net.clock[lane]), longest - 1)  # in lanes that idle
            for m in range(n_sources):
                past[m, t, lane] = net.source[m, lane]
            for j in range(n):
                past[at_r + j, t, lane] = net.r[j, lane]
                past[at_z + j, t, lane] = net.z[j, lane]
                past[at_c + j, t, lane] = net.c[j, lane]
                past[at_error + j, t, lane] = zero
            net.clock[lane] = t + 1

    @kernel
    def step(net):
        read(net)
        for j in range(n):
            store(net.source, load(net.h, j), n_in + j)
        for j in range(n):
            store(net.r, logistic(weigh(net.w_r, j, net.source, n_sources)), j)
            store(net.z, logistic(weigh(net.w_z, j, net.source, n_sources)), j)
        for m in range(n_in):
            store(net.reset, load(net.source, m), m)
        for j in range(n):
            store(net.reset, load(net.r, j) * load(net.h, j), n_in + j)
        for j in range(n):
            c, z = tanh_half(2.0 * weigh(net.w_c, j, net.reset, n_sources)), load(net.z, j)
            store(net.c, c, j)
            store(net.h, z * load(net.h, j) + (1.0 - z) * c, j)
        remember(net)

    @kernel
    def respond(net):
        for k in range(n_out):
            net_k = weigh(net.w_out, k, net.h, n)
            if linear:
                store(net.y_k, net_k, k)
            else:
                store(net.y_k, logistic(net_k), k)

    @kernel
    def learn(net):
        for k in range(n_out):
            y_k = load(net.y_k, k)
            if linear:
                store(net.e_k, load(net.target, k) - y_k, k)
            else:
                store(net.e_k, y_k * (1.0 - y_k) * (load(net.target, k) - y_k), k)
            descend(net, net.d_w_out, k, load(net.e_k, k), net.h, n)
        for j in range(n):
            store(net.arrives, back(net.w_out, j, net.e_k, n_out), j)
        for lane in range(width):
            if net.rate[lane] > zero:
                for j in range(n):
                    net.past[at_error + j, np.int64(net.clock[lane]) - 1, lane] = net.arrives[j, lane]

    @kernel
    def go_back(net, t, lane):
        """e_c, e_z and e_r of a time step from a(t); and a(t-1), but for what comes from outputs."""
        past, a, e_c, e_z, e_r = net.past, net.arrives, net.e_c, net.e_z, net.e_r
        for j in range(n):
            h, z, c = past[n_in + j, t, lane], past[at_z + j, t, lane], past[at_c + j, t, lane]
            e_c[j, lane] = a[j, lane] * (one - z) * (one - c * c)
            e_z[j, lane] = a[j, lane] * (h - c) * (z * (one - z))
            a[j, lane] = a[j, lane] * z
        for m in range(n):
            total = zero
            for j in range(n):
                total += net.w_c[j, n_in + m, lane] * e_c[j, lane]
            h, r = past[n_in + m, t, lane], past[at_r + m, t, lane]
            e_r[m, lane] = total * h * (r * (one - r))
            a[m, lane] += total * r
        for m in range(n):
            total = zero
            for j in range(n):
                total += net.w_z[j, n_in + m, lane] * e_z[j, lane] + net.w_r[j, n_in + m, lane] * e_r[j, lane]
            a[m, lane] += total

    @kernel
    def add_up(net, t, lane):
        """What weights to hidden units change by for the errors of a time step."""
        past, rate = net.past, net.rate[lane]
        for j in range(n):
            to_r, to_z, to_c = rate * net.e_r[j, lane], rate * net.e_z[j, lane], rate * net.e_c[j, lane]
            for m in range(n_sources):
                source = past[m, t, lane]
                net.d_w_r[j, m, lane] += to_r * source
                net.d_w_z[j, m, lane] += to_z * source
                if m >= n_in:
                    source = source * past[at_r + m - n_in, t, lane]
                net.d_w_c[j, m, lane] += to_c * source
            if biased:
                net.d_w_r[j, n_sources, lane] += to_r
                net.d_w_z[j, n_sources, lane] += to_z
                net.d_w_c[j, n_sources, lane] += to_c

    @kernel
    def settle(net, lane, mean_error):
        for j in range(n):
            net.arrives[j, lane] = zero
        for t in range(np.int64(net.clock[lane]) - 1, -1, -1):
            for j in range(n):
                net.arrives[j, lane] += net.past[at_error + j, t, lane]
            go_back(net, t, lane)
            add_up(net, t, lane)
        change(net, lane, mean_error)

    @kernel
    def reset(net, lane):
        net.clock[lane] = 0
        for j in range(n):
            net.h[j, lane] = zero

    return Learner(step=step, respond=respond, assess=assess, learn=learn, settle=settle, reset=reset, finite=finite)
