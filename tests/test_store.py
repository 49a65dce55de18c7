"""Nothing that was finished is lost, and nothing that is broken goes unnoticed."""

import errno
import fcntl
import multiprocessing
import os
import resource
import runpy
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import small_condition
from invented import invented, old_line, record
from msgspec.structs import replace

from repro.records import appending, jsonl
from repro.records.provenance import NOWHERE, Machine
from repro.records.store import Store, StoreError, TornLineWarning, UncountedWarning


def own_line(trial: int) -> str:
    """The line of a trial itself."""
    return jsonl.written(record(trial))[""].decode()


def test_what_is_appended_is_read_back(tmp_path):
    store = Store(tmp_path / "new" / "folder")
    assert store.read("4") == []
    for trial in range(5):
        store.append(record(trial))
    assert store.read("4") == [record(trial) for trial in range(5)]
    kinds = [line.partition(":")[0] for line in store.path("4").read_text().splitlines()]
    assert kinds == ['{"condition"', '{"machine"', *['{"cell"'] * 5]


def test_what_trials_share_is_written_once_and_by_every_process_that_finds_it_missing(tmp_path):
    one, other = Store(tmp_path), Store(tmp_path)
    for trial, store in enumerate((one, other, one, other)):
        store.append(record(trial))
    store.append(replace(record(5), machine=Machine({"repro": "9"}, "another")))
    text = store.path("4").read_text()
    assert text.count('"condition":') == 1
    assert text.count('"machine":') == 2 + 5
    assert len(Store(tmp_path).read("4")) == 5


def test_that_somebody_else_has_written_is_noticed(tmp_path):
    one, other = Store(tmp_path), Store(tmp_path)
    assert one.grown("4"), "it was never read"
    one.read("4")
    assert not one.grown("4")
    one.check_writable("4")
    one.append(record(0))
    assert not one.grown("4"), "nobody else has"
    other.append(record(1))
    one.append(record(2))
    assert one.grown("4")
    one.read("4")
    assert not one.grown("4")
    one.path("4").unlink()
    assert one.grown("4")


def test_a_record_without_its_machine_counts_and_one_without_its_condition_does_not(tmp_path):
    store = Store(tmp_path)
    store.append(record(0))
    condition, machine, trial = store.path("4").read_bytes().splitlines(keepends=True)
    store.path("4").write_bytes(trial + condition)  # in any order, as files can be put together
    assert [r.machine for r in store.read("4")] == [NOWHERE]
    store.path("4").write_bytes(trial + machine)
    with pytest.warns(UncountedWarning, match=r"4\.jsonl:1: trial 0 of a row .* the file has no line of its condition"):
        assert store.read("4") == []


def test_old_lines_are_read_and_new_ones_may_follow(tmp_path):
    store = Store(tmp_path)
    store.path("4").write_text("".join(old_line(record(trial)) + "\n" for trial in range(3)))
    store.append(record(3))
    assert store.read("4") == [record(trial) for trial in range(4)]
    assert [condition.key for condition in store.stored("4").conditions] == [small_condition().key]


@pytest.mark.parametrize("n", [1, 2])
def test_an_old_file_tells_its_conditions_whatever_there_is_of_them(tmp_path, n):
    store = Store(tmp_path)
    store.path("4").write_text("".join(old_line(record(trial)) + "\n" for trial in range(n)))
    assert store.stored("4").conditions == [small_condition()]


def test_what_nobody_can_ask_for_is_said_at_once(tmp_path):
    """Trials of a condition that does not hold together have no condition by which a view could come upon them."""
    store = Store(tmp_path)
    for trial in range(13):
        store.append(record(trial))
    store.append(invented(small_condition(**{"learner.learning_rate": 0.1}), 0))
    text = store.path("4").read_text()
    store.path("4").write_text(text.replace('"learning_rate":0.5', '"learning_rate":0.25'))
    with pytest.warns(UncountedWarning) as said:
        stored = store.stored("4")
    assert [condition.settings["learner"]["learning_rate"] for condition in stored.conditions] == [0.1]
    (warning,) = said
    assert "4.jsonl:3: trial 0 and 12 more of 4/lstm/T=100 (printed) are not counted" in str(warning.message)


def test_a_folder_of_old_files_is_rewritten_with_nothing_lost(tmp_path):
    script = runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "migrate.py"))
    store = Store(tmp_path)
    before = [record(trial, source=source) for source in ("older", "newer") for trial in range(3)]
    store.path("4").write_text("".join(old_line(one) + "\n" for one in before))
    ((path, n_before, n_after),) = script["migrate"](tmp_path)
    assert (path, path.stat().st_size) == (store.path("4"), n_after)
    assert n_after < n_before
    assert '"schema":1' not in path.read_text()
    assert Store(tmp_path).read("4") == before
    path.write_text(old_line(before[0]).replace('"trial":0', '"trial":-1') + "\n")
    with pytest.raises(UncountedWarning):  # what does not count would be lost
        script["migrate"](tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["4.jsonl"]


def test_only_the_conditions_that_are_asked_for_are_read(tmp_path, monkeypatch):
    store, others = Store(tmp_path), [small_condition(**{"learner.learning_rate": rate}) for rate in (0.1, 0.2)]
    for condition in (*others, small_condition()):
        store.append(invented(condition, 0))
    stored, read = store.stored("4"), []
    reader = jsonl.reader
    monkeypatch.setattr(jsonl, "reader", lambda *shared: lambda line: read.append(line) or reader(*shared)(line))
    assert [condition.settings["learner"]["learning_rate"] for condition in stored.conditions] == [0.1, 0.2, 0.5]
    assert [stored.n_lines(condition.key) for condition in stored.conditions] == [1, 1, 1]
    assert read == []
    for _ in range(2):
        assert len(stored.records(others[1].key)) == 1
    assert len(read) == 1


@pytest.mark.parametrize("cut", [2, 10, 200, 409])
@pytest.mark.parametrize("kept", [0, 3])
def test_a_torn_last_line_is_put_aside_and_the_next_record_is_whole(tmp_path, cut, kept):
    """Of whatever kind it is, and however little there is of it."""
    store = Store(tmp_path)
    for trial in range(kept):
        store.append(record(trial))
    path, whole = store.path("4"), store.path("4").read_bytes() if kept else b""
    *_, last = jsonl.written(record(7)).values()
    torn = last[: max(1, len(last) - cut)]
    path.write_bytes(whole + torn)
    number = whole.count(b"\n") + 1
    with pytest.warns(TornLineWarning, match=rf"4\.jsonl:{number}: torn last line, not counted"):
        assert [r.trial for r in Store(tmp_path).read("4")] == list(range(kept))
    with pytest.warns(TornLineWarning, match=r"4\.jsonl: the last line was torn and is in 4\.jsonl\.torn now"):
        Store(tmp_path).append(record(8))
    assert [r.trial for r in Store(tmp_path).read("4")] == [*range(kept), 8]
    assert path.read_bytes().startswith(whole)
    assert (tmp_path / "4.jsonl.torn").read_bytes() == torn + b"\n"


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["condition", "machine", "trial"])
def test_a_whole_last_line_that_lacks_its_line_break_gets_it(tmp_path, kind):
    store = Store(tmp_path)
    store.append(record(0))
    lines = store.path("4").read_bytes().splitlines(keepends=True)
    before = b"".join(lines[: kind + 1])[:-1]
    store.path("4").write_bytes(before)
    assert [r.trial for r in Store(tmp_path).read("4")] == [0] * (kind == 2)
    Store(tmp_path).append(record(1))
    assert store.path("4").read_bytes().startswith(before + b"\n")
    assert [r.trial for r in Store(tmp_path).read("4")] == [0, 1][kind < 2 :]
    assert [one.name for one in tmp_path.iterdir()] == ["4.jsonl"]


def test_an_old_last_line_too(tmp_path):
    store = Store(tmp_path)
    store.path("4").write_text(old_line(record(0)))
    assert store.read("4") == [record(0)]
    store.append(record(1))
    assert Store(tmp_path).read("4") == [record(0), record(1)]


@pytest.mark.parametrize("text", ["a letter to a friend", '{"more": 1}', "[1, 2]", "\0\0\0", "7"])
@pytest.mark.parametrize("read", [True, False])
def test_nothing_is_written_behind_a_foreign_text_without_an_end_and_nothing_cut_away(tmp_path, text, read):
    path, store = tmp_path / "4.jsonl", Store(tmp_path)
    path.write_text(text)
    if read:  # as a run does, to see what is missing
        with pytest.warns(UncountedWarning) as said:
            assert store.read("4") == []
        assert all("4.jsonl:1: not a record: " in str(one.message) for one in said)
    for attempt in (lambda: store.check_writable("4"), lambda: store.append(record(0))):
        with pytest.raises(StoreError, match=r"4\.jsonl.*not a record"):
            attempt()
    assert path.read_text() == text
    assert [one.name for one in tmp_path.iterdir()] == ["4.jsonl"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{}", "it has neither cell nor condition nor machine"),
        ("not json", "JSON is malformed"),
        ("", "Input data was truncated"),
        ("[]", "Expected `object`, got `array`"),
        (own_line(1).replace('"sequences":7', '"sequences":NaN'), "JSON is malformed"),
        (own_line(1)[:-1], "Input data was truncated"),
        ('{"condition":"x","schema":3}', "it has schema 3, of another version of repro; this one reads 1 and 2"),
        ('{"condition":"x","schema":"2"}', "schema: Expected `int`, got `str`"),
        ('{"machine":"x","versions":{},"processor":"y","more":1}', "Object contains unknown field `more`"),
    ],
)
def test_a_bad_line_is_named_and_not_counted_and_no_run_writes_behind_it(tmp_path, line, problem):
    store = Store(tmp_path)
    store.append(record(0))
    with store.path("4").open("a") as file:
        file.write(line + "\n")
    store.append(record(2))
    text = store.path("4").read_bytes()
    with pytest.warns(UncountedWarning, match=r"4\.jsonl:4: not a record: ") as said:
        assert [r.trial for r in store.read("4")] == [0, 2]
    assert [problem in str(one.message) for one in said] == [True]
    with pytest.raises(StoreError, match=r"4\.jsonl:4: not a record: .*; before that nothing is written"):
        store.check_writable("4")
    assert store.path("4").read_bytes() == text


def test_of_many_bad_lines_some_are_named(tmp_path):
    (tmp_path / "4.jsonl").write_text("nonsense\n" * 1000 + '{"cell":"nonsense\n' * 1000)
    with pytest.warns(UncountedWarning) as said:
        stored = Store(tmp_path).stored("4")
    assert [str(one.message).partition(": ")[0][-2:] for one in said] == [
        *(f":{n}" for n in range(1, 10)),
        "10",
        "nl",
    ]
    assert stored.faults.no_records == 2000


def test_the_same_trial_twice_counts_once_but_may_not_disagree(tmp_path):
    store = Store(tmp_path)
    store.append(record(0, cpu_s=1.0))
    store.append(record(0, cpu_s=2.0))
    assert [r.cpu_s for r in store.read("4")] == [2.0]
    store.append(record(0, weights_digest="beef" * 4))
    store.append(record(1))
    with pytest.warns(UncountedWarning, match=r"4\.jsonl:5: trial 0 .* twice with different results"):
        assert [r.trial for r in store.read("4")] == [1]
    with pytest.raises(StoreError, match="twice with different results"):
        store.check_writable("4")


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_not_a_file_is_not_waited_for(tmp_path, kind):
    path = tmp_path / "4.jsonl"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(StoreError, match=r"4\.jsonl: is not a file"):
        Store(tmp_path).read("4")


# ---------------------------------------------------------------------------------- the file that is written is there


def removed(path: Path) -> None:
    shutil.rmtree(path.parent)


def replaced(path: Path) -> None:
    (path.parent / "other").write_bytes(path.read_bytes())
    (path.parent / "other").replace(path)


def shortened(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("happens", [removed, replaced, shortened, emptied])
@pytest.mark.parametrize("known", ["read", "written"])
def test_what_was_reported_is_there_or_the_run_stops(tmp_path, happens, known):
    store = Store(tmp_path / "results")
    store.append(record(0))
    if known == "read":
        store = Store(tmp_path / "results")
        store.read("4")
    store.check_kept()
    happens(store.path("4"))
    for attempt in (store.check_kept, lambda: store.append(record(1))):
        with pytest.raises(StoreError, match=r"4\.jsonl: was removed, replaced or shortened while this run went on"):
            attempt()
    assert store.folder.exists() == (happens is not removed)


def test_reading_a_file_again_that_was_replaced_does_not_make_up_for_what_it_lacks(tmp_path):
    """As a run does when another one has written."""
    store = Store(tmp_path)
    store.append(record(0))
    replaced(store.path("4"))
    store.read("4")
    with pytest.raises(StoreError, match="was removed, replaced or shortened"):
        store.check_kept()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_file_that_is_replaced_at_the_very_moment_is_not_written_or_it_is_said(tmp_path, monkeypatch, when):
    store, sync = Store(tmp_path), os.fsync
    if when == "before":
        lock = appending._lock

        def locking(file, path):
            lock(file, path)
            monkeypatch.undo()
            replaced(path)

        (tmp_path / "4.jsonl").touch()
        monkeypatch.setattr(appending, "_lock", locking)
        store.append(record(0))
        assert [r.trial for r in Store(tmp_path).read("4")] == [0]
    else:
        monkeypatch.setattr(os, "fsync", lambda number: (sync(number), emptied(store.path("4"))))
        with pytest.raises(StoreError, match="was removed, replaced or shortened"):
            store.append(record(0))


# ------------------------------------------------------------------------------------------------------------ its lock


def test_a_lock_that_is_kept_is_said_with_its_holder(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.append(record(0))
    monkeypatch.setattr(appending, "_PATIENCE_S", 0.05)
    with store.path("4").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # another opening of the file: as another process
        timer = threading.Timer(0.3, fcntl.flock, (file, fcntl.LOCK_UN))
        timer.start()
        who = rf"process {os.getpid()} \(.+\)" if Path("/proc/locks").exists() else "another process"
        with pytest.warns(appending.LockedWarning, match=rf"4\.jsonl: waiting for its lock, which {who} holds; if"):
            store.append(record(1))
        timer.join()
    assert [r.trial for r in store.read("4")] == [0, 1]


def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        Store(tmp_path / "file").append(record(0))


def _append_many(folder, first):
    for trial in range(first, first + 25):
        Store(folder).append(record(trial))


def test_two_runs_can_write_at_the_same_time(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_many, args=(tmp_path, first)) for first in (0, 100, 200)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert sorted(r.trial for r in Store(tmp_path).read("4")) == [*range(25), *range(100, 125), *range(200, 225)]


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from invented import record
from repro.records.store import Store, StoreError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
store = Store(Path(sys.argv[1]))
try:
    for trial in range(100):
        store.append(record(trial))
except StoreError as error:
    print(trial, error)
"""


def test_a_full_disk_is_one_clear_line_and_loses_nothing(tmp_path):
    store = Store(tmp_path)
    for trial in range(3):
        store.append(record(trial))
    size = store.path("4").stat().st_size + 100  # a disk for three records and a torn one
    store.path("4").unlink()
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), str(size)],
        capture_output=True, text=True, check=True, cwd=__file__.rpartition("/")[0],
    )  # fmt: skip
    assert "cannot be written" in done.stdout
    assert done.stdout.startswith("3 ")
    store = Store(tmp_path)
    assert [r.trial for r in store.read("4")] == [0, 1, 2]
    store.append(record(3))
    assert [r.trial for r in store.read("4")] == [0, 1, 2, 3]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.mark.parametrize("cpu_s", [float("nan"), float("inf"), -1.0])
def test_a_record_that_could_not_be_read_back_is_not_written(tmp_path, cpu_s):
    with pytest.raises(ValueError, match="cpu_s"):
        Store(tmp_path).append(record(0, cpu_s=cpu_s))
    assert not list(tmp_path.iterdir())


def test_several_are_written_at_once_and_what_they_share_once(tmp_path, monkeypatch):
    synced = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(number) or sync(number))
    other = invented(small_condition(**{"learner.learning_rate": 0.1}), 0)
    store = Store(tmp_path)
    store.append(record(0), other, record(1), invented(small_condition("6a/lstm"), 0))
    assert len(synced) == 2, "once for each file"
    assert len(store.path("4").read_text().splitlines()) == 2 + 1 + 3
    store.append(record(2))
    assert len(store.path("4").read_text().splitlines()) == 2 + 1 + 4
    assert {one.trial for one in Store(tmp_path).read("4") if one.key != other.key} == {0, 1, 2}
    assert Store(tmp_path).read("6a")


def test_of_several_none_is_written_if_one_is_no_record(tmp_path):
    with pytest.raises(ValueError, match="cpu_s"):
        Store(tmp_path).append(record(0), record(1, cpu_s=-1.0))
    assert not list(tmp_path.iterdir())


def test_what_trials_share_is_written_again_after_a_disk_was_full(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.append(record(0))
    other = invented(small_condition(**{"learner.learning_rate": 0.1}), 0)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        with pytest.raises(StoreError, match="full"):
            store.append(other)
    store.append(other)
    assert len(Store(tmp_path).read("4")) == 2
