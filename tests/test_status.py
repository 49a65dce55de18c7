"""What runs in a results folder is told to other terminals; what was killed is told from what runs."""

import json
import re
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from repro.commands.main import main
from repro.presentation import grid
from repro.running import status
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
