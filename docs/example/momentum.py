"""A simple recurrent net and a rule that looks back one time step (Elman 1990), with momentum.

Hidden units u see the inputs, themselves a time step ago, and 1; outputs k see the hidden units, and 1::

    source(t) = inputs(t), y(t-1), 1      y_u = f(sum_m w_um source_m)      y_k = f(sum_u w_ku y_u + w_k1)
    e_k = f'(net_k) (target_k - y_k)      e_u = f'(net_u) sum_k w_ku e_k    f(x) = 1 / (1 + exp(-x))
    dw_ku = lr e_k y_u                    dw_um = lr e_u source_m           at time steps that have a target
    v = momentum v + dw, w = w + v                                        for each weight w
"""

from typing import Literal

from pydantic import Field

from repro.kernels import plain
from repro.kernels.contract import Interface, Learner
from repro.settings import Descent

EXAMPLE = {"hidden": 2, "init": 0.3, "learning_rate": 3.0, "momentum": 0.5}  # a small net, for `repro check`


class Settings(Descent):
    """What a configuration says of the net, beside learning_rate, init and precision."""

    name: Literal["momentum"]
    hidden: int = Field(ge=1, le=256, description="hidden units")
    momentum: float = Field(0.0, ge=0, lt=1, description="how much of the last change of a weight is made again")


refuses, n_weights, allocate, weights, initialise, watch, parts = plain.net(
    __name__,
    weights={"w": lambda s, t: (s.hidden, t.n_in + s.hidden + 1), "w_out": lambda s, t: (t.n_out, s.hidden + 1)},
    scratch={
        "source": lambda s, t: (t.n_in + s.hidden,),
        "y": lambda s, t: (s.hidden,),
        "v": lambda s, t: (s.hidden, t.n_in + s.hidden + 1),
        "v_out": lambda s, t: (t.n_out, s.hidden + 1),
    },
    shown={"hidden unit": "y"},
)


def build(settings: Settings, interface: Interface, width: int) -> Learner:
    """Compile the learner for ``width`` lanes."""
    from repro.kernels import maths
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import loader, select, store

    load, logistic = loader(width), maths.build(settings.precision).logistic
    part = parts(settings, interface, width)
    read, weigh, back = part.read, part.weigh, part.back
    n_in, n_out, hidden = interface.n_in, interface.n_out, settings.hidden
    momentum = settings.momentum

    @kernel
    def moved(net, w, v, i, m, change):
        learns = load(net.rate) > 0.0
        velocity = momentum * load(v, i, m) + load(net.rate) * change
        store(v, select(learns, velocity, load(v, i, m)), i, m)
        store(w, select(learns, load(w, i, m) + velocity, load(w, i, m)), i, m)

    @kernel
    def descend(net, w, v, i, error, source, n):
        for m in range(n):
            moved(net, w, v, i, m, error * load(source, m))
        moved(net, w, v, i, n, error)

    @kernel
    def step(net):
        read(net)
        for u in range(hidden):
            store(net.source, load(net.y, u), n_in + u)
        for u in range(hidden):
            store(net.y, logistic(weigh(net.w, u, net.source, n_in + hidden)), u)

    @kernel
    def respond(net):
        for k in range(n_out):
            store(net.y_k, logistic(weigh(net.w_out, k, net.y, hidden)), k)

    @kernel
    def learn(net):
        for k in range(n_out):
            y_k = load(net.y_k, k)
            store(net.e_k, y_k * (1.0 - y_k) * (load(net.target, k) - y_k), k)
        for u in range(hidden):
            y_u = load(net.y, u)
            e_u = y_u * (1.0 - y_u) * back(net.w_out, u, net.e_k, n_out)
            descend(net, net.w, net.v, u, e_u, net.source, n_in + hidden)
        for k in range(n_out):
            descend(net, net.w_out, net.v_out, k, load(net.e_k, k), net.y, hidden)

    @kernel
    def reset(net, lane):
        for u in range(hidden):
            net.y[u, lane] = 0

    return Learner(step, respond, part.assess, learn, part.settle, reset, part.finite)
