"""Nothing that was finished is lost, and nothing that is broken goes unnoticed."""

import multiprocessing
import resource
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import small_condition
from invented import invented, old_line, record
from msgspec.structs import replace

from repro.records import jsonl
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
    store.path("4").write_text("")  # somebody empties it while both go on
    one.append(record(6))
    other.append(record(7))
    assert [(r.trial, r.row) for r in other.read("4")] == [(6, "4/lstm/T=100"), (7, "4/lstm/T=100")]


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
    assert len(said) == 11
    assert "4.jsonl:3: trial 0 of " in str(said[0].message)
    assert str(said[-1].message) == f"{store.path('4')}: and 3 more that are not counted"


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


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_a_torn_last_line_is_dropped_and_the_next_record_is_whole(tmp_path, cut):
    store = Store(tmp_path)
    for trial in range(3):
        store.append(record(trial))
    path = store.path("4")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.warns(TornLineWarning, match=r"4\.jsonl:5: torn last line"):
        assert [r.trial for r in store.read("4")] == [0, 1]
    store.append(record(7))
    assert [r.trial for r in store.read("4")] == [0, 1, 7]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{}", "it has neither cell nor condition nor machine"),
        ("not json", "JSON is malformed"),
        ("", "Input data was truncated"),
        ("[]", "Expected `object`, got `array`"),
        (own_line(1).replace('"sequences":7', '"sequences":NaN'), "JSON is malformed"),
        (own_line(1)[:-1], "Input data was truncated"),
        ('{"condition":"x","schema":3}', "schema: Invalid enum value 3"),
        ('{"machine":"x","versions":{},"processor":"y","more":1}', "Object contains unknown field `more`"),
    ],
)
def test_a_bad_line_elsewhere_is_an_error_with_file_and_line(tmp_path, line, problem):
    store = Store(tmp_path)
    store.append(record(0))
    with store.path("4").open("a") as file:
        file.write(line + "\n")
    store.append(record(2))
    with pytest.raises(StoreError, match=r"4\.jsonl:4: not a record: ") as error:
        store.read("4")
    assert problem in str(error.value)


def test_the_same_trial_twice_counts_once_but_may_not_disagree(tmp_path):
    store = Store(tmp_path)
    store.append(record(0, cpu_s=1.0))
    store.append(record(0, cpu_s=2.0))
    assert [r.cpu_s for r in store.read("4")] == [2.0]
    store.append(record(0, weights_digest="beef" * 4))
    with pytest.raises(StoreError, match=r"4\.jsonl:5: trial 0 .* twice"):
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
    with pytest.warns(TornLineWarning):
        assert [r.trial for r in store.read("4")] == [0, 1, 2]
    store.append(record(3))
    assert [r.trial for r in store.read("4")] == [0, 1, 2, 3]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.mark.parametrize("cpu_s", [float("nan"), float("inf"), -1.0])
def test_a_record_that_could_not_be_read_back_is_not_written(tmp_path, cpu_s):
    with pytest.raises(ValueError, match="cpu_s"):
        Store(tmp_path).append(record(0, cpu_s=cpu_s))
    assert not list(tmp_path.iterdir())
