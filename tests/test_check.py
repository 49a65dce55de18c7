"""`repro check` finds what is wrong with a module, says what to do, and passes what is right."""

import re

import check_cases
import pytest
from click.testing import CliRunner
from lessons import without_jit

from repro import registry
from repro.commands.main import main
from repro.running import bare, check, examples


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return without_jit("check_cases", tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("folder", ["learners", "tasks"])
def test_a_whole_module_passes(found, folder):
    assert [finding for finding in found[folder, ""].values() if finding.problem] == []
    assert list(found[folder, ""]) == check.claims(folder)
    if folder == "learners":
        assert not found[folder, ""]["gradient is exact, by finite differences"].applies, "it claims none"


@pytest.mark.parametrize(
    ("folder", "claim"), [(folder, claim) for (folder, _), (_, faults) in check_cases.CASES.items() for claim in faults]
)
def test_each_fault_is_found_by_its_claim(found, folder, claim):
    finding = found[folder, claim][claim]
    assert finding.problem
    assert not re.match(r"\w+Error: ", finding.problem), "the module does not work at all"
    assert finding.advice


@pytest.mark.parametrize(("folder", "faults"), [("learners", check_cases.OF_LEARNER), ("tasks", check_cases.OF_TASK)])
def test_every_claim_but_that_of_the_compiler_was_seen_to_fail(folder, faults):
    assert {*faults, "same bits without the compiler"} == set(check.claims(folder))


def test_other_bits_without_the_compiler_are_found(monkeypatch):
    monkeypatch.setattr(check, "trials", lambda *_: [{"steps": 1}] * 3)
    monkeypatch.setattr(bare, "trials_elsewhere", lambda *_: [{"steps": 1}, {"steps": 2}, {"steps": 1}])
    case = check._case("learners", "elman", {"name": "elman", **check.LEARNERS["elman"]})
    finding = check._tried("same", check._the_compiler_changes_nothing, case)
    assert finding.problem == "trial 1 differs without the compiler: steps 1 and 2"


def test_a_module_without_example_is_told_what_to_write(tmp_path):
    path = tmp_path / "my_rule.py"
    path.write_text(check_cases.ELMAN, encoding="utf-8")
    done = CliRunner().invoke(main, ["check", str(path), "--format", "csv"])
    assert done.exit_code == 3
    assert "the module has no EXAMPLE" in done.output
    path.write_text(check_cases.ELMAN + "EXAMPLE = {'hidden': 0}\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["check", str(path), "--format", "csv"])
    assert "hidden: has to be at least 1, not 0" in done.output
    assert done.exit_code == 3


def test_what_there_is_not_is_an_error():
    done = CliRunner().invoke(main, ["check", "elmann"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "there is no learner and no task 'elmann'. Did you mean elman?" in done.stderr


HELD = check_cases.ELMAN.replace('"elman"', '"my_rule"')
EXAMPLE = "EXAMPLE = {{'hidden': 2, 'biased': 'all', 'init': 0.3, 'learning_rate': 3.0{}}}\n"


@pytest.mark.parametrize(
    ("text", "problem", "advice"),
    [
        (
            HELD + EXAMPLE.format("").replace("'hidden': 2, ", ""),
            "EXAMPLE in {file}: hidden: is missing",
            'add "hidden": ... to EXAMPLE, or give it a default in Settings; rows have it from their TOML',
        ),
        (
            HELD + EXAMPLE.format(", 'precision': 'float16'"),
            "EXAMPLE in {file}: precision: has to be 'float32' or 'float64', not 'float16'",
            "change EXAMPLE in that file",
        ),
        (
            HELD + EXAMPLE.format(", 'name': 'another'"),
            "EXAMPLE in {file}: name: has to be 'my_rule', not 'another'",
            "change EXAMPLE in that file",
        ),
        (
            HELD.replace('"my_rule"', '"another"') + EXAMPLE.format(""),
            "Settings in {file}: name: has to be 'another', not 'my_rule'",
            'write `name: Literal["my_rule"]`, as the file is called',
        ),
    ],
    ids=["missing", "a value", "its name", "the name of the file"],
)
def test_what_is_wrong_with_an_example_is_said_with_the_place_that_holds_it(tmp_path, text, problem, advice):
    path = tmp_path / "my_rule.py"
    path.write_text(text, encoding="utf-8")
    registry.use([path])
    (finding,) = check.of("learners", "my_rule")
    registry.use([])
    assert (finding.problem, finding.advice) == (problem.format(file=path), advice)


@pytest.mark.parametrize(("file", "text"), [("a_b.py", "a_b"), ("elmann.py", "elmann"), ("mine/a_b.py", "mine/a_b")])
def test_of_a_file_without_its_ending_the_file_is_suggested(tmp_path, monkeypatch, file, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / file).write_text(check_cases.ELMAN, encoding="utf-8")
    done = CliRunner().invoke(main, ["check", text])
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"there is no learner and no task '{text}', but there is a file: `repro check {file}`" in done.stderr


@pytest.mark.parametrize("text", ["x" * 300, "a\0b", "mine", ""])
def test_what_can_be_no_file_is_no_traceback(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").mkdir()
    with pytest.raises(registry.NoModuleError, match="there is no learner and no task"):
        registry.named(text)


def test_every_module_of_the_project_has_its_example():
    assert set(examples.LEARNERS) == set(registry.ours("learners"))
    assert set(examples.TASKS) == set(registry.ours("tasks"))
