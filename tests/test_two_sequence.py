"""Sequences of experiments 3a, 3b and 3c equal the slow twin's, and are distributed as the protocol says."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import kstest, norm
from sequences import check_lengths, many, play, share_deviation
from twins import tasks as twin
from twins.random import Stream

from repro.tasks import two_sequence

KINDS = {
    "3a": {"noisy_signal": False, "targets": (1.0, 0.0)},
    "3b": {"noisy_signal": True, "targets": (1.0, 0.0)},
    "3c": {"noisy_signal": False, "targets": (0.2, 0.8), "target_variance": 0.1},
}


def noisy(kind, length=100, informative=3, variance=0.2):
    return two_sequence.Settings(
        name="two_sequence", length=length, informative=informative, variance=variance, **KINDS[kind]
    )


# ----------------------------------------------------------------------------------------- number by number


@pytest.mark.parametrize(
    ("kind", "length", "informative", "precision"),
    [
        ("3a", 100, 3, "float32"),
        ("3a", 10, 1, "float32"),
        ("3b", 100, 1, "float32"),
        ("3b", 25, 10, "float32"),
        ("3c", 100, 3, "float32"),
        ("3c", 100, 1, "float64"),
    ],
)
@pytest.mark.parametrize("testing", [False, True])
def test_sequences_equal_the_twin(kind, length, informative, precision, testing):
    """But for the last digits of the Gaussian numbers, which are those of an approximation."""
    settings, seed = noisy(kind, length, informative), length + informative + testing
    played = play(two_sequence, settings, 6 * length, seed, precision, testing=testing)
    for lane, sequences in enumerate(played.lanes):
        stream = Stream(played.streams[:, lane])
        assert len(sequences) >= 5
        for sequence in sequences:
            inputs, target, _ = twin.two_sequence(stream, length, informative, 0.2, **KINDS[kind], testing=testing)
            assert sequence.inputs.shape == (len(inputs), 1)
            assert np.allclose(sequence.inputs[:, 0], inputs, rtol=1e-6, atol=1e-6)
            assert sequence.targets.shape == (1, 1)
            assert abs(sequence.targets[0, 0] - target) < 1e-6
            if kind != "3b":
                assert set(sequence.inputs[:informative, 0].tolist()) in ({1}, {-1})


def test_what_a_kind_leaves_out_does_not_move_the_others_numbers():
    """The same stream gives the same lengths, classes and noise with and without noise on the signal."""
    pure, mixed = (play(two_sequence, noisy(kind), 2000, 5) for kind in ("3a", "3b"))
    assert (pure.streams_after == mixed.streams_after).all()
    for one, other in zip(pure.all(), mixed.all(), strict=True):
        assert one.inputs[3:].tolist() == other.inputs[3:].tolist()
        assert (one.inputs[:3] != other.inputs[:3]).all()
        assert one.targets.tolist() == other.targets.tolist()


# ------------------------------------------------------------------------------------------------ distribution


class Facts(NamedTuple):
    signal: np.ndarray  # (sequences, N) what the first elements are
    noise: np.ndarray  # all others
    target: np.ndarray  # (sequences,)


@lru_cache(maxsize=None)
def facts(kind, informative, testing=False):
    sequences = many(two_sequence, noisy(kind, informative=informative), testing=testing)
    return Facts(
        np.array([s.inputs[:informative, 0] for s in sequences], float),
        np.concatenate([s.inputs[informative:, 0] for s in sequences]).astype(float),
        np.array([s.targets[0, 0] for s in sequences], float),
    )


def check_gaussian(values, mean, variance):
    n, scaled = len(values), (values - mean) / variance**0.5
    assert abs(scaled.mean()) < 4 / n**0.5
    assert abs((scaled**2).mean() - 1) < 4 * (2 / n) ** 0.5
    assert abs((scaled**3).mean()) < 4 * (15 / n) ** 0.5
    assert abs((scaled**4).mean() - 3) < 4 * (96 / n) ** 0.5
    assert kstest(scaled[:50_000], norm.cdf).pvalue > 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_are_uniform(kind):
    check_lengths(many(two_sequence, noisy(kind)), 100, 110)


@pytest.mark.parametrize("kind", ["3a", "3c"])
def test_the_first_elements_are_the_class(kind):
    """1 or -1, as often; in 3a the target is 1 or 0."""
    signal, _, target = facts(kind, 3)
    assert (signal == signal[:, :1]).all()
    assert set(signal[:, 0]) == {-1, 1}
    assert abs(share_deviation((signal[:, 0] == 1).sum(), len(signal), 0.5)) < 4
    assert abs((signal[1:, 0] * signal[:-1, 0]).sum()) < 4 * len(signal) ** 0.5
    if kind == "3a":
        assert (target == (signal[:, 0] + 1) / 2).all()


@pytest.mark.parametrize("kind", KINDS)
def test_all_other_elements_are_noise_of_variance_a_fifth(kind):
    noise = facts(kind, 3).noise
    assert len(noise) > 10**6
    check_gaussian(noise, 0, 0.2)
    assert abs((noise[1:] * noise[:-1]).mean() / 0.2) < 4 / len(noise) ** 0.5


@pytest.mark.parametrize("informative", [1, 3])
def test_in_3b_the_first_elements_are_noisy_too(informative):
    signal, _, target = facts("3b", informative)
    assert set(target) == {0, 1}
    assert abs(share_deviation((target == 1).sum(), len(target), 0.5)) < 4
    for k in range(informative):
        check_gaussian(signal[:, k] - (2 * target - 1), 0, 0.2)


def test_in_3b_one_element_has_the_wrong_sign_as_often_as_the_protocol_says():
    """Phi(-1 / sqrt 0.2) = 0.0127, near Table 5's 0.0121: 0.2 is the variance. As a deviation it would give 3e-7."""
    share = norm.cdf(-1 / 0.2**0.5)
    assert abs(share - 0.0127) < 5e-5
    signal, _, target = facts("3b", 1)
    wrong = (signal[:, 0] * (2 * target - 1) < 0).sum()
    assert wrong > 150
    assert abs(share_deviation(wrong, len(target), share)) < 4


def test_in_3c_targets_are_noisy_in_training():
    """0.2 for class 1 and 0.8 for class 2, plus Gaussian noise of variance 0.1, which tells nothing of the inputs."""
    signal, _, target = facts("3c", 3)
    noise = target - np.where(signal[:, 0] == 1, 0.2, 0.8)
    for which in (-1, 1):
        check_gaussian(noise[signal[:, 0] == which], 0, 0.1)
    assert abs((noise[1:] * noise[:-1]).mean() / 0.1) < 4 / len(noise) ** 0.5


def test_in_3c_targets_have_no_noise_in_tests():
    signal, _, target = facts("3c", 3, testing=True)
    assert (target == np.where(signal[:, 0] == 1, np.float32(0.2), np.float32(0.8))).all()
    assert set(signal[:, 0]) == {-1, 1}


# ------------------------------------------------------------------------------------------------------ settings


def test_interface():
    """Table 10: 1 input and 1 output."""
    interface = two_sequence.interface(noisy("3a", 105))
    assert (interface.n_in, interface.n_out, interface.longest) == (1, 1, 115)
    assert not (interface.input_symbols or interface.target_symbols or interface.every_step)
    assert interface.judged_at_end


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "two"),
        ("length", 9),
        ("length", 1_000_001),
        ("length", 100.5),
        ("informative", 0),
        ("informative", 11),
        ("variance", -0.1),
        ("variance", "0.2"),
        ("variance", 101),
        ("noisy_signal", 1),
        ("targets", (1.0,)),
        ("targets", (1.0, 0.0, 0.5)),
        ("targets", 1.0),
        ("target_variance", -0.1),
        ("deviation", 0.2),
    ],
)
def test_bad_settings_are_refused_by_name(field, value):
    good = noisy("3a").model_dump()
    assert two_sequence.Settings(**good).target_variance == 0
    with pytest.raises(ValidationError, match=rf"(?m)^{field}(\.\d)?$"):
        two_sequence.Settings(**good | {field: value})
