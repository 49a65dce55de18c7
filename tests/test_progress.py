"""What a run shows while it runs."""

import io

import pytest
from conftest import small_cell
from test_store import record

from repro import config, engine, progress
from repro.campaign import Item, Plan

CELL = small_cell("6a/lstm", **{"stop.max_sequences": 1000})
ITEM = Item(config.load()["6a/lstm"], CELL, 4, {})
JOB = engine.Job(CELL, (1, 2, 3))


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def display(live=False):
    done = record(0, outcome="solved", sequences=300)
    return progress.Display(Plan((ITEM,), {CELL.key: (done,)}, {CELL.key: (1, 2, 3)}, {CELL.key: (2,)}), live=live)


def feed(show, clock):
    show(engine.Began(JOB))
    for _ in range(10):
        clock[0] += 2.0
        show(engine.Did(JOB, 30, 3000))
    show(engine.Ended(JOB, record(1, outcome="limit", sequences=200)))
    for trial in (2, 3):
        show(engine.Ended(JOB, record(trial, outcome="solved", sequences=50)))


def test_plain_lines_now_and_then(clock, capsys):
    feed(display().show, clock)
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "6a/lstm: 1/4 trials, 1 solved, 15 sequences/s, 0.0 M time steps/s, about 48 s left",
        "6a/lstm: 4/4 trials, 3 solved, 15 sequences/s, 0.0 M time steps/s, done",
    ]


def test_no_escape_codes_outside_a_terminal(clock, capsys):
    feed(display().show, clock)
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert "\r" not in said


def test_a_live_table_on_a_terminal(clock):
    from rich.console import Console

    shown = display(live=True)
    feed(shown.show, clock)
    out = io.StringIO()
    Console(file=out, width=100).print(shown._table())
    heads, line = out.getvalue().splitlines()
    assert heads.split("  ") and "time left" in heads
    assert line.split() == ["6a/lstm", "4/4", "3", "15", "0.0", "M", "done"]


def test_a_late_trial_has_an_upper_bound(clock):
    shown = display()
    shown.show(engine.Began(JOB))
    clock[0] += 10
    shown.show(engine.Did(JOB, 2000, 0))  # more than all three were expected to take
    assert shown._lines[CELL.key].left() == "up to 5 s"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (89, "89 s"), (91, "2 min"), (5399, "90 min"), (7200, "2.0 h")]
)
def test_durations(seconds, text):
    assert progress.duration(seconds) == text
