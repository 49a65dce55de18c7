"""Signals that ask for an end: none is lost, whatever the process is at, and it ends at once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import processes
import pytest

from repro import interrupts
from repro.files import PACKAGE

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
WATCHING = (
    "import os, signal, sys, time; from repro import interrupts; interrupts.watch(); print('there', flush=True)\n"
)


def child(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process of its own group that watches, and then runs ``code``; it has begun with it."""
    process = subprocess.Popen(
        [sys.executable, "-c", WATCHING + code, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=Path(__file__).parent,
    )  # fmt: skip
    assert process.stdout.readline() == "there\n"
    return process


def end(process: subprocess.Popen[str], number: int, n_times: int = 1) -> tuple[int, str]:
    """Its exit code and what it says, after some signals; it ends in time, and leaves nothing."""
    began = time.monotonic()
    for _ in range(n_times):
        os.killpg(process.pid, number)  # as a terminal does
    _, said = process.communicate(timeout=20)
    assert time.monotonic() - began < 2
    assert not processes.left(process.pid)
    return process.returncode, said


BUSY = {
    "computing": "while True: pass",
    "waiting": "time.sleep(60)",
    "swallowing": "while True:\n    try: time.sleep(0.001)\n    except BaseException: pass",
    "in a destructor": "class A:\n    def __del__(self): time.sleep(0.01)\nwhile True: A()",
    "in C": "while True: sorted(range(10**5), key=lambda k: -k)",
    "importing": "import importlib, json\nwhile True: importlib.reload(json)",
    "starting a process": "import subprocess\nwhile True: subprocess.run([sys.executable, '-c', ''])",
}


def test_an_interrupt_while_the_first_module_is_imported_is_not_an_exception(tmp_path):
    """`signal` is Python: here it comes with an interrupt, and is then what it always is."""
    told = "import os, _signal\nos.kill(os.getpid(), _signal.SIGINT)\n"
    (tmp_path / "signal.py").write_text(told + Path(signal.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), str(PACKAGE.parent)])
    done = subprocess.run(
        [sys.executable, "-m", "repro", "list"],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")


@pytest.mark.parametrize("n_times", [1, 10])
@pytest.mark.parametrize("what", BUSY)
def test_an_interrupt_ends_the_process_whatever_it_is_at(what, n_times):
    process = child(BUSY[what])
    time.sleep(0.05)
    assert end(process, signal.SIGINT, n_times) == (130, "Interrupted.\n")


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_has_its_exit_code(number):
    assert end(child("time.sleep(60)"), number) == (SIGNALS[number], "Interrupted.\n")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_is_ignored_from_the_start_stays_so(number):
    """As nohup does."""
    code = f"import signal, subprocess, sys; signal.signal({int(number)}, signal.SIG_IGN)\n"
    code += (
        f"sys.exit(subprocess.run([sys.executable, '-c', {WATCHING + 'time.sleep(0.3); sys.exit(7)'!r}]).returncode)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    process.stdout.readline()
    os.killpg(process.pid, number)
    process.communicate()
    assert process.returncode == 7


def test_what_is_to_be_done_is_done_the_latest_first():
    process = child(
        "def do(text): print(text, flush=True)\n"
        "with interrupts.at_the_end(lambda: do('first') or 'Interrupted: 3 done.'):\n"
        "    with interrupts.at_the_end(lambda: do('done with')): pass\n"
        "    with interrupts.at_the_end(lambda: 1 / 0), interrupts.at_the_end(lambda: do('last')): time.sleep(60)\n"
    )
    time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    assert process.communicate(timeout=20) == ("last\nfirst\n", "Interrupted: 3 done.\n")
    assert process.returncode == 130


def test_what_is_undivided_is_done_whole_or_not_at_all(tmp_path):
    process = child(
        "from pathlib import Path\n"
        "for n in range(1000):\n"
        "    with interrupts.undivided():\n"
        "        Path(sys.argv[1], f'{n}-begun').touch(); time.sleep(0.02); Path(sys.argv[1], f'{n}-ended').touch()\n",
        tmp_path,
    )
    time.sleep(0.15)
    assert end(process, signal.SIGINT)[0] == 130
    names = [path.name for path in tmp_path.iterdir()]
    assert sum(name.endswith("begun") for name in names) == sum(name.endswith("ended") for name in names) > 0


@pytest.mark.parametrize("code", ["interrupts.undivided()", "interrupts.at_the_end(lambda: time.sleep(60))"])
def test_what_does_not_end_holds_nobody_up(code):
    process = child(f"with {code}: time.sleep(60)")
    time.sleep(0.1)
    assert end(process, signal.SIGINT)[0] == 130


def test_a_terminal_that_is_gone_is_no_error():
    process = child("time.sleep(60)")
    process.stderr.close()
    process.stdout.close()
    os.kill(process.pid, signal.SIGHUP)
    assert process.wait(20) == 129


WORKERS = (
    "os.environ['FAULTS'] = sys.argv[1]; import faults\n"
    "from conftest import small_condition; from repro.running import engine\n"
    "for event in engine.local([engine.Job(small_condition(), (trial,)) for trial in range(8)], 8, faults.slow):\n"
    "    print('a worker is started', flush=True)\n"
)


@pytest.mark.parametrize("n_started", [0, 1, 3])
def test_an_interrupt_while_workers_start_is_not_swallowed(tmp_path, n_started):
    process = child(WORKERS, tmp_path)
    for _ in range(n_started):
        process.stdout.readline()
    assert end(process, signal.SIGINT) == (130, "Interrupted.\n")


def test_without_a_watch_a_process_that_is_started_is_spared_and_the_signal_comes_after():
    """As in a notebook, where Ctrl-C is Python's."""
    code = (
        "import os, signal, subprocess, sys; from repro import interrupts\n"
        "try:\n"
        "    with interrupts.withheld():\n"
        "        child = subprocess.Popen([sys.executable, '-c', 'print(input())'], stdin=subprocess.PIPE)\n"
        "        os.killpg(0, signal.SIGINT)\n"
        "except KeyboardInterrupt:\n"
        "    child.communicate(b'spared'); sys.exit(5)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True, check=False)
    assert (done.returncode, done.stdout) == (5, b"spared\n")


def test_signals_that_are_watched_have_no_part_in_this_process():
    assert not interrupts.SIGNALS & signal.pthread_sigmask(signal.SIG_BLOCK, [])
