"""Nothing that was finished is lost, and nothing that is broken goes unnoticed."""

import multiprocessing
import resource
import subprocess
import sys

import pytest
from conftest import small_cell
from invented import invented, stage

from repro.store import Store, StoreError, TornLineWarning
from repro.trial import Record


def record(trial: int, **more) -> Record:
    return invented(small_cell(), trial, [stage("early", 3), stage("late", 7)], **more)


def test_what_is_appended_is_read_back(tmp_path):
    store = Store(tmp_path / "new" / "folder")
    assert store.read("4") == []
    for trial in range(5):
        store.append(record(trial))
    assert store.read("4") == [record(trial) for trial in range(5)]
    assert store.path("4").read_text().count("\n") == 5


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_a_torn_last_line_is_dropped_and_the_next_record_is_whole(tmp_path, cut):
    store = Store(tmp_path)
    for trial in range(3):
        store.append(record(trial))
    path = store.path("4")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.warns(TornLineWarning, match=r"4\.jsonl:3: torn last line"):
        assert [r.trial for r in store.read("4")] == [0, 1]
    store.append(record(7))
    assert [r.trial for r in store.read("4")] == [0, 1, 7]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{}", "schema: Field required"),
        ("not json", "Invalid JSON"),
        ("", "Invalid JSON"),
        (record(1).line().replace('"schema":1', '"schema":2'), "schema 2, but this version reads schema 1"),
        (record(1).line().replace('"sequences":7', '"sequences":NaN'), "sequences"),
        (record(1).line().replace('"sequences":7', '"sequences":7,"extra":1'), "extra"),
    ],
)
def test_a_bad_line_elsewhere_is_an_error_with_file_and_line(tmp_path, line, problem):
    store = Store(tmp_path)
    store.append(record(0))
    with store.path("4").open("a") as file:
        file.write(line + "\n")
    store.append(record(2))
    with pytest.raises(StoreError, match=r"4\.jsonl:2: not a record: ") as error:
        store.read("4")
    assert problem in str(error.value)


def test_the_same_trial_twice_counts_once_but_may_not_disagree(tmp_path):
    store = Store(tmp_path)
    store.append(record(0, cpu_s=1.0))
    store.append(record(0, cpu_s=2.0))
    assert [r.cpu_s for r in store.read("4")] == [2.0]
    store.append(record(0, weights_digest="beef" * 4))
    with pytest.raises(StoreError, match=r"4\.jsonl:3: trial 0 .* twice"):
        store.read("4")


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
from test_store import record
from repro.store import Store, StoreError
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
    size = len(record(0).line()) * 3 + 100  # a disk for three records and a torn one
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), str(size)],
        capture_output=True, text=True, check=True, cwd=__file__.rpartition("/")[0],
    )  # fmt: skip
    assert "cannot be written" in done.stdout
    assert done.stdout.startswith("3 ")
    store = Store(tmp_path)
    with pytest.warns(TornLineWarning):
        assert [r.trial for r in store.read("4")] == [0, 1, 2]
    store.append(record(3))
    assert [r.trial for r in store.read("4")] == [0, 1, 2, 3]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_record_is_valid_json_without_nan():
    with pytest.raises(ValueError, match="finite"):
        record(0, cpu_s=float("nan"))
