"""A record counts by its bits: what is attested, what is not, and what a changed source makes of it."""

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import small_condition
from msgspec.structs import replace
from uncounted import uncounted

from repro.commands.main import main
from repro.records import attestation, source, validity
from repro.records.attestation import Attestation, AttestationError, Ledger, NoAttestationWarning
from repro.records.store import Store
from repro.records.trial import Record
from repro.running import attest, crew, engine

CUT = 6  # training sequences; the small trials have up to 24
THEN = "0123456789abcdef"  # another source
N = 4


@pytest.fixture(scope="module")
def made() -> list[Record]:
    """Trials of today's source."""
    ended = [event for event in crew.run(small_condition(), range(N), N) if isinstance(event, Record)]
    return sorted(ended, key=lambda record: record.trial)


@pytest.fixture
def store(tmp_path, made, monkeypatch) -> Store:
    """The same trials, computed by another source."""
    monkeypatch.setattr(attest, "PREFIX", CUT)
    store = Store(tmp_path)
    for record in made:
        store.append(replace(record, source=THEN))
    return store


def attested(store: Store, n_whole: int | None = 0, *, check: bool = False) -> attest.Finding:
    """What comes of the one condition in a store; it is written down unless it is only checked."""
    ledger = attestation.read(store.folder)
    tasks = [attest.task(stored, ledger, n_whole, check=check) for stored in attest.stored_trials(store)]
    (finding,) = attest.run(
        tasks, ledger, lambda jobs: engine.inline(dataclasses.replace(job, lanes=N) for job in jobs)
    )
    if not check:
        attestation.write(store.folder, finding.lines)
    return finding


def counted(store: Store) -> list[int]:
    """The trials that count."""
    condition = small_condition()
    ledger = attestation.read(store.folder)
    return [record.trial for record in validity.current(condition, N, store.read(condition.experiment), ledger)]


def line_of_then(store: Store, **changes: str) -> None:
    """Attest what the other source made of the trials: what today's does, but for ``changes`` of fingerprints."""
    today = attested(store).lines[0]
    prints = {trial: changes.get(f"t{trial}", made) for trial, made in today.prints.items()}
    attestation.write(store.folder, [dataclasses.replace(today, source=THEN, prints=prints)])


# ------------------------------------------------------------------------------------------------------ what counts


def test_records_of_another_source_count_when_both_are_attested_to_agree(store):
    assert counted(store) == []
    line_of_then(store)
    assert counted(store) == list(range(N))
    assert attested(store).problems == ()


def test_a_condition_whose_bits_differ_counts_no_more_and_its_first_trial_is_named(store):
    line_of_then(store, t2="00000000", t3="00000000")
    finding = attested(store)
    assert finding.problems == (f"trial 2 is the first that differs from what source {THEN} made of it",)
    assert counted(store) == []


def test_a_trial_that_the_lines_do_not_know_does_not_count(store, made):
    line_of_then(store)
    ledger = attestation.read(store.folder)
    line = ledger.lines[small_condition().key, THEN]
    attestation.write(store.folder, [dataclasses.replace(line, prints={t: line.prints[t] for t in (0, 1, 3)})])
    assert counted(store) == [0, 1, 3]
    assert "has no attestation of trials 2: --whole all" in attested(store).problems[0]


@pytest.mark.parametrize(
    ("change", "agree"),
    [({}, True), ({"sequences": 7}, False), ({"whole": 3, "agreed": 2}, False), ({"whole": 3, "agreed": 3}, True)],
)
def test_what_two_lines_must_have_in_common(change, agree):
    one = Attestation("4/x", "printed", 0, "c", "a", 6, {0: "11111111", 1: "22222222"})
    ledger = Ledger([one, dataclasses.replace(one, source="b", **change)])
    assert ledger.agree("c", "a", "b", 1) == ledger.agree("c", "b", "a", 1) == agree
    assert ledger.agree("c", "a", "a", 7)
    assert not ledger.agree("c", "a", "b", 7)
    assert not ledger.agree("c", "a", "z", 1)


def test_two_records_of_a_trial_that_count_must_be_the_same(store, made):
    line_of_then(store)
    store.append(made[1])
    assert counted(store) == list(range(N))
    store.append(replace(made[2], steps=made[2].steps + 1))
    with pytest.raises(AttestationError, match=f"trial 2 of {made[2].row} .*different results.*--whole all"):
        counted(store)


def test_records_that_others_have_taken_the_place_of_are_no_problem(store, made):
    """After a change that is meant to change bits, and a new run."""
    line_of_then(store, t2="00000000")
    for record in made[:3]:
        store.append(record)
    assert attested(store).problems == (f"trial 2 is the first that differs from what source {THEN} made of it",)
    store.append(made[3])
    assert attested(store, None).problems == ()
    assert attested(store, check=True).problems == ()
    assert counted(store) == list(range(N))


# ------------------------------------------------------------------------------------------------------ whole trials


def test_whole_trials_are_drawn_and_nobody_chooses_them(store):
    stored = attest.stored_trials(store)[0]
    orders = {tuple(attest.drawn(stored.condition, f"source {k}", range(N))) for k in range(20)}
    assert len(orders) > 10
    assert all(sorted(order) == list(range(N)) for order in orders)
    few, more = (attest.task(stored, Ledger(), n).whole for n in (1, 3))
    assert len(few) == 1
    assert len(more) == 3
    assert set(few) < set(more)
    assert attest.task(stored, Ledger(), None).whole == tuple(range(N))


def test_whole_trials_are_compared_with_the_stored_bits(store, made):
    line_of_then(store)
    finding = attested(store, 2)
    assert (finding.lines[0].whole, finding.lines[0].agreed, finding.problems) == (2, 2, ())
    assert attest.task(finding.task.stored, attestation.read(store.folder), 2).jobs() == []
    assert attested(store).lines[0].whole == 2, "a later attestation without whole trials forgot them"


def test_a_record_with_other_bits_is_found_by_running_it_whole(store, made):
    path = store.path("4")
    wrong = made[3].weights_digest
    path.write_text(path.read_text().replace(wrong, "0" * 16))
    line_of_then(store)
    assert counted(store) == list(range(N)), "cut short, it looks right"
    finding = attested(store, None)
    assert finding.problems == ("trial 3, run whole, is the first that does not end in the stored bits",)
    assert counted(store) == []
    assert attested(store).problems == (f"1 of {N} trials, run whole, did not end in the stored bits",)
    assert attested(store, 1).problems == finding.problems, "fewer trials must not make it good"
    path.write_text(path.read_text().replace("0" * 16, wrong))
    assert attested(store, 1).problems == ()
    assert counted(store) == list(range(N))


def test_a_source_without_a_line_gets_one_if_all_its_trials_come_out_whole(store):
    finding = attested(store)
    assert finding.problems == (f"source {THEN} has no attestation of trials 0-3: --whole all compares their bits",)
    assert attested(store, N - 1).problems
    assert attested(store, None).problems == ()
    assert counted(store) == list(range(N))


def test_trials_shorter_than_the_cut_are_run_too(store, monkeypatch):
    monkeypatch.setattr(attest, "PREFIX", 1000)
    assert attested(store, None).problems == ()
    assert counted(store) == list(range(N))


def test_what_is_attested_is_not_run_again_and_a_new_trial_is(store, made):
    line_of_then(store)
    assert attested(store).task.jobs() == []
    more = next(event for event in crew.run(small_condition(), [N], N) if isinstance(event, Record))
    store.append(more)
    finding = attested(store)
    assert finding.task.cut == (N,)
    assert sorted(finding.lines[0].prints) == list(range(N + 1))


def test_a_crash_attests_nothing(store, monkeypatch):
    monkeypatch.setattr(crew, "run", lambda *_: 1 / 0)
    finding = attested(store)
    assert finding.lines == ()
    assert "trials 0-3 crashed" in finding.problems[0]
    assert attestation.read(store.folder).lines == {}


def test_other_bits_of_the_same_source_are_told_with_the_libraries(store):
    line = attested(store).lines[0]
    attestation.write(
        store.folder, [dataclasses.replace(line, prints=line.prints | {1: "00000000"}, versions="numba 0.1")]
    )
    problem = attested(store, check=True).problems[0]
    assert problem.startswith("trial 1 is the first that differs from what the same source made of it before")
    assert "numba 0.1" in problem


# ---------------------------------------------------------------------------------------------------------- the file


def test_the_file_is_read_as_it_was_written(tmp_path):
    one = Attestation("4/x", "printed", 0, "c", "a", 6, {0: "11111111", 1: "22222222", 7: "33333333"}, 3, 2, "numba 1")
    other = dataclasses.replace(one, source="b", row="1/y")
    attestation.write(tmp_path, [one])
    attestation.write(tmp_path, [other])
    attestation.write(tmp_path, [dataclasses.replace(one, whole=5)])
    assert list(attestation.read(tmp_path).lines.values()) == [other, dataclasses.replace(one, whole=5)]
    assert "0-1 7" in (tmp_path / attestation.FILE).read_text()


def test_lines_that_no_record_needs_are_dropped(tmp_path):
    """But those of other conditions, and what is known of whole trials."""
    first = Attestation("4/x", "printed", 0, "c", "today", 6, {0: "11111111"})
    lines = [dataclasses.replace(first, source=name, whole=n) for name, n in zip("abcd", (0, 2, 3, 0), strict=True)]
    elsewhere = dataclasses.replace(first, source="a", condition="d")
    attestation.write(tmp_path, [first, *lines, elsewhere])
    attestation.tidy(tmp_path, {"c": {"today", "d"}})
    kept = [(line.condition, line.source) for line in attestation.read(tmp_path).lines.values()]
    assert kept == [("c", "c"), ("c", "d"), ("c", "today"), ("d", "a")]


@pytest.mark.parametrize(
    "line",
    [
        "hello",
        "",
        '"',
        "a,b,0,c,d,6,0-1,11111111,0,0,",
        "a,b,0,c,d,x,0,11111111,0,0,",
        "a,b,0,c,d,6,0-9999999999999,1,0,0,",
        "<<<<<<< one",
        f"a,b,0,c,d,{'9' * 5000},0,1,0,0,",
    ],
)
def test_a_broken_line_blocks_no_view_attests_nothing_and_is_gone_when_attestations_are_written(tmp_path, line):
    attestation.write(tmp_path, [Attestation("4/x", "printed", 0, "c", "s", 6, {0: "11111111"})])
    path = tmp_path / attestation.FILE
    good = path.read_text()
    path.write_text(f"{good}{line}\n")
    with pytest.warns(NoAttestationWarning, match=r"attested\.csv:3: not an attestation \(.*`repro attest` makes what"):
        ledger = attestation.read(tmp_path)
    assert list(ledger.lines) == [("c", "s")]
    assert ledger.n_broken == 1
    with pytest.warns(NoAttestationWarning):
        attestation.write(tmp_path, [])
    assert path.read_text() == good
    assert attestation.read(tmp_path).n_broken == 0


def test_many_broken_lines_are_named_in_part(tmp_path):
    attestation.write(tmp_path, [])
    path = tmp_path / attestation.FILE
    path.write_text(path.read_text() + "<<<<<<<\n" * 30)
    with pytest.warns(NoAttestationWarning) as said:
        assert attestation.read(tmp_path).n_broken == 30
    assert [str(one.message).rpartition(": ")[2] for one in said][-1] == "and 20 more lines"
    assert len(said) == 11


@pytest.mark.parametrize("text", ["", "row,reading\n", "\n", "\0"])
def test_a_file_of_another_kind_is_an_error(tmp_path, text):
    (tmp_path / attestation.FILE).write_text(text)
    with pytest.raises(AttestationError, match=r"attested\.csv:1: not the columns"):
        attestation.read(tmp_path)
    with pytest.raises(AttestationError, match="not the columns"):
        attestation.write(tmp_path, [])
    assert (tmp_path / attestation.FILE).read_text() == text


# ------------------------------------------------------------------------------------------- as a user, with edits


def edited(folder: Path, file: str, old: str, new: str) -> Path:
    """A copy of the package with an edit; the folder to find it in."""
    shutil.copytree(source.PACKAGE, folder / "repro", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(source.PACKAGE.parent / "configs", folder / "configs")
    path = folder / "repro" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return folder


def in_copy(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-m", "repro", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("file", "old", "new", "code"),
    [
        ("kernels/stop_rule.py", "_CHECK_EVERY = 1000", "_CHECK_EVERY = 1001", 0),
        ("learners/lstm/truncated.py", "at_gate = g * dy_in", "at_gate = g * dy_in * 1.001", 3),
    ],
)
def test_a_changed_source_is_asked_for_its_bits(tmp_path, made, file, old, new, code):
    """Nothing counts until it is attested; then, what has the same bits."""
    results = tmp_path / "results"
    for record in made:
        Store(results).append(record)
    done = in_copy(source.PACKAGE.parent, "attest", "-j", "1", "--results", str(results))
    assert done.returncode == 0, done.stderr
    folder = edited(tmp_path / "copy", file, old, new)
    show = (
        "from pathlib import Path\nfrom repro.records import attestation, validity\n"
        f"from repro.records.store import Store\nfolder = Path({str(results)!r})\n"
        f"records = Store(folder).read('4')\ncell = records[0].condition\n"
        f"print(len(validity.current(cell, {N}, records, attestation.read(folder))))"
    )

    def n_counted() -> int:
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        command = [sys.executable, "-c", show]
        said = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        return int(said.stdout)

    assert n_counted() == 0
    check = in_copy(folder, "attest", "--check", "-j", "1", "--results", str(results))
    assert check.returncode == 3
    assert "no attestation of today's source" in check.stderr or code == 3
    done = in_copy(folder, "attest", "-j", "1", "--results", str(results))
    assert done.returncode == code, done.stderr
    assert n_counted() == (N if code == 0 else 0)
    if code:
        assert "trial 0 is the first that differs" in done.stderr
    again = in_copy(folder, "attest", "--check", "-j", "1", "--results", str(results))
    assert again.returncode == code


def test_the_command_says_what_it_found(store, made):
    said = CliRunner().invoke(main, ["attest", "-j", "1", "--results", str(store.folder)])
    assert said.exit_code == 3
    assert f"{made[0].row}, printed: source {THEN} has no attestation of trials 0-3" in said.stderr
    assert "0 of 1 conditions (4 trials)" in said.stderr
    said = CliRunner().invoke(main, ["attest", "4/lstm", "--whole", "all", "-j", "1", "--results", str(store.folder)])
    assert said.exit_code == 0, said.output
    assert "4 of 4" in said.stdout
    assert "1 of 1 conditions" in said.stderr
    assert CliRunner().invoke(main, ["attest", "--whole", "some"]).exit_code == 2
    table = CliRunner().invoke(main, ["table", "4/lstm/T=100", "--results", str(store.folder)])
    assert table.exit_code == 0


def test_every_stored_record_counts():
    """If not, `repro attest` runs what is stored again, cut short; the numbers of a change that alters bits are new."""
    assert uncounted(source.PACKAGE.parent / "results") == set()


def test_a_sample_has_each_learner_on_each_task_and_changes_with_the_source(monkeypatch):
    stored = attest.stored_trials(Store(source.PACKAGE.parent / "results"))
    pairs = {tuple(one.condition.settings[group]["name"] for group in ("learner", "task")) for one in stored}
    n = len(pairs) + 5
    drawn = attest.sample(stored, n)
    assert len(drawn) == n
    assert {tuple(one.condition.settings[group]["name"] for group in ("learner", "task")) for one in drawn} == pairs
    assert drawn == [one for one in stored if one in drawn], "in their order"
    monkeypatch.setattr(attest, "source_of", lambda condition: "another")
    assert attest.sample(stored, n) != drawn
    assert attest.sample(stored, len(stored) + 1) == stored


def test_a_sample_is_for_a_check_alone():
    done = CliRunner().invoke(main, ["attest", "--sample", "3"])
    assert done.exit_code == 2
    assert "--sample is for --check" in done.stderr
