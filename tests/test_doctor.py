"""`repro doctor` finds what does not work, says what to do, and tells nobody's secrets."""

import errno
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from conftest import ended
from invented import fill, times
from llvmlite import binding

from repro.commands.main import main
from repro.experiments import config
from repro.files import FileError
from repro.records import attestation
from repro.records.store import Store
from repro.records.validity import source_of
from repro.running import doctor, fingerprint, room
from repro.running.doctor import Finding

ROOT = Path(__file__).parent.parent
KNOWN = config.load()[fingerprint.KNOWN_ROW].condition()


def found(part: str, findings) -> Finding:
    """The one finding of a part, or of several the one that is not fine."""
    mine = [finding for finding in findings if finding.part == part]
    (one,) = [finding for finding in mine if finding.state != "fine"] or mine[:1]
    assert (one.state == "fine") == (not one.advice)
    return one


# ------------------------------------------------------------------------------------------------------------ versions


def test_every_library_that_the_project_needs_is_there():
    findings = list(doctor.versions())
    assert {finding.state for finding in findings} == {"fine"}
    assert {"repro", "Python", "numpy", "numba"} <= {finding.part for finding in findings}
    assert "pytest" not in {finding.part for finding in findings}


@pytest.mark.parametrize(
    ("needs", "there", "found_", "advice"),
    [
        (
            "numba<0.69,>=0.62",
            "0.69.0",
            "0.69.0, and <0.69,>=0.62 is needed",
            "python -m pip install 'numba<0.69,>=0.62'",
        ),
        ("numba>=0.62", "0.61.2", "0.61.2, and >=0.62 is needed", "python -m pip install 'numba>=0.62'"),
        ("numba>=0.62", None, "is not there, and >=0.62 is needed", "python -m pip install 'numba>=0.62'"),
        ("numba>=0.62", "0.70.0rc1", "0.70.0rc1", ""),
        ("numba>=0.62; python_version < '3'", None, None, None),
    ],
)
def test_a_version_outside_of_its_range_is_found(monkeypatch, needs, there, found_, advice):
    version = metadata.version

    def installed(name: str) -> str:
        if name != "numba":
            return version(name)
        if there is None:
            raise metadata.PackageNotFoundError(name)
        return there

    monkeypatch.setattr(metadata, "requires", lambda name: [needs])
    monkeypatch.setattr(metadata, "version", installed)
    assert [(one.found, one.advice) for one in doctor.versions() if one.part == "numba"] == (
        [] if found_ is None else [(found_, advice)]
    )


@pytest.mark.parametrize(
    ("asked", "part", "said"),
    [
        ({"Version": "0.0.1", "Requires-Python": ">=3.11"}, "repro", "but installed as 0.0.1"),
        ({"Version": doctor.__version__, "Requires-Python": ">=3.99"}, "Python", "and >=3.99 is needed"),
        (None, "repro", "but not installed"),
    ],
)
def test_an_old_installation_and_an_old_python_are_found(monkeypatch, asked, part, said):
    def of_project(name: str) -> dict[str, str]:
        if asked is None:
            raise metadata.PackageNotFoundError(name)
        return asked

    monkeypatch.setattr(metadata, "metadata", of_project)
    one = found(part, doctor.versions())
    assert one.state == "fails"
    assert said in one.found


# ----------------------------------------------------------------------------------------------- processor and memory


@pytest.mark.parametrize(
    ("machine", "features", "state"),
    [
        ("x86_64", {"avx2": True, "fma": True}, "fine"),
        ("x86_64", {"avx2": False, "sse4.2": True}, "poor"),
        ("AMD64", {"avx2": True}, "fine"),
        ("aarch64", {"neon": True}, "fine"),
        ("aarch64", {"neon": False}, "poor"),
        ("riscv64", {}, "fine"),
    ],
)
def test_a_processor_without_what_speeds_kernels_up_is_found(monkeypatch, machine, features, state):
    monkeypatch.setattr(doctor.platform, "machine", lambda: machine)
    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: features)
    one = found("processor", doctor.processors())
    assert one.state == state
    assert state == "fine" or "the same to the last bit" in one.advice


def test_cores_that_may_not_be_used_are_not_counted(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 3}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert found("cores", doctor.processors()).found.startswith("3 of 8 may be used")


@pytest.mark.parametrize(
    ("free", "state", "said"),
    [
        (None, "fine", "not known"),
        (10e9, "fine", "10.0 GB are free"),
        (2.5 * room.WORKER_BYTES, "poor", "`-j 2`"),
        (0.5 * room.WORKER_BYTES, "fails", "not even one worker"),
    ],
)
def test_too_little_memory_is_found(monkeypatch, free, state, said):
    monkeypatch.setattr(room, "free_bytes", lambda: free)
    monkeypatch.setattr(room, "n_cores", lambda: 8)
    (one,) = doctor.memory()
    assert one.state == state
    assert said in one.found + one.advice


# ------------------------------------------------------------------------------------------------------------- folders


@pytest.fixture
def cached(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("REPRO_CACHE", str(folder))
    return folder


def test_a_cache_that_works_says_what_is_in_it(cached):
    (one,) = doctor.cache()
    assert one == Finding("kernel cache", "$REPRO_CACHE: can be written and read back; kernels in it: 0, 0 MB")
    version = next(cached.rglob("kernels")) / "0123456789abcdef"
    version.mkdir()
    for name in ("a.kernel", "b.kernel"):
        (version / name).write_bytes(bytes(10**6))
    (one,) = doctor.cache()
    assert one.found.endswith("kernels in it: 2, 2 MB")
    assert not list(cached.rglob(".doctor*"))


def refused(*_):
    raise FileError("no") from OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("name", "fake", "said"),
    [
        ("files.write", refused, "No space left on device"),
        ("files.write", lambda path, content: path.write_bytes(content[1:]), "what is read is not what was written"),
        ("shutil.disk_usage", lambda _: SimpleNamespace(free=5e6), "5 MB are free"),
    ],
)
def test_a_cache_that_does_not_work_is_found(cached, monkeypatch, name, fake, said):
    monkeypatch.setattr(f"repro.running.doctor.{name}", fake)
    (one,) = doctor.cache()
    assert one.state == "fails"
    assert said in one.found
    assert "REPRO_CACHE" in one.advice


def test_a_cache_that_cannot_be_made_is_found(cached, monkeypatch):
    cached.write_text("a file")
    assert found("kernel cache", doctor.cache()).state == "fails"
    monkeypatch.delenv("REPRO_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    one = found("kernel cache", doctor.cache())
    assert one.state == "fails"
    assert "no home folder" in one.found


def test_results_are_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(Store(Path("mine")), "6a/lstm", times(1000, 2000))
    read, written = doctor.results_folder(Path("mine"))
    assert read == Finding("results folder", "mine: can be read; trials in it: 2, experiments: 1")
    assert written == Finding("results folder", "mine: can be written, and locks hold there")
    assert [path.name for path in Path("mine").iterdir()] == ["6a.jsonl"]


def test_lines_that_are_no_records_are_found(tmp_path, monkeypatch):
    fill(Store(tmp_path), "6a/lstm", times(1000))
    with (tmp_path / "6a.jsonl").open("a") as file:
        file.write("what is this\n")
    one = found("results folder", doctor.results_folder(tmp_path))
    assert one.state == "poor"
    assert one.found.endswith("trials in it: 1, experiments: 1; warnings: 1")
    assert "repro verify" in one.advice


def test_a_results_folder_need_not_be_there_yet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (one,) = doctor.results_folder(Path("new/results"))
    assert one == Finding("results folder", "new/results: not there yet; `repro run` makes it")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(os, "access", lambda *_: False)
    (one,) = doctor.results_folder(Path("new/results"))
    assert (one.state, one.found) == ("fails", "new/results: not there, and cannot be made")


def nobody(*_):
    raise OSError(errno.ENOLCK, "No locks available")


def read_only(*_, **__):
    raise OSError(errno.EROFS, "Read-only file system")


@pytest.mark.parametrize(
    ("name", "fake", "said"),
    [
        ("fcntl.flock", nobody, "locks do not hold"),
        ("fcntl.flock", lambda *_: None, "locks do not hold"),
        ("Path.open", read_only, "cannot be written (OSError: Read-only file system)"),
        ("Path.glob", read_only, "cannot be read (OSError: Read-only file system)"),
    ],
)
def test_a_results_folder_that_does_not_work_is_found(tmp_path, monkeypatch, name, fake, said):
    monkeypatch.setattr(f"repro.running.doctor.{name}", fake)
    one = found("results folder", doctor.results_folder(tmp_path))
    assert one.state == "fails"
    assert said in one.found


# ------------------------------------------------------------------------------------------------------------ terminal


@pytest.mark.parametrize(
    ("encoding", "state"), [("utf-8", "fine"), ("ascii", "poor"), ("latin-1", "poor"), ("nonsense", "poor")]
)
@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_terminal_that_lacks_letters_is_found(monkeypatch, encoding, state, is_terminal):
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(encoding=encoding, isatty=lambda: is_terminal))
    monkeypatch.setenv("COLUMNS", "93")
    (one,) = doctor.terminal()
    assert one.state == state
    assert one.found.startswith(f"{encoding}; ")
    assert ("93 columns" in one.found) == is_terminal


def test_no_output_at_all_is_found(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert [one.state for one in doctor.terminal()] == ["fails"]


# -------------------------------------------------------------------------------------------------------- known kernel


def test_the_known_bits_and_speed_are_those_of_the_stored_records():
    ledger = attestation.read(ROOT / "results")
    line = ledger.line(KNOWN.key, source_of(KNOWN))
    assert tuple(line.prints[trial] for trial in range(16)) == doctor.KNOWN_PRINTS
    records = Store(ROOT / "results").stored("6a").records(KNOWN.key)
    first = sorted(records, key=lambda record: record.steps)[:4]
    rate = sum(record.steps for record in first) / sum(record.cpu_s for record in first)
    assert rate == pytest.approx(doctor.KNOWN_RATE, rel=0.05)


@pytest.fixture
def little(plain, monkeypatch):
    """A known kernel that takes little time: two trials, one sequence each, in plain Python; what they come to."""
    for module, name, value in (
        (attestation, "PREFIX", 1), (fingerprint, "N_TRIALS", 2), (doctor, "_TICKS", 5), (doctor, "_ROUNDS", 2),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    prints = tuple(attestation.fingerprint(ended(KNOWN.cut_short(1), trial)) for trial in range(2))
    monkeypatch.setattr(doctor, "KNOWN_PRINTS", prints)
    return prints


def test_the_known_bits_are_found_again(little):
    said = []
    kernel, speed = doctor.known_kernel(said.append)
    assert kernel.state == "fine"
    assert kernel.found.endswith("the stored bits")
    assert (speed.part, speed.state) == ("speed", "poor")
    assert len(said) == 1


def test_other_bits_are_found(little, monkeypatch):
    monkeypatch.setattr(doctor, "KNOWN_PRINTS", (little[0], "12345678"))
    kernel, _ = doctor.known_kernel(lambda _: None)
    assert kernel.state == "fails"
    assert "trial 1 has other bits" in kernel.found
    assert "do not use numbers of this machine" in kernel.advice


def test_a_compiler_that_is_switched_off_is_found(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    (one,) = doctor.known_kernel(lambda _: None)
    assert (one.state, one.advice) == ("poor", "unset NUMBA_DISABLE_JIT")


@pytest.mark.parametrize(
    ("times", "state", "said"),
    [(1, "fine", "as fast as"), (3.2, "fine", "3.2 times as fast as"), (0.25, "poor", "0.2 times as fast as")],
)
def test_a_slow_machine_is_told_in_plain_words(times, state, said):
    one = doctor.speed(times * doctor.KNOWN_RATE)
    assert one.state == state
    assert said in one.found
    assert state == "fine" or "4.0 times as long" in one.advice


# --------------------------------------------------------------------------------------------------------- as a whole


def several(results, show):
    yield Finding("one", "well")
    yield Finding("two", "hardly", "poor", "nothing")
    if results.name == "bad":
        yield Finding("three", "not at all", "fails", "mend it")


@pytest.mark.parametrize(("results", "code", "n"), [("good", 0, 0), ("bad", 3, 1)])
def test_something_that_fails_is_exit_code_3(monkeypatch, results, code, n):
    monkeypatch.setattr(doctor, "findings", several)
    done = CliRunner().invoke(main, ["doctor", "--results", results])
    assert done.exit_code == code
    assert done.stdout.startswith("fine  one             well\npoor  two             hardly\n")
    assert ("What to do: mend it." in done.stdout) == bool(n)
    assert done.stderr == f"Of {2 + n} findings {n} fail, 1 are poor.\n"
    rows = json.loads(CliRunner().invoke(main, ["doctor", "--results", results, "--format", "json"]).stdout)
    assert rows[1] == {"part": "two", "found": "hardly", "state": "poor", "what to do": "nothing"}


def test_what_cannot_be_tried_is_a_finding_and_the_rest_is_tried(monkeypatch, tmp_path):
    def broken():
        raise ImportError(f"{Path.home()}: no; /usr/lib/python3/site-packages/numba/core.so: undefined symbol")
        yield

    for name in ("versions", "processors", "memory", "cache", "terminal"):
        monkeypatch.setattr(doctor, name, broken if name != "terminal" else lambda: [Finding("terminal", "fine")])
    monkeypatch.setattr(doctor, "known_kernel", lambda show: [])
    findings = list(doctor.findings(tmp_path, lambda _: None))
    assert [one.state for one in findings] == ["fails"] * 4 + ["fine"] * 3
    assert findings[0].found == "cannot be tried: ImportError: ~: no; core.so: undefined symbol"


@pytest.mark.parametrize(
    ("path", "called"),
    [
        ("results", "results"),
        ("HERE/a/b", "a/b"),
        ("HOME/x/y", "~/x/y"),
        ("/scratch/jane", "a folder outside of home"),
    ],
)
def test_folders_are_called_by_what_is_not_private(monkeypatch, tmp_path, path, called):
    home, here = tmp_path / "home" / "jane", tmp_path / "work"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(Path, "home", lambda: home)
    assert doctor._called(Path(path.replace("HERE", str(here)).replace("HOME", str(home)))) == called


def test_it_needs_no_library_that_it_has_to_try():
    code = "import sys, repro.commands.main, repro.commands.doctor, repro.running.doctor, repro.presentation.grid\n"
    done = subprocess.run(
        [sys.executable, "-c", code + "print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    needed = {one.part for one in doctor.versions()} - {"repro", "click"}
    assert not needed & set(done.stdout.split())
