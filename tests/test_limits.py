"""Sizes beyond all bounds are refused in a sentence, before anything is made of them."""

import pytest
from click.testing import CliRunner
from conftest import small_condition

from repro.commands.main import main
from repro.errors import shown
from repro.experiments import config, wanted
from repro.experiments.setups import ConfigError
from repro.limits import MOST_TRIALS
from repro.running import memory
from repro.running.engine import Job
from repro.running.memory import RoomError

NINES = "9" * 5000
SHORT = "'" + "9" * 60 + "'... (5,000 characters)"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "6a/lstm", "--trials", "1000000000"], "1000000000 is not in the range 1<=x<=1000000"),
        (["run", "6a/lstm", "--trials", NINES], f"{SHORT} has too many digits"),
        (["run", "*", "--trials", "100000"], "these are 8,700,000 trials, and 1,000,000 are the most at once"),
        (["run", "6a/lstm", "--seed", str(2**63)], "9223372036854775808 is not in the range 0<=x<=9223372036854775807"),
        (["run", "6a/lstm", "--max-sequences", NINES], f"{SHORT} has too many digits"),
        (["run", "6a/lstm", "--max-sequences", str(10**13)], "stop.max_sequences: has to be at most 1,000,000,000,000"),
        (["run", "6a/lstm", "--set", f"learning_rate={NINES}"], f"{SHORT} has a whole number beyond 64 bits"),
        (["run", "6a/lstm", "--set", f"init=0x{NINES}"], "(5,002 characters) has a whole number beyond 64 bits"),
        (
            ["run", "6a/lstm", "--set", f"length=[{2**64}, 1]"],
            "'[18446744073709551616, 1]' has a whole number beyond",
        ),
        (
            ["run", "6a/lstm", "--set", f"length=[{10**9}, {10**9}]"],
            "6a/lstm: task: its sequences have up to 1,000,000,000 time steps, and 2,000,000 are the most",
        ),
        (["run", "4/lstm", "--set", f"length={10**9}"], "length: has to be at most 1,000,000, not 1000000000"),
        (["run", "6a/lstm", "--grid", f"init=1,{NINES}"], f"{SHORT} has a whole number beyond 64 bits"),
        (["race", "6a/lstm", f"6a/lstm seed={NINES}"], f"{SHORT} has a whole number beyond 64 bits"),
        (["replay", f"6a/lstm:{NINES}"], "a trial is ROW:NUMBER, such as 6a/lstm:3; not '6a/lstm:9999"),
        (["show", f"6a/lstm:{NINES}"], "a trial is ROW:NUMBER, such as 6a/lstm:3; not '6a/lstm:9999"),
        (["replay", "6a/lstm:1", "--sequence", "1" + "0" * 23], "'100000000000000000000000' has too many digits"),
        (["replay", "6a/lstm:1", "--sequence", "1000001"], "1000001 is not in the range 0<=x<=1000000"),
        (["attest", "6a/lstm", "--whole", NINES], f"{SHORT} is no number, nor 'all'"),
        (["table", NINES], f"no row is called {SHORT}"),
        (["plot", "learning", f"6a/lstm:{NINES}"], "the name of the file would be too long: name one with -o"),
        (["plot", "learning", f"6a/lstm:{NINES}", "-o", "x.svg"], "no row is called '6a/lstm:9999"),
        (["compare", "--margin", "nan"], "nan is not a finite number"),
        (["compare", "--margin", "inf"], "inf is not a finite number"),
    ],
)
def test_what_is_beyond_all_bounds_is_a_short_message(arguments, said):
    done = CliRunner().invoke(main, arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 500


def test_the_most_is_not_too_many():
    row = config.load()["6a/lstm"]
    assert wanted.items([(row, None)], trials=MOST_TRIALS)[0].n_trials == MOST_TRIALS
    with pytest.raises(ConfigError, match="these are 1,000,001 trials"):
        wanted.items([(row, None)], trials=MOST_TRIALS + 1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\nb", r"'a\nb'"),
        ("x" * 61, f"'{'x' * 60}'... (61 characters)"),
        (True, "true"),
        (1.5, "1.5"),
        (10**70, f"1{'0' * 59}..."),
        (10**5000, "a number of thousands of digits"),
        ([1] * 99, f"[{'1, ' * 19}1,..."),
    ],
    ids=["lines", "long", "bool", "number", "large", "huge", "list"],
)
def test_a_value_in_a_message_is_one_short_line(value, text):
    assert shown(value) == text


# ------------------------------------------------------------------------------------------------------------- memory


HUGE = {  # as nets go; next to nothing is allocated to find out
    "6a/bptt": {"length": [1_000_000, 1_000_000]},
    "5/bptt": {"length": 1_000_000, "hidden": 256},
    "4/rtrl/T=100": {"hidden": 256},
    "2a/lstm/p=100": {"p": 100_000},
    "6a/lstm": {"gradient": "full", "blocks": 64, "size": 64, "input_gate_bias": "random", "window": 1_000_000},
}


@pytest.mark.parametrize("name", [row.name for row in config.load().values()])
def test_what_is_told_without_the_compiler_is_enough(name):
    row = config.load()[name]
    for condition in (row.condition(), row.condition(overrides=HUGE.get(name, {}))):
        assert memory.at_most(condition) > memory.of_one(condition) > 1000


def test_small_nets_fit_anywhere():
    memory.check([Job(small_condition(), tuple(range(20)))] * 2, 2, free=1e9)


@pytest.mark.parametrize(
    ("lanes", "n_workers", "n_jobs", "free", "said"),
    [
        (1, 1, 1, 1e8, "a trial takes 0.2 GB of memory or more, and 0.1 GB are free: choose shorter sequences or a sm"),
        (1, 1, 9, 3e8, ""),
        (1, 9, 1, 3e8, ""),
        (
            1,
            9,
            9,
            3e8,
            "a trial takes 0.2 GB of memory or more, with what else is run at the same time 1.7 GB, and",
        ),
        (
            4,
            1,
            1,
            3e8,
            "4 trials side by side take 0.8 GB of memory or more, and 0.3 GB are free: choose fewer w",
        ),
        (4, 1, 1, 1e9, ""),
        (None, 1, 1, 1e9, "8 trials side by side take 1.5 GB of memory or more, and 1.0 GB are free: choose fewer wor"),
        (None, 1, 1, None, ""),
    ],
)
def test_what_the_memory_has_no_room_for_is_refused(monkeypatch, lanes, n_workers, n_jobs, free, said):
    """Arrays that are 8 lanes wide at most, of 0.2 GB each; nobody knows how much is free on some machines."""
    monkeypatch.setattr(memory, "free_bytes", lambda: free)
    condition = config.load()["6a/bptt"].condition(overrides=HUGE["6a/bptt"])
    jobs = [Job(condition, tuple(range(20)), lanes)] * n_jobs
    if said:
        with pytest.raises(RoomError, match=f"^6a/bptt: {said}"):
            memory.check(jobs, n_workers)
    else:
        memory.check(jobs, n_workers)


def test_what_is_more_than_the_machine_gives_at_all_is_told_too(monkeypatch):
    def too_much(*_):
        raise MemoryError

    condition = config.load()["6a/lstm"].condition()
    monkeypatch.setattr(memory.registry.learner("lstm"), "allocate", too_much)
    monkeypatch.setattr(memory, "at_most", lambda _: 1e30)
    with pytest.raises(RoomError, match="6a/lstm: a trial takes inf GB"):
        memory.check([Job(condition, (0,))], 1, free=1e9)


@pytest.mark.parametrize("command", [["run", "6a", "--dry-run"], ["run", "6a"], ["race", "6a/bptt", "6a/lstm"]])
def test_commands_ask_before_they_begin(monkeypatch, tmp_path, command):
    monkeypatch.setattr(memory, "free_bytes", lambda: 1000)
    done = CliRunner().invoke(main, [*command, "--results", str(tmp_path)])
    assert done.exit_code == 2
    assert "GB are free: choose" in done.stderr
    assert not list(tmp_path.iterdir())
