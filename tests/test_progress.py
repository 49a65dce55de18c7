"""What a run shows while it runs."""

import io
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import small_condition
from invented import record
from rich.console import Console

from repro.commands import live, progress
from repro.experiments import config
from repro.experiments.wanted import Item
from repro.records.planning import Plan
from repro.running import engine
from repro.running.heartbeat import Heartbeat
from repro.running.status import Part

CONDITION = small_condition("6a/lstm", **{"stop.max_sequences": 1000})
ITEM = Item(config.load()["6a/lstm"], CONDITION, 4, {})
JOB = engine.Job(CONDITION, (1, 2, 3))


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def display(live=False):
    done = record(0, outcome="solved", sequences=300)
    return progress.Display(
        Plan((ITEM,), {CONDITION.key: (done,)}, {CONDITION.key: (1, 2, 3)}, {CONDITION.key: (2,)}, {}), live=live
    )


def feed(shown, clock):
    show = shown.show
    show(engine.Given(JOB))
    show(engine.Began(JOB))
    for _ in range(10):
        clock[0] += 2.0
        show(engine.Did(JOB, 30, 3000))
        shown.beat()
    show(engine.Ended(JOB, record(1, outcome="limit", sequences=200)))
    for trial in (2, 3):
        show(engine.Ended(JOB, record(trial, outcome="solved", sequences=50)))


def test_plain_lines_now_and_then(clock, capsys):
    feed(display(), clock)
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "6a/lstm: 1/4 trials, 1 solved, 15 sequences/s, 0.0 M time steps/s, about 50 s left",
        "6a/lstm: 1/4 trials, 1 solved, 15 sequences/s, 0.0 M time steps/s, about 40 s left",
        "6a/lstm: 4/4 trials, 3 solved, 15 sequences/s, 0.0 M time steps/s, done",
    ]


def test_no_escape_codes_outside_a_terminal(clock, capsys):
    feed(display(), clock)
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert "\r" not in said


def test_a_live_table_on_a_terminal(clock):
    shown = display(live=True)
    feed(shown, clock)
    out = io.StringIO()
    Console(file=out, width=100).print(shown.picture())
    heads, line = out.getvalue().splitlines()
    assert heads.split("  ") and "time left" in heads
    assert line.split() == ["6a/lstm", "4/4", "3", "15", "0.0", "M", "done"]


ROWS = live.Rows(
    [
        ["6a/lstm (stop.window=50, task.length=[100, 104])", "12/20", "9", "19,690", "12.0 M", "about 2 min"],
        ["3a/lstm/T=1000,N=3", "0/10", "0", "-", "-", "compiling kernels of lstm on experiment 3a, 18 s so far"],
        ["2a/rtrl/p=4,lr=1", "3/18", "1", "1,234,567", "1.3 M", "up to 3.5 h, 2 crashed"],
    ]
)


@pytest.mark.parametrize(
    ("width", "left_out"), [(140, 0), (100, 0), (80, 0), (71, 0), (70, 1), (60, 1), (50, 2), (40, 3)], ids=str
)
def test_in_a_narrow_terminal_names_are_folded_and_no_number_is_shortened(width, left_out):
    out = io.StringIO()
    Console(file=out, width=width).print(ROWS)
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    shown = {0, 1, 2, 3, 4, 5} - set(live._LEFT_OUT[:left_out])
    for row in (live._HEADS, *ROWS.rows):
        whole = [row[k] for k in sorted(shown - {0, 5})]
        assert any(re.search(r"\s+".join(map(re.escape, whole)), line) for line in text.splitlines()), whole
    names = "".join(line[: text.index("trials") - live._GAP] for line in text.splitlines())
    assert re.sub(r"\s", "", names) == re.sub(r"\s", "", "row" + "".join(row[0] for row in ROWS.rows))


class Terminal(io.StringIO):
    """Stands for a terminal on stderr."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environment", "is_live"),
    [
        ({"TERM": "xterm-256color", "COLUMNS": "100"}, True),
        ({"TERM": "screen", "COLUMNS": "60"}, True),  # tmux
        ({"TERM": "xterm", "COLUMNS": "40"}, True),
        ({"TERM": "xterm", "COLUMNS": "39"}, False),
        ({"TERM": "dumb", "COLUMNS": "100"}, False),
        ({"TERM": "xterm", "COLUMNS": "100", "NO_COLOR": "1"}, True),
    ],
    ids=str,
)
def test_what_a_terminal_is_told(clock, monkeypatch, environment, is_live):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with display(live=None) as shown:
        feed(shown, clock)
    said = terminal.getvalue()
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said)
    assert re.search(r"6a/lstm\S* +4/4 " if is_live else r"^6a/lstm: 4/4 trials, 3 solved", text, re.MULTILINE)
    assert ("\x1b[?25l" in said) == is_live
    assert said.count("\x1b[?25h") == said.count("\x1b[?25l"), "the cursor is there again"
    assert is_live or "\x1b" not in said
    if "NO_COLOR" in environment:
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]", said)


def test_into_a_pipe_go_plain_lines(clock, monkeypatch):
    monkeypatch.setattr(sys, "stderr", pipe := io.StringIO())
    monkeypatch.setenv("FORCE_COLOR", "1")  # it is no terminal for all that
    with display(live=None) as shown:
        feed(shown, clock)
    assert len(pipe.getvalue().splitlines()) == 3
    assert "\x1b" not in pipe.getvalue()


def test_what_another_run_is_at_and_has_done_is_told_from_ones_own(clock, capsys):
    shown = display()
    shown.show(engine.Elsewhere(JOB, (JOB,)))
    assert shown.lines() == ["6a/lstm: 1/4 trials, another run is at it"]
    assert shown.parts()[0].now == "another run is at it"
    shown.show(engine.Found(JOB, record(1, outcome="solved", sequences=50)))
    assert shown.lines() == ["6a/lstm: 2/4 trials, another run is at it"]
    shown.show(engine.Given(JOB))
    assert "kernels" in shown.lines()[0], "what is left is run here"
    for trial in (2, 3):
        shown.show(engine.Found(JOB, record(trial, outcome="solved", sequences=50)))
    assert capsys.readouterr().err == "6a/lstm: 4/4 trials, done\n"


def test_a_late_trial_has_an_upper_bound(clock):
    shown = display()
    shown.show(engine.Began(JOB))
    clock[0] += 10
    shown.show(engine.Did(JOB, 2000, 0))  # more than all three were expected to take
    assert shown._lines[CONDITION.key].left() == "up to 5 s"


def test_rows_that_wait_for_their_kernels_say_so(clock, capsys):
    shown = display()
    assert not shown.lines(), "nothing has begun"
    shown.show(engine.Given(JOB))
    clock[0] += 20
    shown.beat()
    said = "compiling kernels of lstm on experiment 6a, 20 s so far; they are kept for the next time"
    assert capsys.readouterr().err == f"6a/lstm: 1/4 trials, {said}\n"
    shown.show(engine.Began(JOB))
    shown.show(engine.Did(JOB, 100, 100))
    clock[0] += 7
    assert shown.lines()[0].endswith("left, nothing heard for 7 s")


def test_steps_say_where_they_are(clock, capsys):
    shown = progress.Steps("replay", live=False)
    shown.compiling("lstm", "6a")
    clock[0] += 9.5
    shown.beat()
    shown.step("6a/lstm:3", 1000, "training sequences")
    shown.advance(100)
    clock[0] += 2
    shown.beat()  # too early
    clock[0] += 8
    shown.beat()
    assert capsys.readouterr().err.splitlines() == [
        "replay: compiling kernels of lstm on experiment 6a, 10 s so far; they are kept for the next time",
        "replay: 6a/lstm:3, 100 of 1,000 training sequences, about 2 min left",
    ]


def test_watched_jobs_are_part_of_a_step(clock):
    shown = progress.Steps("attest", live=False)
    shown.step("running stored trials again", 5, "conditions")
    for event in shown.watching([engine.Given(JOB), engine.Began(JOB), engine.Did(JOB, 1234, 1)]):
        clock[0] += 4
        said = shown.lines()[0]
        if isinstance(event, engine.Given):
            assert "compiling kernels of lstm on experiment 6a, 4 s so far" in said
    assert said == (
        "attest: running stored trials again, 0 of 5 conditions, 12 s so far, 0 trials run, 1,234 training sequences"
    )


class Busy(Heartbeat):
    """Says when it speaks."""

    def parts(self):
        return [Part("busy")]

    def lines(self):
        return [threading.current_thread().name]


def test_it_speaks_while_the_main_thread_is_busy(capsys):
    with Busy("x", live=False, every_s=0.01):
        time.sleep(0.2)
    said = capsys.readouterr().err.splitlines()
    assert len(said) > 3
    assert threading.main_thread().name not in said
    time.sleep(0.05)
    assert not capsys.readouterr().err, "it went on after the end"


def test_it_is_silent_below_a_live_picture(capsys):
    shown = Busy("x", live=True, every_s=0.0)
    shown.beat()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("live", [True, False])
def test_an_interrupt_leaves_no_note_and_a_cursor(tmp_path, live):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom repro import interrupts\n"
        "from repro.running.heartbeat import Heartbeat\n"
        "class Busy(Heartbeat):\n    def parts(self): return []\n    def lines(self): return ['busy']\n"
        f"interrupts.watch()\nwith Busy('x', Path(sys.argv[1]), live={live}, every_s=0.01):\n    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.iterdir()):
        time.sleep(0.01)
    time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.endswith("Interrupted.\n")
    assert "Traceback" not in said
    assert said.count("\x1b[?25h") == said.count("\x1b[?25l")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (89, "89 s"), (91, "2 min"), (5399, "90 min"), (7200, "2.0 h")]
)
def test_durations(seconds, text):
    assert progress.duration(seconds) == text


def test_many_rows_are_told_as_one(clock, capsys):
    """Ten thousand lines a second would keep a run from its work."""
    conditions = [small_condition("6a/lstm", **{"stop.max_sequences": 1000 + k}) for k in range(50)]
    items = tuple(Item(ITEM.row, condition, 2, {}) for condition in conditions)
    nothing, missing = {one.key: () for one in conditions}, {one.key: (0, 1) for one in conditions}
    shown = progress.Display(Plan(items, nothing, missing, nothing, nothing), live=False)
    for condition in conditions[:3]:
        job = engine.Job(condition, (0, 1))
        shown.show(engine.Given(job))
        shown.show(engine.Ended(job, record(0, outcome="solved", sequences=50)))
    shown.show(engine.Ended(job, record(1, outcome="limit", sequences=50)))
    assert shown.lines() == ["4/100 trials, 1/50 rows done"]
    assert capsys.readouterr().err == ""
    *working, whole = shown.parts()
    assert [part.done for part in working] == [1, 1]
    assert (whole.name, whole.done, whole.total, whole.solved) == ("all rows", 4, 100, 3)
    out = io.StringIO()
    Console(file=out, width=120).print(shown.picture())
    assert len(out.getvalue().splitlines()) == 4
    assert "4/100 trials, 1/50 rows done" in out.getvalue()
