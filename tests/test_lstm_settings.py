"""What an LSTM net is made of: its weights, how they start, and the settings that are refused."""

import numpy as np
import pytest
from lessons import fresh_net
from lstm_nets import LONGEST, Case, at_end, design, every_step, settings
from pydantic import ValidationError

from repro.learners import lstm

KINDS = ["none", "gates", "cells", "outputs", "hidden", "gates+outputs", "cells+outputs", "all"]


# ------------------------------------------------------------------------------------------------------------ weights


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
        (3, 2, 7, 7, "gates+outputs", 276 + 7),  # a reading of experiment 1
        (3, 2, 7, 7, "outputs", 276 - 6 + 7),
        (3, 2, 7, 7, "cells", 276 - 6 + 6),
        (3, 2, 7, 7, "cells+outputs", 276 - 6 + 6 + 7),
    ],
)
@pytest.mark.parametrize("by_index", [False, True])
@pytest.mark.parametrize("more", [{}, {"gradient": "full", "cells_see_gates": "current"}])
def test_as_many_weights_as_published(blocks, size, n_in, n_out, biased, published, by_index, more):
    case = Case(settings(blocks, size, biased, **more), at_end(n_in, n_out, input_symbols=by_index), width=2)
    assert lstm.n_weights(case.settings, case.interface) == published
    lengths = design(case).row_lengths()
    assert sum(lengths) == published
    net = lstm.allocate(*case)
    parts = [len(row) for row in lstm.weights(case.settings, net, case.interface, 1)]
    if by_index:  # the weights from inputs are a part of their own
        hidden = parts[:-n_out]
        assert hidden[::2] == [n_in] * (len(lengths) - n_out)
        parts = [n_in + rest for rest in hidden[1::2]] + parts[-n_out:]
    assert parts == lengths
    for row in lstm.weights(case.settings, net, case.interface, 1):
        row += 1
    arrays = (net.w, net.w_out, net.w_symbol)
    assert sum(array[..., 1].sum() for array in arrays) == published  # views, that do not overlap
    assert max(array.max() for array in arrays if array.size) == 1
    assert not any(array[..., 0].any() for array in arrays)


@pytest.mark.parametrize("biased", KINDS)
@pytest.mark.parametrize("by_index", [False, True])
def test_weights_are_drawn_in_order_from_a_symmetric_range(biased, by_index):
    config, interface = settings(2, 2, biased, init=0.1), at_end(2, 1, input_symbols=by_index)
    net = lstm.allocate(config, interface, 2)
    numbers = np.random.default_rng(3).random(93).tolist()
    queue = iter(numbers)
    lstm.initialise(config, net, interface, 1, lambda: next(queue))
    drawn = np.concatenate(lstm.weights(config, net, interface, 1))
    assert np.allclose(drawn, 0.1 * (2 * np.array(numbers[: len(drawn)]) - 1), rtol=1e-15)
    assert len(list(queue)) == 93 - len(drawn)
    assert np.abs(drawn).max() < 0.1
    assert drawn.min() < -0.08
    assert drawn.max() > 0.08
    assert not net.w[..., 0].any()
    assert not net.w_out[..., 0].any()
    assert not net.w_symbol[..., 0].any()


def test_inputs_by_index_draw_the_same_net():
    """Unit by unit, inputs first: as though the inputs were one-hot vectors."""
    found = []
    for symbols in (False, True):
        case = Case(settings(2, 1, "all"), at_end(20, 3, input_symbols=symbols), width=1)
        net = fresh_net(lstm, *case)
        found.append(np.concatenate(lstm.weights(case.settings, net, case.interface, 0)))
    assert np.array_equal(*found)


@pytest.mark.parametrize("by_index", [False, True])
@pytest.mark.parametrize("biased", KINDS)
def test_biases_may_have_a_range_of_their_own(biased, by_index):
    case = Case(settings(2, 2, biased, init=0.8), at_end(2, 1, input_symbols=by_index), width=1)
    config = case.settings.model_copy(update={"bias_init": 0.008})
    nets = [fresh_net(lstm, each, case.interface, 1) for each in (case.settings, config)]
    usual, other = (lstm.weights(case.settings, net, case.interface, 0) for net in nets)
    is_bias = np.zeros(93, bool)
    lengths = design(case).row_lengths()
    for unit, end in enumerate(np.cumsum(lengths)):
        kind = "gate" if unit < 4 else "cell" if unit < 8 else "output"
        is_bias[end - 1] = kind in {"hidden": "gate+cell", "all": "gate+cell+output"}.get(biased, biased)
    is_bias = is_bias[: sum(lengths)]
    assert is_bias.sum() == {
        "none": 0, "gates": 4, "cells": 4, "outputs": 1, "hidden": 8, "gates+outputs": 5, "cells+outputs": 5, "all": 9
    }[biased]  # fmt: skip
    ratios = np.concatenate(other) / np.concatenate(usual)
    assert np.allclose(ratios, np.where(is_bias, 0.01, 1.0), rtol=1e-12)


@pytest.mark.parametrize("by_index", [False, True])
def test_listed_gate_biases_are_set(by_index):
    """Table 10: experiment 4's input gates start at -3 and -6; experiment 3 lists the output gates' too."""
    interface = at_end(2, 1, input_symbols=by_index)
    config = settings(2, 2, "all", init=0.1, input_gate_bias=(-3.0, -6.0))
    net = fresh_net(lstm, config, interface, 1)
    units = lstm.weights(config, net, interface, 0)
    biases = [row[-1] for row in (units[1:16:2] if by_index else units[:8])]
    assert biases[:2] == [-3, -6]
    assert np.abs(biases[2:]).max() < 0.1
    assert np.abs(net.w[:, :-1]).max() < 0.1
    interface = at_end(1, 1)
    config = settings(
        3, 1, "hidden", bias_init=0.1, input_gate_bias=(-1.0, -3.0, -5.0), output_gate_bias=(-2.0, -4.0, -6.0)
    )
    net = fresh_net(lstm, config, interface, 1)
    assert [row[-1] for row in lstm.weights(config, net, interface, 0)[:6]] == [-1, -3, -5, -2, -4, -6]
    assert np.abs(net.w[:, :-1]).max() < 0.8


def test_a_listed_bias_is_not_drawn():
    """The numbers that others would have been are those of the next weights."""
    interface = at_end(2, 1)
    numbers = np.random.default_rng(3).random(93).tolist()
    queue = iter(numbers)
    config = settings(2, 2, "all", output_gate_bias=(-3.0, -6.0))
    net = lstm.allocate(config, interface, 1)
    lstm.initialise(config, net, interface, 0, lambda: next(queue))
    assert len(list(queue)) == 2
    last = lstm.weights(config, net, interface, 0)[-1]
    assert np.allclose(last, 0.8 * (2 * np.array(numbers[86:91]) - 1), rtol=1e-15)


def test_a_listed_bias_may_come_on_top_of_a_drawn_one():
    """As the author's simulator has it: all other weights are those of a net whose biases are drawn."""
    config = settings(2, 2, "all", output_gate_bias=(-3.0, -6.0), listed_biases="added")
    drawn = config.model_copy(update={"output_gate_bias": "random"})
    nets = [fresh_net(lstm, each, at_end(2, 1), 1) for each in (config, drawn)]
    rows, usual = (lstm.weights(config, net, at_end(2, 1), 0) for net in nets)
    apart = np.concatenate(rows) - np.concatenate(usual)
    where = np.cumsum(design(Case(config, at_end(2, 1))).row_lengths())[2:4] - 1  # of the output gates
    assert np.allclose(apart[where], [-3, -6], rtol=1e-14)
    assert np.count_nonzero(apart) == 2


WHAT_IS_SEEN = [  # by gates, by cells: of 3 + 6 + 6 sources (inputs, gates, cells) what gates and what cells see
    ("everything", "everything", 15, 15),
    ("everything", "no gates", 15, 9),
    ("no gates", "no gates", 9, 9),
    ("everything", "inputs", 15, 3),
    ("inputs", "inputs", 3, 3),
    ("inputs", "everything", 3, 15),
]


@pytest.mark.parametrize(("gates_see", "cells_see", "of_gate", "of_condition"), WHAT_IS_SEEN)
@pytest.mark.parametrize("biased", KINDS)
@pytest.mark.parametrize("by_index", [False, True])
def test_what_is_not_seen_has_no_weight(gates_see, cells_see, of_gate, of_condition, biased, by_index):
    """Nor is one drawn for it, nor does one ever move from 0."""
    sights = {"gates_see": gates_see, "cells_see": cells_see}
    case = Case(settings(3, 2, biased, **sights), at_end(3, 1, input_symbols=by_index), width=2)
    n_biases = {
        "none": 0, "gates": 6, "cells": 6, "outputs": 1, "hidden": 12, "gates+outputs": 7, "cells+outputs": 7, "all": 13
    }[biased]  # fmt: skip
    count = 6 * of_gate + 6 * of_condition + 6 + n_biases
    assert lstm.n_weights(case.settings, case.interface) == count == sum(design(case).row_lengths())
    numbers = iter(np.random.default_rng(3).uniform(0.6, 1, count))
    net = lstm.allocate(*case)
    lstm.initialise(case.settings, net, case.interface, 1, lambda: next(numbers))
    assert not list(numbers)
    rows = lstm.weights(case.settings, net, case.interface, 1)
    assert sum(map(len, rows)) == count
    assert min(row.min() for row in rows) > 0
    assert sum(np.count_nonzero(array[..., 1]) for array in (net.w, net.w_out, net.w_symbol)) == count
    assert not any(array[..., 0].any() for array in (net.w, net.w_out, net.w_symbol))


# ----------------------------------------------------------------------------------------------------------- settings


GOOD = {"name": "lstm", "blocks": 2, "size": 2, "biased": "all", "init": 0.1, "learning_rate": 0.5}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("blocks", 0),
        ("blocks", 2.5),
        ("blocks", "2"),
        ("size", 0),
        ("biased", "some"),
        ("biased", "outputs+gates"),
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
        ("error_factor", 0),
        ("error_factor", 3),
        ("error_factor", 0.5),
        ("update", "epoch"),
        ("update", None),
        ("gradient", "exact"),
        ("cells_see_gates", "next"),
        ("cells_see_gates", True),
        ("train_biases", "yes"),
        ("train_biases", "gates+cells"),
        ("gates_see", "nothing"),
        ("cells_see", "gates"),
        ("outputs_see", "next"),
        ("start", 0.25),
        ("start", 1),
        ("listed_biases", "both"),
        ("train_biases", 1),
        ("train_biases", None),
        ("init", 0.0),
        ("init", -0.1),
        ("init", float("nan")),
        ("bias_init", 0.0),
        ("bias_init", -0.1),
        ("bias_init", 101.0),
        ("bias_init", float("nan")),
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


def test_the_full_gradient_waits_for_the_end_of_the_sequence():
    with pytest.raises(ValidationError, match="gradient"):
        lstm.Settings(**GOOD | {"gradient": "full", "update": "step"})
    assert lstm.Settings(**GOOD | {"gradient": "full"}).update == "sequence"


def test_cells_that_see_no_gates_see_them_at_no_time_step():
    for sees in ("no gates", "inputs"):
        with pytest.raises(ValidationError, match="they see no gates"):
            lstm.Settings(**GOOD | {"cells_see": sees, "cells_see_gates": "current"})
        assert lstm.Settings(**GOOD | {"gates_see": sees, "cells_see_gates": "current"}).gates_see == sees


def test_outputs_that_see_the_step_before_need_cells_that_start_from_nothing():
    """Before the first step of the cells h(s) is no output of theirs; where h(0) = 0 no output gate learns from it."""
    for h in ((0.0, 1.0), (-0.5, 1.5)):
        with pytest.raises(ValidationError, match=r"h\(0\) = 0"):
            lstm.Settings(**GOOD | {"outputs_see": "previous", "h": h})
    for h in ((-1.0, 1.0), "identity"):
        assert lstm.Settings(**GOOD | {"outputs_see": "previous", "h": h}).h == h


def test_the_paper_is_the_default():
    config = lstm.Settings(**GOOD)
    assert (config.g, config.h, config.output, config.output_error) == ((-2, 2), (-1, 1), "logistic", "derivative")
    assert (config.gradient, config.error_factor, config.cells_see_gates) == ("truncated", 1, "previous")
    assert (config.input_gate_bias, config.output_gate_bias) == ("random", "random")
    assert config.train_biases is True
    assert (config.gates_see, config.cells_see, config.outputs_see) == ("everything", "everything", "current")
    assert (config.start, config.listed_biases) == (0, "set")
    assert config.bias_init is None


def test_targets_given_by_their_index_are_refused():
    config = lstm.Settings(**GOOD)
    for interface in (at_end(2, 2), every_step(2, 2), at_end(2, 2, input_symbols=True)):
        assert lstm.refuses(config, interface) == ""
        assert "targets" in lstm.refuses(config, interface._replace(target_symbols=True))


def test_settings_never_change():
    config = lstm.Settings(**GOOD)
    with pytest.raises(ValidationError, match="blocks"):
        config.blocks = 3
    assert hash(config) == hash(lstm.Settings(**GOOD))


def test_the_full_gradient_remembers_the_longest_sequence():
    """And nothing else does: its memory is the one array that grows with the length."""
    for gradient, grows in (("truncated", set()), ("full", {"past"})):
        config = settings(2, 2, "all", gradient=gradient)
        short, long = (
            lstm.allocate(config, every_step(2, 2)._replace(longest=n), 1)._asdict() for n in (LONGEST, 2 * LONGEST)
        )
        assert {name for name in short if short[name].shape != long[name].shape} == grows
