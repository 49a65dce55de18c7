"""The LSTM kernel is the paper's net and learning rule: as the slow twin has them, and as finite differences do."""

from functools import lru_cache

import numpy as np
import pytest
from pydantic import ValidationError
from twins import compiled
from twins import lstm as twin

from repro.learners import lstm

WIDTH = 4


def settings(blocks, size, biased, **others):
    usual = {"name": "lstm", "init": 0.8, "learning_rate": 0.5, "precision": "float64"}
    return lstm.Settings(**usual | {"blocks": blocks, "size": size, "biased": biased} | others)


NETS = {  # name: (settings, inputs, outputs)
    "exp4": (settings(2, 2, "all"), 2, 1),
    "exp6b": (settings(3, 2, "all"), 8, 8),
    "exp3": (settings(3, 1, "hidden"), 1, 1),
    "exp1": (settings(3, 2, "gates"), 7, 7),
    "exp2c": (settings(2, 1, "none"), 6, 2),
    "identity h": (settings(2, 2, "hidden", h="identity"), 2, 2),
    "g and h of other ranges": (settings(1, 3, "all", g=(0.0, 1.0), h=(-0.5, 1.5)), 3, 2),
    "linear": (settings(2, 2, "all", output="linear"), 2, 2),
    "linear plain": (settings(2, 1, "gates", output="linear", output_error="plain"), 2, 1),
    "plain error": (settings(2, 2, "all", output_error="plain"), 2, 2),
    "biases fixed": (settings(2, 2, "all", train_biases=False), 2, 2),
    "gate biases fixed": (settings(2, 1, "gates", train_biases=False), 2, 1),
}
each_net = pytest.mark.parametrize("name", NETS)


def design(config, n_in, n_out):
    """The same net, as the twin calls it."""
    return twin.Design(
        n_in,
        n_out,
        config.blocks,
        config.size,
        config.biased,
        config.g,
        None if config.h == "identity" else config.h,
        config.output == "linear",
        config.output_error == "plain",
        config.train_biases,
    )


@lru_cache(maxsize=None)
def player(config, n_in, n_out, width=WIDTH):
    """A compiled function that runs lanes through their sequences.

    ``inputs`` (ticks, n_in, width); where ``ends`` (ticks, width) holds, a lane's sequence ends there: its outputs go
    to ``answers`` (ticks, n_out, width), it learns at ``rates`` (ticks, width) and is reset if ``resets`` holds.
    """
    step, respond, learn, reset, _ = lstm.build(config, n_in, n_out, width)

    @compiled
    def play(net, inputs, ends, targets, rates, resets, answers):
        for t in range(inputs.shape[0]):
            for m in range(n_in):
                for lane in range(width):
                    net.source[m, lane] = inputs[t, m, lane]
            step(net)
            any_ends = False
            for lane in range(width):
                net.rate[lane] = 0.0
                if ends[t, lane]:
                    any_ends = True
                    net.rate[lane] = rates[t, lane]
                    for k in range(n_out):
                        net.target[k, lane] = targets[t, k, lane]
            if any_ends:
                respond(net)
                learn(net)
                for lane in range(width):
                    if ends[t, lane]:
                        for k in range(n_out):
                            answers[t, k, lane] = net.y_k[k, lane]
                    if resets[t, lane]:
                        reset(net, lane)

    return play


class Script:
    """What happens in each lane: sequences end to end, and at what rate each is learnt."""

    def __init__(self, n_in, n_out, lanes, width=WIDTH):
        """``lanes``: for each lane a list of (inputs (steps, n_in), target (n_out,), rate, reset afterwards)."""
        n_ticks = max(sum(len(x) for x, *_ in sequences) for sequences in lanes)
        self.inputs = np.zeros((n_ticks, n_in, width))
        self.targets = np.zeros((n_ticks, n_out, width))
        self.ends = np.zeros((n_ticks, width), bool)
        self.rates = np.zeros((n_ticks, width))
        self.resets = np.zeros((n_ticks, width), bool)
        self.answers = np.full((n_ticks, n_out, width), np.nan)
        for lane, sequences in enumerate(lanes):
            tick = 0
            for x, target, rate, reset in sequences:
                self.inputs[tick : tick + len(x), :, lane] = x
                tick += len(x)
                self.targets[tick - 1, :, lane] = target
                self.ends[tick - 1, lane] = True
                self.rates[tick - 1, lane] = rate
                self.resets[tick - 1, lane] = reset

    def play(self, run, net):
        run(net, self.inputs, self.ends, self.targets, self.rates, self.resets, self.answers)

    def lane_answers(self, lane):
        return self.answers[self.ends[:, lane], :, lane]


def fresh_net(config, n_in, n_out, width=WIDTH, seed=0):
    net = lstm.allocate(config, n_in, n_out, width)
    for lane in range(width):
        lstm.initialise(config, net, n_in, lane, np.random.default_rng([seed, lane]).random)
    return net


def rows_of(config, net, n_in, lane):
    return [np.array(row, float) for row in lstm.weights(config, net, n_in, lane)]


def sequences(rng, n_in, n_out, n, rate, lengths=(1, 12)):
    return [
        (rng.uniform(-1, 1, (rng.integers(*lengths), n_in)), rng.uniform(0, 1, n_out), rate, True) for _ in range(n)
    ]


# ------------------------------------------------------------------------------------------------- against the twin


@each_net
def test_learning_equals_the_twin(name):
    config, n_in, n_out = NETS[name]
    rng = np.random.default_rng(11)
    rates = [0.5, 1.7, 0.0, 0.1]
    lanes = [sequences(rng, n_in, n_out, 7, rate) for rate in rates]
    net = fresh_net(config, n_in, n_out)
    start = [rows_of(config, net, n_in, lane) for lane in range(WIDTH)]
    script = Script(n_in, n_out, lanes)
    script.play(player(config, n_in, n_out), net)
    for lane, rate in enumerate(rates):
        rows, expected = start[lane], []
        for x, target, _, _ in lanes[lane]:
            expected.append(twin.answer(design(config, n_in, n_out), rows, x))
            rows = twin.update(design(config, n_in, n_out), rows, x, target, rate)
        result = rows_of(config, net, n_in, lane)
        assert np.abs(script.lane_answers(lane) - expected).max() < 1e-12
        for unit, (row, twin_row, old) in enumerate(zip(result, rows, start[lane], strict=True)):
            assert np.abs(row - twin_row).max() < 1e-12, f"unit {unit} of lane {lane}"
            biased = twin.has_bias(design(config, n_in, n_out), unit)
            moved = row != old
            if rate == 0:
                assert not moved.any()
            elif biased and not config.train_biases:
                assert moved[:-1].all()
                assert not moved[-1]
            else:
                assert moved.all()
    assert np.ptp(script.lane_answers(0), axis=0).min() > 1e-3  # the net tells sequences apart


@each_net
def test_a_lane_that_does_not_learn_keeps_its_bits(name):
    """Rate 0 at the end of its own sequences and of all others': not even a zero changes its sign."""
    config, n_in, n_out = NETS[name]
    rng = np.random.default_rng(12)
    net = fresh_net(config, n_in, n_out, seed=3)
    for row in lstm.weights(config, net, n_in, 2):
        row[::2] = -0.0
    before = net.w.copy(), net.w_out.copy()
    script = Script(n_in, n_out, [sequences(rng, n_in, n_out, 4, rate) for rate in (0.5, 0.5, 0.0, 0.5)])
    script.play(player(config, n_in, n_out), net)
    for old, new in zip(before, (net.w, net.w_out), strict=True):
        assert np.ascontiguousarray(old[..., 2]).tobytes() == np.ascontiguousarray(new[..., 2]).tobytes()
        assert (old[..., 0] != new[..., 0]).any()


def test_a_lane_depends_on_no_other():
    """Lane 1 gets the same numbers, whatever the other lanes are given and whenever their sequences end."""
    config, n_in, n_out = NETS["exp4"]
    own = sequences(np.random.default_rng(1), n_in, n_out, 6, 0.5)
    results = []
    for seed in (2, 3):
        rng = np.random.default_rng(seed)
        net = fresh_net(config, n_in, n_out)
        others = [sequences(rng, n_in, n_out, 5 + seed, 0.3 * seed) for _ in range(3)]
        if seed == 3:
            net.w[..., 0] = np.nan
        script = Script(n_in, n_out, [others[0], own, *others[1:]])
        script.play(player(config, n_in, n_out), net)
        results.append((rows_of(config, net, n_in, 1), script.lane_answers(1)))
    assert all(np.array_equal(a, b) for a, b in zip(results[0][0], results[1][0], strict=True))
    assert np.array_equal(results[0][1], results[1][1])


# ---------------------------------------------------------------------------------------- against finite differences


def central_differences(loss, rows):
    """The gradient of ``loss``, a function of rows, in rows."""
    step = 1e-5
    gradient = [np.zeros_like(row) for row in rows]
    for unit, row in enumerate(rows):
        for m in range(len(row)):
            values = []
            for sign in (1, -1):
                moved = [r.copy() for r in rows]
                moved[unit][m] += sign * step
                values.append(loss(moved))
            gradient[unit][m] = (values[0] - values[1]) / (2 * step)
    return gradient


def one_update(config, n_in, n_out, net, x, target):
    """What learning one sequence at rate 1 adds to the weights of lane 0, and the weights before."""
    old = rows_of(config, net, n_in, 0)
    idle = [[(x, target, 0.0, True)]] * (WIDTH - 1)
    Script(n_in, n_out, [[(x, target, 1.0, True)], *idle]).play(player(config, n_in, n_out), net)
    return old, [new - row for new, row in zip(rows_of(config, net, n_in, 0), old, strict=True)]


def check_gradient(change, gradient):
    for unit, (d_row, slope) in enumerate(zip(change, gradient, strict=True)):
        assert np.abs(d_row + slope).max() < 1e-9, f"unit {unit}"
        assert np.abs(slope).max() > 1e-5, f"unit {unit} has nothing to learn"


DERIVABLE = [
    name for name, (config, _, _) in NETS.items() if config.output_error == "derivative" and config.train_biases
]
SMALL = [name for name in DERIVABLE if name not in ("exp6b", "exp1")]  # finite differences of the others take long


@pytest.mark.parametrize("name", SMALL)
def test_update_is_the_gradient_if_the_net_sees_its_past_as_constant(name):
    """The truncation treats y(t-1) as given; with these activations held fixed the update is the exact gradient."""
    config, n_in, n_out = NETS[name]
    rng = np.random.default_rng(21)
    x, target = rng.uniform(-1, 1, (9, n_in)), rng.uniform(0, 1, n_out)
    rows, change = one_update(config, n_in, n_out, fresh_net(config, n_in, n_out, seed=5), x, target)
    net = design(config, n_in, n_out)
    seen = [moment.source[n_in:-1] for moment in twin.forward(net, rows, x)]
    check_gradient(
        change, central_differences(lambda moved: twin.loss(net, moved, x, target, frozen_hidden=seen), rows)
    )


@pytest.mark.parametrize("name", SMALL)
def test_output_weights_and_last_output_gates_follow_the_gradient(name):
    """With recurrence and all: no truncation between these weights and the loss."""
    config, n_in, n_out = NETS[name]
    rng = np.random.default_rng(22)
    x, target = rng.uniform(-1, 1, (9, n_in)), rng.uniform(0, 1, n_out)
    rows, change = one_update(config, n_in, n_out, fresh_net(config, n_in, n_out, seed=6), x, target)
    net, b = design(config, n_in, n_out), config.blocks

    def loss_of_outputs(moved):
        return twin.loss(net, rows[:-n_out] + moved, x, target)

    def loss_of_last_gates(moved):
        return twin.loss(net, rows, x, target, last_out_gates=moved)

    check_gradient(change[-n_out:], central_differences(loss_of_outputs, rows[-n_out:]))
    check_gradient(change[b : 2 * b], central_differences(loss_of_last_gates, rows[b : 2 * b]))


@pytest.mark.parametrize("name", SMALL)
def test_update_is_the_gradient_of_a_net_without_recurrent_weights(name):
    """Nothing to truncate: every weight and bias, those from hidden to hidden (here 0) included."""
    config, n_in, n_out = NETS[name]
    rng = np.random.default_rng(23)
    x, target = rng.uniform(-1, 1, (9, n_in)), rng.uniform(0, 1, n_out)
    fresh = fresh_net(config, n_in, n_out, seed=7)
    for row in lstm.weights(config, fresh, n_in, 0)[:-n_out]:
        row[n_in : n_in + 2 * config.blocks + config.blocks * config.size] = 0
    rows, change = one_update(config, n_in, n_out, fresh, x, target)
    net = design(config, n_in, n_out)
    check_gradient(change, central_differences(lambda moved: twin.loss(net, moved, x, target), rows))


def test_truncation_is_there():
    """In a net with recurrent weights the update is not the full gradient; else the tests above would say little."""
    config, n_in, n_out = NETS["exp4"]
    rng = np.random.default_rng(24)
    x, target = rng.uniform(-1, 1, (9, n_in)), rng.uniform(0, 1, n_out)
    rows, change = one_update(config, n_in, n_out, fresh_net(config, n_in, n_out, seed=5), x, target)
    net = design(config, n_in, n_out)
    gradient = central_differences(lambda moved: twin.loss(net, moved, x, target), rows)
    assert all(np.abs(a + b).max() > 1e-4 for a, b in zip(change[: 2 * 2 + 4], gradient[: 2 * 2 + 4], strict=True))


def test_one_step_by_hand():
    """One cell, one input, one time step: numbers worked out on paper from eqs 7 to 28."""
    config = settings(1, 1, "none")
    net = lstm.allocate(config, 1, 1, WIDTH)
    net.w[:, 0, 0] = np.log(3), -np.log(3), np.log(3)  # gates 3/4 and 1/4 for an input of 1, f(net_c) = 3/4
    net.w_out[0, 0, 0] = 2.0
    x, target = np.array([[1.0]]), np.array([1.0])
    idle = [[(x, target, 0.0, True)]] * (WIDTH - 1)
    script = Script(1, 1, [[(x, target, 1.0, True)], *idle])
    script.play(player(config, 1, 1), net)
    s = 3 / 4 * (4 * 3 / 4 - 2)  # y_in g(net_c) = 3/4
    f_s = 1 / (1 + np.exp(-s))
    h = 2 * f_s - 1
    y_k = 1 / (1 + np.exp(-2 * h / 4))
    e_k = y_k * (1 - y_k) * (1 - y_k)
    e_s = 1 / 4 * 2 * f_s * (1 - f_s) * 2 * e_k
    assert np.isclose(script.answers[0, 0, 0], y_k, rtol=1e-14)
    changes = net.w[:, 0, 0] - [np.log(3), -np.log(3), np.log(3)]
    expected = [e_s * 1 * 3 / 16, 3 / 16 * h * 2 * e_k, e_s * (4 * 3 / 16) * 3 / 4]
    assert np.allclose(changes, expected, rtol=1e-12)
    assert np.isclose(net.w_out[0, 0, 0] - 2, e_k * h / 4, rtol=1e-12)
    assert not net.w[:, 1:, 0].any()  # from hidden units, silent so far


# ------------------------------------------------------------------------------------------------- memory and state


def test_reset_forgets_everything():
    """Answer and update are the same bits after other sequences as in a net that has seen nothing."""
    config, n_in, n_out = NETS["exp4"]
    rng = np.random.default_rng(31)
    before = [(x, target, 0.0, True) for x, target, _, _ in sequences(rng, n_in, n_out, 3, 0.0, (5, 12))]
    kept = [(x, target, rate, False) for x, target, rate, _ in before]
    last = sequences(rng, n_in, n_out, 1, 0.5, (5, 12))
    net = fresh_net(config, n_in, n_out)
    net.w[...], net.w_out[...] = net.w[..., :1], net.w_out[..., :1]
    script = Script(n_in, n_out, [last, before + last, before[:1] + last, kept + last])
    script.play(player(config, n_in, n_out), net)
    fresh, *others = [(script.lane_answers(i)[-1], rows_of(config, net, n_in, i)) for i in range(WIDTH)]
    for answer, rows in others[:2]:
        assert np.array_equal(answer, fresh[0])
        assert all(np.array_equal(a, b) for a, b in zip(rows, fresh[1], strict=True))
    answer, rows = others[2]  # the control: without a reset it remembers
    assert np.abs(answer - fresh[0]).min() > 1e-6
    assert all((a != b).any() for a, b in zip(rows, fresh[1], strict=True))


def test_reset_concerns_one_lane():
    """Sequences that end in other lanes leave a lane in the middle of its own alone."""
    config, n_in, n_out = NETS["exp4"]
    rng = np.random.default_rng(32)
    long = sequences(rng, n_in, n_out, 1, 0.5, (40, 41))
    results = []
    for n, lengths in ((1, (40, 41)), (9, (1, 5))):
        net = fresh_net(config, n_in, n_out)
        script = Script(n_in, n_out, [long, *[sequences(rng, n_in, n_out, n, 0.5, lengths) for _ in range(3)]])
        script.play(player(config, n_in, n_out), net)
        results.append((net.w[..., 0], net.w_out[..., 0], script.lane_answers(0)))
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))


def test_single_precision_agrees_with_double():
    config, n_in, n_out = NETS["exp4"]
    single = config.model_copy(update={"precision": "float32"})
    rng = np.random.default_rng(41)
    lanes = [sequences(rng, n_in, n_out, 10, 0.5) for _ in range(WIDTH)]
    nets, scripts = [], []
    for chosen in (config, single):
        nets.append(fresh_net(chosen, n_in, n_out))
        scripts.append(Script(n_in, n_out, lanes))
        scripts[-1].play(player(chosen, n_in, n_out), nets[-1])
    assert nets[0].w.dtype == np.float64
    assert nets[1].w.dtype == np.float32
    apart = np.abs(nets[0].w - nets[1].w).max(), np.abs(nets[0].w_out - nets[1].w_out).max()
    assert 0 < max(apart) < 1e-5
    assert np.nanmax(np.abs(scripts[0].answers - scripts[1].answers)) < 1e-5


def test_finite_sees_every_weight():
    config, n_in, n_out = settings(2, 2, "all"), 2, 2
    finite = lstm.build(config, n_in, n_out, WIDTH).finite

    @compiled
    def is_finite(net, lane):
        return finite(net, lane)

    net = fresh_net(config, n_in, n_out)
    assert is_finite(net, 1)
    for unit, row in enumerate(lstm.weights(config, net, n_in, 1)):
        for m in range(len(row)):
            for bad in (np.nan, np.inf, -np.inf):
                old, row[m] = row[m], bad
                assert not is_finite(net, 1), f"unit {unit}, weight {m}"
                assert is_finite(net, 0)
                row[m] = old
    assert is_finite(net, 1)


# --------------------------------------------------------------------------------------------------- sizes, settings


@pytest.mark.parametrize(
    ("blocks", "size", "n_in", "n_out", "biased", "published"),
    [
        (4, 1, 7, 7, "gates", 264),  # experiment 1
        (3, 2, 7, 7, "gates", 276),
        (2, 1, 54, 2, "none", 364),  # 2c
        (2, 1, 104, 2, "none", 664),
        (2, 1, 204, 2, "none", 1264),
        (2, 1, 504, 2, "none", 3064),
        (2, 1, 1004, 2, "none", 6064),
        (3, 1, 1, 1, "hidden", 102),  # 3
        (2, 2, 2, 1, "all", 93),  # 4, 5
        (2, 2, 8, 4, "all", 156),  # 6a
        (3, 2, 8, 8, "all", 308),  # 6b
    ],
)
def test_as_many_weights_as_published(blocks, size, n_in, n_out, biased, published):
    config = settings(blocks, size, biased)
    assert lstm.n_weights(config, n_in, n_out) == published
    assert sum(design(config, n_in, n_out).row_lengths()) == published
    net = lstm.allocate(config, n_in, n_out, 1)
    assert [len(row) for row in lstm.weights(config, net, n_in, 0)] == design(config, n_in, n_out).row_lengths()
    for row in lstm.weights(config, net, n_in, 0):
        row += 1
    assert net.w.sum() + net.w_out.sum() == published  # views, that do not overlap


@pytest.mark.parametrize("biased", ["none", "gates", "hidden", "all"])
def test_weights_are_drawn_in_order_from_a_symmetric_range(biased):
    config = settings(2, 2, biased, init=0.1)
    net = lstm.allocate(config, 2, 1, 2)
    numbers = np.random.default_rng(3).random(93).tolist()
    queue = iter(numbers)
    lstm.initialise(config, net, 2, 1, lambda: next(queue))
    drawn = np.concatenate(lstm.weights(config, net, 2, 1))
    assert np.allclose(drawn, 0.1 * (2 * np.array(numbers[: len(drawn)]) - 1), rtol=1e-15)
    assert len(list(queue)) == 93 - len(drawn)
    assert np.abs(drawn).max() < 0.1
    assert drawn.min() < -0.08
    assert drawn.max() > 0.08
    assert not net.w[..., 0].any()
    assert not net.w_out[..., 0].any()


def test_listed_gate_biases_are_set():
    """Table 10: experiment 4's input gates start at -3 and -6; experiment 3 lists the output gates' too."""
    net = lstm.allocate(settings(2, 2, "all"), 2, 1, 1)
    lstm.initialise(
        settings(2, 2, "all", init=0.1, input_gate_bias=(-3.0, -6.0)), net, 2, 0, np.random.default_rng(4).random
    )
    biases = [row[-1] for row in lstm.weights(settings(2, 2, "all"), net, 2, 0)]
    assert biases[:2] == [-3, -6]
    assert np.abs(biases[2:]).max() < 0.1
    assert np.abs(net.w[:, :-1]).max() < 0.1
    config = settings(3, 1, "hidden", input_gate_bias=(-1.0, -3.0, -5.0), output_gate_bias=(-2.0, -4.0, -6.0))
    net = lstm.allocate(config, 1, 1, 1)
    lstm.initialise(config, net, 1, 0, np.random.default_rng(4).random)
    assert [row[-1] for row in lstm.weights(config, net, 1, 0)[:6]] == [-1, -3, -5, -2, -4, -6]
    assert np.abs(net.w[:, :-1]).max() < 0.8


GOOD = {"name": "lstm", "blocks": 2, "size": 2, "biased": "all", "init": 0.1, "learning_rate": 0.5}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("blocks", 0),
        ("blocks", 2.5),
        ("blocks", "2"),
        ("size", 0),
        ("biased", "some"),
        ("biased", None),
        ("input_gate_bias", (-1.0,)),
        ("input_gate_bias", (-1.0, -2.0, -3.0)),
        ("input_gate_bias", (-1.0, float("nan"))),
        ("input_gate_bias", "r"),
        ("output_gate_bias", (-1.0, -2.0, -3.0)),
        ("g", (1.0,)),
        ("g", (0.0, float("inf"))),
        ("h", "id"),
        ("output", "softmax"),
        ("output_error", "none"),
        ("train_biases", "yes"),
        ("train_biases", 1),
        ("init", 0.0),
        ("init", -0.1),
        ("init", float("nan")),
        ("learning_rate", 0.0),
        ("learning_rate", -1.0),
        ("learning_rate", float("inf")),
        ("precision", "float16"),
        ("name", "gru"),
        ("momentum", 0.9),
    ],
)
def test_bad_settings_are_refused_by_name(field, value):
    with pytest.raises(ValidationError, match=rf"(?m)(^|\s){field}\b"):
        lstm.Settings(**GOOD | {field: value})


@pytest.mark.parametrize("field", GOOD)
def test_missing_settings_are_named(field):
    with pytest.raises(ValidationError, match=rf"(?m)^{field}$"):
        lstm.Settings(**{name: value for name, value in GOOD.items() if name != field})


@pytest.mark.parametrize("field", ["g", "h"])
def test_squashing_ranges_go_upwards(field):
    for limits in ((1.0, -1.0), (1.0, 1.0)):
        with pytest.raises(ValidationError, match="from low to high"):
            lstm.Settings(**GOOD | {field: limits})


@pytest.mark.parametrize("field", ["input_gate_bias", "output_gate_bias"])
def test_no_bias_no_value(field):
    with pytest.raises(ValidationError, match=field):
        lstm.Settings(**GOOD | {"biased": "none", field: (-1.0, -2.0)})


def test_settings_never_change():
    config = lstm.Settings(**GOOD)
    with pytest.raises(ValidationError, match="blocks"):
        config.blocks = 3
    assert hash(config) == hash(lstm.Settings(**GOOD))
