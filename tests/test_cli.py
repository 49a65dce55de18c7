"""The commands as a user types them."""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import processes
import pytest
from click.testing import CliRunner, Result
from conftest import SMALL
from invented import AS_PUBLISHED, PASSED, fill, invented, stage, times
from rich.console import Console
from rich.file_proxy import FileProxy

from repro.commands import main as cli
from repro.commands import run as running
from repro.commands.main import main
from repro.experiments import config
from repro.presentation.trials import frame
from repro.records import planning
from repro.records.store import Store, StoreError
from repro.records.trial import Record
from repro.running import engine, status
from repro.running.campaign import Count

QUICK = [f"{key}={json.dumps(value)}" for key, value in SMALL.items() if key != "stop.stages"]
RUN = ["run", "6a/lstm", "--trials", "3", *(part for change in QUICK for part in ("--set", change))]


def repro(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "repro", *arguments],
        capture_output=True, text=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip


def test_help_names_every_command_and_every_option_has_help():
    said = repro("--help").output
    for name, command in main.commands.items():
        assert f"  {name}" in said
        assert repro(name, "--help").output
        assert command.help
        for option in command.params:
            assert option.param_type_name == "argument" or option.help, (name, option.name)


def test_list_shows_every_row(tmp_path):
    said = repro("list", "--results", str(tmp_path)).stdout
    for row in config.load().values():
        assert row.name in said
    assert "156" in said
    assert "31,390" in said


READING = [
    ["list"], ["list", "--stored"], ["show", "6a/lstm:3"], ["table", "9"], ["compare", "9"], ["readings", "9"],
    ["trials"], ["replay", "6a/lstm:3"], ["attest"], ["plot", "success", "9"], ["report"], ["status"],
]  # fmt: skip


@pytest.mark.parametrize("command", READING, ids=" ".join)
@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_results_folder_that_somebody_names_is_there(command, how, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if how == "variable":
        monkeypatch.setenv("REPRO_RESULTS", "nowhere")
    said = repro(*command, *(["--results", "nowhere"] if how == "option" else []), code=2)
    assert (said.stdout, said.stderr.splitlines()[-1]) == ("", "Error: there is no results folder 'nowhere'")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["list"], ["table", "9"], ["trials"], ["compare", "9"], ["status"]], ids=" ".join)
def test_where_there_is_no_results_folder_it_is_said_how_to_get_one(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert repro(*command).stderr == (
        "There is no folder 'results' here, so nothing is stored: `repro run` makes it, --results names another.\n"
    )
    (tmp_path / "results").mkdir()
    assert repro(*command).stderr == ""


def test_a_frame_is_of_a_folder_that_is_there(tmp_path):
    with pytest.raises(StoreError, match="there is no results folder"):
        frame("6a", results=tmp_path / "nowhere")


def test_the_matrix_says_who_takes_what():
    said = repro("list", "--matrix").stdout
    heads, _, *lines = (line.split() for line in said.split("\n\n")[0].splitlines())
    cells = {line[0]: dict(zip(heads[1:], line[1:], strict=True)) for line in lines}
    assert list(cells) == ["1", "2a", "2b", "2c", "3a", "3b", "3c", "4", "5", "6a", "6b"]
    assert cells["1"]["lstm"] == cells["1"]["rtrl"] == cells["2a"]["chunker"] == "paper"
    assert cells["4"]["rtrl"] == cells["6b"]["elman"] == "ours"
    assert cells["2c"]["rtrl"] == cells["1"]["bptt"] == "can"
    assert cells["2a"]["lstm"] == "paper"
    assert cells["6a"]["chunker"] == cells["4"]["guessing"] == "-"
    words = " ".join(said.split())
    assert "-, chunker: it predicts symbols, given by their index, at every time step" in words
    assert "; the task has no fixed training set" in words
    rows = config.load().values()
    for experiment, learners in cells.items():
        for learner, cell in learners.items():
            mine = [row for row in rows if row.experiment == experiment and row.learner == learner]
            assert bool(mine) == (cell in ("paper", "ours"))
    assert json.loads(repro("list", "--matrix", "--format", "json").stdout)[0]["experiment"] == "1"


def test_show_has_settings_readings_and_published_values():
    said = repro("show", "4/lstm/T=100", "--reading", "linear").stdout
    assert re.search('learner.output +"linear"', said)
    assert "reading linear (shown here)" in said
    assert "sequences 74000" in said


@pytest.mark.parametrize("command", [["list"], ["show", "6a/lstm"], ["table", "9"], ["table", "6a/lstm", "8"]])
def test_every_reading_command_has_every_format(command):
    assert json.loads(repro(*command, "--format", "json").stdout)
    assert len(list(csv.reader(io.StringIO(repro(*command, "--format", "csv").stdout)))) > 1
    assert "|:--" in repro(*command, "--format", "md").stdout
    assert r"\toprule" in repro(*command, "--format", "latex").stdout


def test_running_again_runs_what_is_missing_alone(tmp_path):
    results = str(tmp_path / "r")
    first = repro(*RUN, "--engine", "inline", "--results", results)
    assert "3 trials done (3 run now" in first.stderr
    assert "6a/lstm (stop.window=4" in first.stderr
    assert first.stdout == ""
    path = Store(tmp_path / "r").path("6a")
    lines = path.read_text().splitlines()
    again = repro(*RUN, "--engine", "inline", "--results", results)
    assert "3 trials done (nothing was missing)" in again.stderr
    assert path.read_text().splitlines() == lines
    path.write_text("\n".join([*lines[:3], lines[4]]) + "\n")  # without the second of the trials that ended
    assert "(1 run now" in repro(*RUN, "--results", results, "-j", "2").stderr

    def results_of(text: str) -> list[dict[str, object]]:
        trials = (line for line in text.splitlines() if line.startswith('{"cell"'))
        records = sorted(map(json.loads, trials), key=lambda r: r["trial"])
        return [{k: v for k, v in r.items() if k != "cpu_s"} for r in records]

    assert results_of(path.read_text()) == results_of("\n".join(lines))


def test_dry_run_runs_nothing(tmp_path):
    said = repro("run", "@quick", "--dry-run", "--results", str(tmp_path / "r")).stdout
    assert "4/lstm/T=100 (linear)" in said
    assert not (tmp_path / "r").exists()


def test_records_with_other_settings_are_not_in_the_papers_table(tmp_path):
    repro(*RUN, "--engine", "inline", "--results", str(tmp_path))
    lines = json.loads(repro("table", "9", "--results", str(tmp_path), "--format", "json").stdout)
    assert [line["trials"] for line in lines] == [0, 0]
    said = repro("table", "9", "--results", str(tmp_path)).stdout
    assert "6a/lstm, printed: 3 trials of other settings: `repro list --stored` names them." in said
    assert "Not run yet: '6a/lstm', '6b/lstm'. `repro run '6a/lstm'` runs the first." in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "6a/lstn"], "Error: no row is called '6a/lstn'. Did you mean 6a/lstm"),
        (["run"], "Missing argument 'SELECT...'"),
        (["run", "6a/lstm", "--reading", "liner"], "6a/lstm has no reading 'liner'"),
        (["run", "6a/lstm", "--set", "learning_rate"], "--set takes KEY=VALUE"),
        (["run", "6a/lstm", "--set", "learning_rate=fast"], "learning_rate: has to be a number, not 'fast'"),
        (["run", "6a/lstm", "--set", "x=1\ny=2"], r"Error: '1\ny=2' is more than a value: there are lines behind it"),
        (["run", "6a/lstm", "--set", "init=1 # y"], "6a/lstm: init: has to be a number, not '1 # y'"),
        (["run", "6a/lstm", "--set", "init=1", "--set", "init=2"], "--set has init twice: give it once"),
        (["run", "6a/lstm", "--set", "init=1", "--set", "learner.init=2"], "learner.init: is the same setting as init"),
        (
            ["run", "6a/lstm", "--set", "max_sequences=3", "--max-sequences", "4"],
            "--max-sequences and --set max_seq",
        ),
        (
            ["run", "6a/lstm", "--set", "stop.max_sequences=3", "--max-sequences", "4"],
            "and --set stop.max_sequences are",
        ),
        (
            ["run", "6a/lstm", "--grid", "max_sequences=3,5", "--max-sequences", "4"],
            "same setting as stop.max_s",
        ),
        (["run", "6a/lstm", "--grid", "init=3,5", "--set", "init=4"], "init is set for all variants, and by"),
        (["race", "6a/lstm", "6a/lstm init=3 init=4"], "'6a/lstm init=3 init=4' has init twice: give it once"),
        (["race", "6a/lstm", "6a/lstm seed=true"], "a seed is a whole number from 0, not true"),
        (["run", "6a/lstm", "--set", "lr=0.1"], "6a/lstm: lr: "),
        (["run", "6a/lstm", "-j", "0"], "Invalid value for '-j'"),
        (["run", "6a/lstm", "--workers", "2"], "No such option"),
        (["table", "12"], "there are 1, 2, 3, 4, 5, 6, 7, 8, 9, text, ours, and in `repro table` 10 and 11, the exper"),
        (["show", "4/lstm/*"], "'4/lstm/*' means 3 rows, and one is wanted: 4/lstm/T=100, 4/lstm/T=500"),
        (["run", "6a/lstm", "--set", "x=" + "[" * 5000], "6a/lstm: x: "),
        (["run", "6a/lstm", "--results", "/proc/x"], "cannot be written"),
        (["show", "9/x"], "no row is called '9/x'"),
        (["run", "1/cascade", "--set", "epoch=100"], "learner.epoch is 100, but the training set has 256"),
        (["run", "1/cascade", "--set", "order=random"], "it learns by epochs, which needs task.order = 'cycle'"),
        (["run", "3a/guessing/A1,T=100,N=3", "--set", "stop.tolerance=1"], "tolerance is 1.0, the learner's 0.1"),
        (["run", "2a/rtrl/p=4,lr=1", "--set", "net=full"], "a full net are not made for targets given by their index"),
        (["run", "1/lstm/4x1,lr=0.1", "--reading", "smith-zipser"], "has no reading 'smith-zipser'"),
        (["run", "3a/guessing/A1,T=100,N=3", "--set", "tolerance=1"], "tolerance: say which, "),
        (["run", "1/elman/hidden=15", "--set", "forgets=true"], "task, learner and stop rule have no such setting"),
        (["tabel"], "No such command 'tabel'"),
    ],
)
def test_mistakes_are_one_message_and_exit_code_2(arguments, said, tmp_path):
    results = ["--results", str(tmp_path)] if "run" in arguments and "--results" not in arguments else []
    assert said in repro(*arguments, *results, code=2).output


def test_a_bad_line_is_named_by_every_view_blocks_none_and_no_run_goes_on(tmp_path):
    fill(Store(tmp_path), "6a/lstm", times(*AS_PUBLISHED))
    (tmp_path / "6b.jsonl").write_text("nonsense\n")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        for command in (
            ["list"],
            ["table", "9"],
            ["compare", "9"],
            ["trials"],
            ["readings", "9"],
            ["list", "--stored"],
        ):
            done = repro(*command, "--results", str(tmp_path))
            assert "6a/lstm" in done.stdout
            said = r"Warning: \S+6b\.jsonl:1: not a record: .*; find out why, then delete the line\n"
            assert re.match(said, done.stderr)
        done = repro("run", "6b/lstm", "--results", str(tmp_path), code=2)
    assert re.search(r"Error: \S+6b\.jsonl:1: not a record: .* before that nothing is written", done.stderr)
    assert (tmp_path / "6b.jsonl").read_text() == "nonsense\n"


def test_a_torn_results_file_is_a_warning_in_plain_words(tmp_path):
    (tmp_path / "6a.jsonl").write_text('{"schema":1')
    done = process("table", "9", "--results", str(tmp_path))
    assert done.returncode == 0
    assert re.fullmatch(r"Warning: \S+6a\.jsonl:1: torn last line, not counted\n", done.stderr)


@pytest.mark.parametrize("n_stored", [0, 1, 2, 3])
def test_a_folder_that_is_removed_while_a_run_goes_on_ends_it_with_an_error(tmp_path, monkeypatch, n_stored):
    """At whatever moment, the last one among them: never is more said to be done than is there."""
    folder, append, done = tmp_path / "results", Store.append, []
    fill(Store(folder), "6a/lstm", times(31_000))

    def ended(todo: list[engine.Job]) -> Iterator[engine.Event]:
        for job in todo:
            for trial in job.trials:
                yield engine.Ended(job, invented(job.condition, trial, [stage(PASSED, 31_000)]))

    def appending(store: Store, record: Record) -> None:
        if len(done) == n_stored:
            shutil.rmtree(folder)
        append(store, record)
        done.append(record)
        if len(done) == n_stored == 3:
            shutil.rmtree(folder)

    monkeypatch.setattr(engine, "inline", ended)
    monkeypatch.setattr(Store, "append", appending)
    run = ["run", "6a/lstm", "--trials", "4", "--engine", "inline", "--results", str(folder)]
    said = repro(*run, code=2).stderr
    assert "6a.jsonl: was removed, replaced or shortened while this run went on" in said
    assert "trials done (" not in said
    assert len(done) == n_stored
    assert not folder.exists()
    monkeypatch.setattr(Store, "append", append)
    assert "4 trials done (4 run now" in repro(*run).stderr


def test_an_interrupted_run_does_not_say_that_is_done_what_was_removed(tmp_path):
    store, plan = Store(tmp_path), planning.plan([], Store(tmp_path))
    fill(store, "6a/lstm", times(31_000))
    ended = Count()
    ended.note(store.read("6a"))
    outcome = running._Outcome(plan, ended, store)
    assert outcome.interrupted().startswith("Interrupted: 1 trials done, ")
    store.path("6a").unlink()
    assert re.match(r"Interrupted\.\nError: \S+6a\.jsonl: was removed", outcome.interrupted())


def test_a_warning_is_shown_above_a_live_table(monkeypatch):
    shown, terminal = io.StringIO(), io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stderr", FileProxy(Console(file=shown), terminal))  # as a live table does
    cli._show_warning("the kettle boils", UserWarning, "", 0)
    assert shown.getvalue() == "Warning: the kettle boils\n"
    assert terminal.buffer.getvalue() == b""


def test_a_crashed_trial_makes_exit_code_1(tmp_path, monkeypatch):
    from repro.running import crew

    monkeypatch.setattr(crew, "run", lambda *_: 1 / 0)
    done = CliRunner().invoke(main, [*RUN, "--engine", "inline", "--results", str(tmp_path)])
    said = done.stderr
    assert done.exit_code == 1
    assert "ZeroDivisionError" in said
    assert "3 trials crashed; the same command runs them again." in said
    monkeypatch.undo()
    assert "3 trials done (3 run now" in repro(*RUN, "--engine", "inline", "--results", str(tmp_path)).stderr


@pytest.mark.parametrize("command", [[], ["run"], ["table"], ["compare"], ["replay"], ["plot"]])
def test_help_has_its_examples_line_by_line(command):
    help_lines = CliRunner().invoke(main, [*command, "--help"]).output.splitlines()
    assert sum(line.startswith(f"  repro {command[0] if command else ''}") for line in help_lines) >= 2


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], []),
        (["list"], []),
        (["show", "6a/lstm"], []),
        (["table", "7", "8", "9"], ["scipy"]),
        (["table", "10"], []),
        (["compare", "9"], ["scipy"]),
    ],
    ids=" ".join,
)
def test_reading_commands_import_nothing_heavy(arguments, heavy):
    code = (
        "import sys; from repro.commands.main import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit: pass\n"
        "print(sorted({'numba', 'llvmlite', 'pandas', 'matplotlib', 'scipy', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == str(heavy)


LONG = ["run", "4/lstm/T=1000", "--trials", "5", "--max-sequences", "100000000", "--results"]


def at_work(folder: Path, what: Callable[[status.Part], object]) -> Callable[[], bool]:
    """Whether a run in the folder is where ``what`` says."""
    return lambda: any(what(part) for work in status.read(folder) for part in work.parts)


def interrupt(
    number: int, command: list[str], when: float | Callable[[], bool], **environment: str
) -> tuple[int, str, float]:
    """Exit code, what was said, and how long it took to end; nothing of it is left running."""
    child = subprocess.Popen(
        [sys.executable, "-m", "repro", *command],
        stderr=subprocess.PIPE, text=True, start_new_session=True, env={**os.environ, **environment},
    )  # fmt: skip
    if isinstance(when, float):
        time.sleep(when)
    else:
        while not when():
            time.sleep(0.05)
    start = time.perf_counter()
    os.killpg(child.pid, number)  # as a terminal does: the workers get it too
    _, said = child.communicate(timeout=60)
    elapsed = time.perf_counter() - start
    assert not processes.left(child.pid)
    return child.returncode, said, elapsed


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("how", [["-j", "2"], ["--engine", "inline"]])
def test_interruption_is_quick_and_says_how_to_go_on(tmp_path, number, code, how):
    returned, said, elapsed = interrupt(
        number, [*LONG, str(tmp_path), *how], at_work(tmp_path, lambda part: part.sequences_per_s)
    )
    assert returned == code, said
    assert elapsed < 2
    assert "Interrupted: 0 trials done, 5 left; the same command goes on from here." in said
    assert "Traceback" not in said


WATCHED = (
    "import sys; from repro import interrupts; from repro.__main__ import main\n"
    "watch = interrupts.watch; interrupts.watch = lambda: (watch(), print('there', flush=True)); main()\n"
)


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.3, 0.6])
def test_interruption_while_it_starts(tmp_path, delay):
    """From the first line of ours on: before that it is Python's."""
    child = subprocess.Popen(
        [sys.executable, "-c", WATCHED, *LONG, str(tmp_path), "-j", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    child.stdout.readline()
    time.sleep(delay)
    start = time.perf_counter()
    os.killpg(child.pid, signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert time.perf_counter() - start < 2
    assert child.returncode == 130
    assert re.fullmatch(r"(.*\n)?Interrupted(\.|: 0 trials done, 5 left; .*)\n", said)
    assert not processes.left(child.pid)


@pytest.mark.parametrize("later", [0.0, 1.0])
def test_interruption_while_kernels_are_compiled(tmp_path, later):
    """The compiler holds nobody up, and Ctrl-C is not lost in it."""
    begun = at_work(tmp_path, lambda part: "kernels" in part.now)
    returned, said, elapsed = interrupt(
        signal.SIGINT, [*LONG, str(tmp_path), "--engine", "inline"],
        lambda: begun() and not time.sleep(later), REPRO_CACHE=str(tmp_path / "kernels"),
    )  # fmt: skip
    assert returned == 130, said
    assert elapsed < 2
    assert "Interrupted: 0 trials done, 5 left" in said
    assert "Traceback" not in said


def test_kill_9_loses_no_finished_trial(tmp_path):
    """Killed again and again at odd moments, the run ends with the very records of an undisturbed one."""
    arguments = ["run", "6a/lstm", "--trials", "8", "--max-sequences", "3000", "-j", "2", "--results"]
    changes = ["--set", "stop.window=50", "--set", "stop.tolerance=0.9", "--set", "task.length=[100,104]"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    repro(*arguments[:-3], "--engine", "inline", "--results", str(whole), *changes)
    seen: set[int] = set()
    for delay in (0.6, 1.4, 2.2):
        child = subprocess.Popen(
            [sys.executable, "-m", "repro", *arguments, str(broken), *changes],
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        time.sleep(delay)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        path = broken / "6a.jsonl"
        lines = [json.loads(line) for line in path.read_text().split("\n")[:-1]] if path.exists() else []
        found = {line["trial"] for line in lines if "trial" in line}  # other lines describe conditions
        assert seen <= found
        seen = found
    assert process(*arguments, str(broken), *changes).returncode == 0

    def digests(folder: Path) -> dict[int, str | None]:
        records = Store(folder).read("6a")
        assert len(records) == 8
        return {record.trial: record.weights_digest for record in records}

    assert digests(broken) == digests(whole)


def ends(arguments: list[str], stdout: TextIO | None, monkeypatch: pytest.MonkeyPatch) -> object:
    """The exit code of a command that prints to ``stdout``."""
    monkeypatch.setattr(sys, "stdout", stdout)
    with pytest.raises(SystemExit) as end:
        main(arguments)
    sys.stdout.close()  # as at the end of a process
    return end.value.code


PRINTING = [["list", "--matrix"], ["--help"], ["run", "--help"], ["--version"], ["list", "--columns", "help"],
            ["trials", "--format", "csv", "--columns", "row,trial", "6a"]]  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_a_full_disk_is_one_message_that_names_what_is_full(arguments, monkeypatch, capsys):
    with suppress(OSError), open("/dev/full", "w") as full:  # noqa: PTH123
        assert ends(arguments, full, monkeypatch) == 2
    assert capsys.readouterr().err == "Error: standard output: No space left on device\n"


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_output_into_a_closed_pipe_is_quiet(arguments, monkeypatch, capsys):
    reads, writes = os.pipe()
    os.close(reads)
    with suppress(BrokenPipeError), os.fdopen(writes, "w") as pipe:
        assert ends(arguments, pipe, monkeypatch) in (141, 1)  # help is click's
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_without_stdout_a_command_runs_all_the_same(arguments, monkeypatch, capsys):
    assert ends(arguments, None, monkeypatch) == 0
    assert capsys.readouterr().err == ""


def test_bench_measures():
    said = json.loads(repro("bench", "lstm", "6a/lstm", "--lanes", "4", "--format", "json").stdout)
    assert [line["what"] for line in said] == ["full training, 6a/lstm", "kernel alone, 6a/lstm"]
    assert all(float(line["million time steps/s"]) > 0.1 for line in said)


def test_bench_names_the_learners():
    assert "learners are rtrl, elman, " in repro("bench", "lstn", code=2).output
    assert "none of these rows has the learner 'rtrl'" in repro("bench", "rtrl", "6a/lstm", code=2).output


def test_compare_holds_to_what_is_recorded(tmp_path):
    store, results = Store(tmp_path), ("--results", str(tmp_path))
    fill(store, "6a/lstm", [[stage("ST3(.1)", 31_000 + 50 * k)] for k in range(20)])
    unrecorded = repro("compare", "6a/lstm", "--check", *results, code=2)
    assert "`repro compare --accept` records" in unrecorded.stderr
    accepted = repro("compare", "6a/lstm", "--accept", *results)
    assert accepted.stderr == f"3 verdicts recorded in {tmp_path / 'verdicts.csv'}\n"
    repro("compare", "6a/lstm", "--check", *results)
    rest = repro("compare", "9", "--check", *results, code=3).stderr
    assert "Not recorded: 9, 6b/lstm, ST3(.1), success rate: NOT RUN now; `repro compare --accept` records it" in rest
    repro("compare", "6a/lstm", "--check", "--points", "5", "--margin", "1.01", *results)  # CONSISTENT agrees, too
    (tmp_path / "6a.jsonl").unlink()
    gone = repro("compare", "6a/lstm", "--check", *results, code=3)
    assert "No longer reproduces: 9, 6a/lstm, ST3(.1), success rate: EQUIVALENT before, NOT RUN now" in gone.stderr


def test_compare_shows_readings_if_asked_to(tmp_path):
    store, results = Store(tmp_path), ("--results", str(tmp_path))
    for reading in ("printed", "linear", "plain-error"):
        fill(store, "4/lstm/T=100", [[]] * 10, reading=reading)
    assert "4/lstm/T=100 (linear)" not in repro("compare", "7", *results).stdout
    one, each = repro("compare", "7", "--reading", "linear", *results), repro("compare", "7", "--reading", *results)
    assert "4/lstm/T=100 (linear)" in one.stdout
    assert "4/lstm/T=100 (plain-error)" not in one.stdout
    assert "4/lstm/T=100 (plain-error)" in each.stdout
    assert "Did you mean linear" in repro("compare", "7", "--reading", "liner", *results, code=2).stderr


def test_the_committed_records_hold_what_is_recorded_of_them():
    repro("compare", "--check", "--results", str(Path(__file__).parents[1] / "results"))


def test_windows_is_told_in_a_sentence():
    code = "import sys; sys.platform = 'win32'; import repro.commands.main"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("repro needs a POSIX system")
    assert "Traceback" not in done.stderr
