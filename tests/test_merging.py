"""`repro merge`: each trial once, nothing lost, and nothing written where two folders differ."""

import pytest
from click.testing import CliRunner
from conftest import small_condition
from invented import invented, record, stage
from msgspec.structs import replace

from repro.commands.main import main
from repro.records import attestation, jsonl, merging
from repro.records.attestation import Attestation
from repro.records.provenance import Machine
from repro.records.store import Store, StoreError, UncountedWarning
from repro.running.engine import crashed

OTHER = Machine({"repro": "0", "numpy": "9.9"}, "Another Processor")


def folder(tmp_path, name, records):
    store = Store(tmp_path / name)
    for one in records:
        store.append(one)
    return store.folder


def merged(tmp_path, *folders, **more):
    into = tmp_path / "into"
    return merging.merge(folders, into, **more), {one.trial: one for one in Store(into).read("4")}


def test_each_trial_is_taken_once(tmp_path):
    folders = [
        folder(tmp_path, "a", [record(trial) for trial in (0, 1, 2)]),
        folder(tmp_path, "b", [record(trial) for trial in (2, 3)]),
        folder(tmp_path, "c", [replace(record(1), machine=OTHER), record(4)]),  # another machine, the same bits
    ]
    tallies, found = merged(tmp_path, *folders)
    assert [(one.taken, one.equal, one.left) for one in tallies] == [(3, 0, 0), (1, 1, 0), (1, 1, 0)]
    assert found == {trial: record(trial) for trial in range(5)}
    assert len(Store(tmp_path / "into").path("4").read_text().splitlines()) == 2 + 5

    again, found = merged(tmp_path, *folders)
    assert [one.taken for one in again] == [0, 0, 0]
    assert len(found) == 5


def test_any_order_of_folders_and_any_steps_give_the_same(tmp_path):
    parts = [folder(tmp_path, str(k), [record(trial) for trial in range(k, 9, 3)]) for k in range(3)]
    _, at_once = merged(tmp_path, *parts[::-1])
    for k, part in enumerate(parts):
        merging.merge([part], tmp_path / "steps")
        assert len(Store(tmp_path / "steps").read("4")) == 3 * (k + 1)
    assert {one.trial: one for one in Store(tmp_path / "steps").read("4")} == at_once


def test_other_experiments_and_conditions_come_along(tmp_path):
    others = [
        invented(small_condition("4/lstm/T=500"), 0), invented(small_condition("6a/lstm"), 0),
        invented(small_condition("4/lstm/T=100", **{"stop.max_sequences": 7}), 0), replace(record(0), screened=True),
    ]  # fmt: skip
    merging.merge([folder(tmp_path, "a", [record(0)]), folder(tmp_path, "b", others)], tmp_path / "into")
    store = Store(tmp_path / "into")
    assert len(store.read("4")) == 4
    assert len(store.read("6a")) == 1


@pytest.mark.parametrize("prefer", ["a", "b"])
def test_two_that_differ_are_an_error_that_shows_both_unless_one_is_to_be_believed(tmp_path, prefer):
    mine, theirs = record(3), replace(record(3), weights_digest="beef" * 4, machine=OTHER)
    folders = [folder(tmp_path, "a", [record(0), mine]), folder(tmp_path, "b", [theirs, record(5)])]
    with pytest.raises(merging.MergeError) as error:
        merged(tmp_path, *folders)
    said = str(error.value)
    assert f"trial 3 of {mine.row} (printed) has different bits" in said
    assert f"{folders[0]}: solved after" in said
    assert "weights feedfeedfeedfeed" in said
    assert "weights beefbeefbeefbeef; Another Processor; numpy 9.9, repro 0" in said
    assert "Nothing was written" in said
    assert "--prefer DIR" in said
    assert not (tmp_path / "into").exists()

    tallies, found = merged(tmp_path, *folders, prefer=tmp_path / prefer)
    assert found == {0: record(0), 3: {"a": mine, "b": theirs}[prefer], 5: record(5)}
    assert sum(one.taken for one in tallies) == 3
    assert sum(one.left for one in tallies) == 1


def test_what_is_there_is_not_written_over(tmp_path):
    theirs = folder(tmp_path, "b", [replace(record(3), weights_digest="beef" * 4)])
    folder(tmp_path, "into", [record(3)])
    with pytest.raises(merging.MergeError, match="nothing there is written over: merge into an empty folder"):
        merged(tmp_path, theirs, prefer=theirs)
    assert Store(tmp_path / "into").read("4") == [record(3)]


def test_what_another_source_computed_is_kept_beside(tmp_path):
    """Which of them counts is for attestations to say."""
    other = replace(record(0), source="0123456789abcdef", weights_digest="beef" * 4)
    merging.merge([folder(tmp_path, "a", [record(0)]), folder(tmp_path, "b", [other])], tmp_path / "into")
    assert Store(tmp_path / "into").read("4") == [record(0), other]


@pytest.mark.parametrize("order", [("ended", "lost"), ("lost", "ended")])
def test_a_trial_that_crashed_elsewhere_is_not_missing(tmp_path, order):
    crash = crashed(record(0).condition, 0, "killed")
    parts = {"ended": folder(tmp_path, "ended", [record(0)]), "lost": folder(tmp_path, "lost", [crash])}
    merging.merge([parts[name] for name in order], tmp_path / "into")
    assert [one.outcome for one in Store(tmp_path / "into").read("4")] == ["solved"]


def test_a_trial_that_only_crashed_is_told_and_may_end_elsewhere_later(tmp_path):
    crash = crashed(record(0).condition, 0, "killed")
    merging.merge([folder(tmp_path, "lost", [crash])], tmp_path / "into")
    merging.merge([folder(tmp_path, "ended", [record(0)])], tmp_path / "into")
    assert [one.outcome for one in Store(tmp_path / "into").read("4")] == ["crashed", "solved"]


def test_a_trace_is_taken_although_the_trial_is_there(tmp_path):
    n = record(0).sequences
    traced = replace(record(0), trace=((n, 0.5),))
    _, found = merged(tmp_path, folder(tmp_path, "a", [record(0)]), folder(tmp_path, "b", [traced]))
    assert found[0].trace == ((n, 0.5),)


def test_attestations_come_along(tmp_path):
    one = Attestation("4/x", "printed", 0, "c", "s", 6, {0: "11111111", 1: "22222222"}, 1, 1, "numba 1")
    other = Attestation("4/x", "printed", 0, "c", "s", 6, {1: "22222222", 2: "33333333"}, 0, 0, "numba 1")
    for name, line in (("a", one), ("b", other)):
        folder(tmp_path, name, [record(0)])
        attestation.write(tmp_path / name, [line])
    merged(tmp_path, tmp_path / "a", tmp_path / "b")
    line = attestation.read(tmp_path / "into").line("c", "s")
    assert line.prints == {0: "11111111", 1: "22222222", 2: "33333333"}
    assert line.whole == 1

    attestation.write(tmp_path / "b", [Attestation("4/x", "printed", 0, "c", "s", 6, {1: "99999999"}, 0, 0, "numba 2")])
    with pytest.raises(merging.MergeError, match="differ, the first in trial 1: with numba 1, and with numba 2"):
        merged(tmp_path, tmp_path / "a", tmp_path / "b")


def test_the_command(tmp_path):
    one, other = folder(tmp_path, "a", [record(0)]), folder(tmp_path, "b", [record(0), record(1)])
    into = str(tmp_path / "into")
    done = CliRunner().invoke(main, ["merge", str(one), str(other), "--into", into, "--format", "csv"])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[1:] == [f"{one},1,0,0", f"{other},1,1,0"]
    assert "2 trials written" in done.stderr
    for wrong, said in (
        ([str(one), str(one), "--into", into], "named twice"),
        ([str(one), "--into", str(one)], "named twice"),
        ([str(one), "--into", into, "--prefer", str(other)], "none of the folders"),
        ([str(tmp_path / "none"), "--into", into], "does not exist"),
        ([str(one)], "--into"),
    ):
        refused = CliRunner().invoke(main, ["merge", *wrong])
        assert refused.exit_code == 2
        assert said in refused.stderr


def test_stages_are_part_of_what_must_be_the_same(tmp_path):
    parts = [
        folder(tmp_path, str(n), [invented(small_condition(), 0, [stage("early", 3), stage("late", 7, wrong=n)])])
        for n in (0, 1)
    ]
    with pytest.raises(merging.MergeError, match="trial 0"):
        merged(tmp_path, *parts)


@pytest.mark.parametrize("where", ["a", "into"])
@pytest.mark.parametrize("line", ["nonsense\n", "twice"])
def test_a_folder_that_somebody_has_to_look_at_first_is_not_merged(tmp_path, where, line):
    folders = [folder(tmp_path, name, [record(0)]) for name in ("a", "b", "into")]
    with (tmp_path / where / "4.jsonl").open("a") as file:
        file.write(line if line != "twice" else jsonl.written(record(0, weights_digest="beef" * 4))[""].decode() + "\n")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.jsonl")}
    with (
        pytest.warns(UncountedWarning),
        pytest.raises(StoreError, match=r"4\.jsonl:4: .*; before that nothing is written"),
    ):
        merging.merge(folders[:2], tmp_path / "into")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.jsonl")} == before
