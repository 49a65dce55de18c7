"""What runs in a results folder is told to other terminals; what was killed is told from what runs."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from click.testing import CliRunner
from invented import fill, times
from msgspec.structs import replace

from repro.commands.main import main
from repro.experiments import config
from repro.presentation import grid
from repro.records.headway import Count, Speed
from repro.records.store import Store
from repro.running import status
from repro.running.engine import crashed
from repro.running.status import Note, Part

PARTS = (
    Part("6a/lstm", 3, 20, 2, 1, 1234.56, 65.4, now="compiling kernels"),
    Part("4/lstm/T=100", 0, 10, 0, now="waiting"),
)
HOLD = (
    "import sys, time\nfrom pathlib import Path\nfrom repro.running.status import Note, Part\n"
    "note = Note(Path(sys.argv[1]), 'run')\nnote.write([Part('6a/lstm', 1, 2, 1)])\nprint('there', flush=True)\n"
    "time.sleep(60)\n"
)


def said(folder, form="text"):
    return CliRunner().invoke(main, ["status", "--results", str(folder), "--format", form]).stdout


@pytest.fixture
def other(tmp_path):
    """Another process at work in the folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_nothing_runs(tmp_path):
    assert said(tmp_path) == f"Nothing runs in {tmp_path}.\n"
    assert json.loads(said(tmp_path, "json")) == []


def test_where_the_work_is(tmp_path):
    with Note(tmp_path, "run") as note:
        note.write(PARTS)
        text, lines = said(tmp_path), json.loads(said(tmp_path, "json"))
        (work,) = status.read(tmp_path)
    assert work.parts == PARTS and work.alive
    first, second = lines
    assert {name: first[name] for name in ("command", "state", "row", "done", "missing", "solved", "crashed")} == {
        "command": "run", "state": "running", "row": "6a/lstm", "done": 3, "missing": 17, "solved": 2, "crashed": 1,
    }  # fmt: skip
    assert (first["sequences_per_s"], first["left_s"], first["left_is"]) == (1234.6, 65, "about")
    assert (second["sequences_per_s"], second["left_s"], second["left_is"]) == (None, None, None)
    row = next(line for line in text.splitlines() if line.startswith("6a/lstm"))
    assert row.split() == [
        "6a/lstm",
        "3",
        "17",
        "2",
        "1,235",
        "about",
        "65",
        "s",
        "compiling",
        "kernels,",
        "1",
        "crashed",
    ]


def test_a_terminal_is_told_in_words_too(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    with Note(tmp_path, "run") as note:
        note.write(PARTS)
        piped = said(tmp_path)
        monkeypatch.setattr(grid, "form_here", lambda form: "terminal" if form == "text" else form)
        shown = said(tmp_path)
    assert shown.startswith("repro run, for 0 s (process ")
    assert {word for word in piped.split() if set(word) != {"-"}} <= set(re.sub(r"\x1b\[\d*m", "", shown).split())
    assert said(tmp_path) == f"Nothing runs in {tmp_path}.\n"


def test_a_note_gets_shorter_and_goes(tmp_path):
    with Note(tmp_path, "run") as note:
        note.write(PARTS * 20)
        note.write(PARTS[:1])
        assert [work.parts for work in status.read(tmp_path)] == [PARTS[:1]]
    assert list(tmp_path.iterdir()) == []


def test_it_names_no_machine_and_no_path(tmp_path):
    with Note(tmp_path, "run") as note:
        note.write(PARTS)
        (path,) = tmp_path.iterdir()
        assert set(json.loads(path.read_text())) == {"command", "process", "since", "heard", "parts"}


def test_several_at_once(tmp_path, other):
    with Note(tmp_path, "attest") as note:
        note.write(PARTS[:1])
        works = status.read(tmp_path)
    assert [(work.command, work.alive) for work in works] == [("run", True), ("attest", True)]
    assert works[0].process == other.pid


def test_a_killed_process_is_told_from_one_that_runs(tmp_path, other):
    assert said(tmp_path).startswith("repro run, for ")
    other.kill()
    other.wait()
    text = said(tmp_path)
    assert text.startswith(f"Nothing runs in {tmp_path}.\nrepro run was killed ")
    assert "6a/lstm" in text
    assert json.loads(said(tmp_path, "json"))[0]["state"] == "killed"
    with Note(tmp_path, "run"):
        assert len(list(tmp_path.iterdir())) == 1, "the next one clears up"


def test_a_process_that_begins_is_left_alone(tmp_path):
    begun = tmp_path / ".running.0123.json"
    begun.touch()
    with Note(tmp_path, "run"):
        assert begun.exists()


def test_a_folder_that_cannot_be_written_to_costs_nothing(tmp_path):
    with Note(tmp_path / "not there", "run") as note:
        note.write(PARTS)
    assert not (tmp_path / "not there").exists()


def test_a_run_keeps_a_note_while_it_runs(tmp_path):
    command = [sys.executable, "-m", "repro", "run", "6a/lstm", "--max-sequences", "300", "--results", str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    found, end = [], time.monotonic() + 100
    while not found and time.monotonic() < end:
        found = status.read(tmp_path)
    process.communicate()
    assert [(work.command, work.process, [part.name for part in work.parts]) for work in found] == [
        ("run", process.pid, ["6a/lstm (stop.max_sequences=300)"])
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["6a.jsonl"]


def of_rows(*folders, watch=()):
    named = [word for folder in folders for word in ("--results", str(folder))]
    return CliRunner().invoke(main, ["status", "6a/lstm", "--trials", "6", *named, *watch])


def two_folders(tmp_path, n=3):
    """Trials 0 to n - 1, one of them in both folders, and one that crashed in one of them, and in none ended."""
    fill(Store(tmp_path / "a"), "6a/lstm", times(*[30_000] * n))
    fill(Store(tmp_path / "b"), "6a/lstm", [[]])
    lost = crashed(config.load()["6a/lstm"].condition(), 5, "killed")
    Store(tmp_path / "b").append(lost)
    Store(tmp_path / "b").append(replace(lost, trial=1))
    return tmp_path / "a", tmp_path / "b"


def test_how_far_rows_are_is_told_by_what_is_stored_in_all_folders(tmp_path):
    folders = two_folders(tmp_path)
    heads, _, line = of_rows(*folders).stdout.splitlines()
    assert heads.split() == ["row", "trials", "done", "missing", "solved", "crashed"]
    assert line.split() == ["6a/lstm", "6", "3", "3", "2", "1"]
    assert of_rows(folders[0]).stdout.splitlines()[-1].split() == ["6a/lstm", "6", "3", "3", "3", "0"]
    assert json.loads(of_rows(*folders, watch=["--format", "json"]).stdout)[0]["missing"] == 3


def test_watching_ends_when_all_is_done(tmp_path):
    folders = two_folders(tmp_path)

    def more():
        time.sleep(0.3)
        fill(Store(folders[0]), "6a/lstm", times(*[30_000] * 6), order=lambda made: made[::-1])

    thread = threading.Thread(target=more)
    thread.start()
    done = of_rows(*folders, watch=["--watch", "--every", "0.1"])
    thread.join()
    first, *_, last = done.stdout.splitlines()
    assert first == "3 of 6 trials done, 2 solved, 1 crashed"
    assert any(re.search(r"solved.*, \d+ a minute", line) for line in done.stdout.splitlines()[1:-1])
    assert last == "6 of 6 trials done, 5 solved"
    assert done.exit_code == 0


def test_watching_ends_when_what_is_not_done_has_crashed(tmp_path):
    done = of_rows(*two_folders(tmp_path, 5), watch=["--watch", "--every", "0.1"])
    assert done.stdout == "5 of 6 trials done, 4 solved, 1 crashed\n"
    assert done.exit_code == 1, "as of a run"


def test_without_a_selection_that_is_watched_which_runs(tmp_path, other):
    threading.Timer(0.3, other.kill).start()
    done = CliRunner().invoke(main, ["status", "--watch", "--every", "0.1", "--results", str(tmp_path)])
    lines = done.stdout.splitlines()
    assert lines[0] == "1 of 2 trials done, 1 solved"
    assert lines[-1] == f"Nothing runs in {tmp_path}."


def test_watching_prints_text_alone(tmp_path):
    done = of_rows(tmp_path, watch=["--watch", "--format", "json"])
    assert done.exit_code == 2
    assert "--watch prints text, and no json" in done.stderr


def test_watching_is_ended_by_an_interrupt(tmp_path):
    command = [sys.executable, "-m", "repro", "status", "6a/lstm", "--watch", "--results", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "0 of 20 trials done, 0 solved\n"
    os.kill(process.pid, signal.SIGINT)
    assert process.communicate(timeout=20) == ("", "Interrupted.\n")
    assert process.returncode == 130


def test_speed_is_that_of_the_last_minutes():
    speed = Speed()
    speed.note(0, 100)
    assert speed.per_s is None
    speed.note(10, 200)
    assert speed.per_s == 10
    for now in range(20, 1000, 10):
        speed.note(now, 200 + now - 10)
    assert speed.per_s == 1


def test_what_is_missing_and_crashed_is_over():
    assert Count("", 10, 8, 3, 2).over
    assert not Count("", 10, 8, 3, 1).over
