"""Learners and tasks from outside: `--with FILE`, `--configs DIRECTORY`, installed packages; and their identity."""

import csv
import io
import os
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint

import check_cases
import pytest
from click.testing import CliRunner

from repro import hints, outside, registry
from repro.analysis import tables
from repro.commands.main import main
from repro.experiments import config
from repro.experiments.config import ConfigError
from repro.files import OWN_CONFIGS
from repro.kernels import foreign
from repro.outside import OutsideError
from repro.records import source
from repro.records.store import Store

TOML = """
extends = "4"
trials = 2

[learners.my_rule]
hidden = 2
biased = "all"
init = 0.3
learning_rate = 0.5

[[rows]]
name = "4/my_rule"
set = { length = 20, max_sequences = 30, window = 5 }
"""


@pytest.fixture(autouse=True)
def _forgotten():
    """What a test takes up, others do not have."""
    yield
    registry.use([])
    OWN_CONFIGS.clear()


@pytest.fixture
def home(tmp_path):
    (tmp_path / "my_rule.py").write_text(check_cases.WHOLE, encoding="utf-8")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "4.toml").write_text(TOML, encoding="utf-8")
    return tmp_path


def repro(home, *words, door=("--with", "my_rule.py", "--configs", "mine")):
    """A command in that folder, in plain Python."""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-m", "repro", *door, *words]
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True)


def test_from_a_file_to_a_line_of_the_papers_table(home):
    run = repro(home, "run", "4/my_rule", "-j", "2")
    assert run.returncode == 0, run.stderr
    assert "2 trials done (2 run now" in run.stderr
    table = repro(home, "table", "7", "--with-ours", "--format", "csv")
    lines = {line["row"]: line for line in csv.DictReader(io.StringIO(table.stdout))}
    assert (lines["4/my_rule"]["whose"], lines["4/my_rule"]["trials"]) == ("mine", "2")
    assert (lines["4/lstm/T=100"]["whose"], lines["4/rtrl/T=100"]["whose"]) == ("paper", "repro")
    again = repro(home, "run", "4/my_rule", "-j", "1")
    assert "nothing was missing" in again.stderr

    path = home / "my_rule.py"
    path.write_text(check_cases.WHOLE + "# a remark\n", encoding="utf-8")
    assert "nothing was missing" in repro(home, "run", "4/my_rule", "-j", "1").stderr
    path.write_text(check_cases.WHOLE + "CHANGED = 1\n", encoding="utf-8")
    assert "2 run now" in repro(home, "run", "4/my_rule", "-j", "1").stderr

    without = repro(home, "list", "--stored", door=())
    assert without.returncode == 0
    assert "there is no learner 'my_rule' here: `--with` its file" in without.stderr


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("my_rule.py", "x = 1\ny = 1 / 0\n", "my_rule.py:2: ZeroDivisionError: division by zero"),
        ("my_rule.py", "def f(:\n", "my_rule.py:1: SyntaxError"),
        ("my_rule.py", "import no_such_package\n", "my_rule.py:1: ModuleNotFoundError"),
        ("my_rule.py", "import sys\nsys.exit()\n", "my_rule.py:2: SystemExit"),
        ("my_rule.py", "x = 1\n", "neither a learner, which has `initialise`, nor a task, which has `interface`"),
        ("my_rule.py", "initialise = 1\n", "not a learner: it has no Settings, refuses, n_weights"),
        ("my_rule.py", "interface = 1\n", "not a task: it has no Settings, allocate, build"),
        ("elman.py", check_cases.WHOLE, "there is a learner 'elman' already"),
        ("My-Rule.py", "", "a learner or task is a file NAME.py"),
        ("", "", "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_is_none_is_an_error_with_its_line(tmp_path, name, text, said):
    path = tmp_path / (name or "missing.py")
    if name:
        path.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(main, ["--with", str(path), "list", "4"])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert said in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('extends = "4"', 'extends = "44"', "mine/4.toml: extends: there is no experiment '44'. Did you mean 4?"),
        ("trials = 2", 'experiment = "4"', "experiment: is that which the file extends: leave it out"),
        ("learners.my_rule", "learners.my_rules", "there is no learner 'my_rules'. Did you mean my_rule?"),
        ("hidden = 2", "hiden = 2", "there is no such setting. Did you mean hidden?"),
        ("window = 5", "windows = 5", "Did you mean window?"),
        (
            "hidden = 2\n",
            "",
            "mine/4.toml: learners.my_rule.hidden: is missing: add `hidden = ...` to [learners.my_rule], or give it a "
            "default in Settings of my_rule.py, whose EXAMPLE is for `repro check` alone",
        ),
        ('biased = "all"', 'biased = "nobody"', "mine/4.toml: learners.my_rule.biased: has to be "),
        (
            "init = 0.3",
            'init = 0.3\nname = "elmann"',
            "learners.my_rule.name: there is no learner 'elmann'",
        ),
    ],
)
def test_what_is_wrong_with_a_row_of_ones_own_is_said_with_its_file(home, old, new, said):
    path = home / "mine" / "4.toml"
    path.write_text(TOML.replace(old, new), encoding="utf-8")
    registry.use([home / "my_rule.py"])
    OWN_CONFIGS[:] = [home / "mine"]
    config._load.cache_clear()
    with pytest.raises(ConfigError) as error:
        config.load()
    assert said in str(error.value)
    config._load.cache_clear()


def test_a_file_that_calls_its_learner_otherwise_is_named(home):
    path = home / "my_rule.py"
    path.write_text(path.read_text().replace('Literal["my_rule"]', 'Literal["another"]'), encoding="utf-8")
    registry.use([path])
    OWN_CONFIGS[:] = [home / "mine"]
    config._load.cache_clear()
    with pytest.raises(ConfigError, match=r"4\.toml: my_rule\.py: Settings\.name: has to be 'another', not 'my_rule'"):
        config.load()
    config._load.cache_clear()


def test_a_folder_without_configurations_is_an_error(tmp_path):
    for folder, said in ((tmp_path, "no TOML files there"), (tmp_path / "none", "there is no such folder")):
        done = CliRunner().invoke(main, ["--configs", str(folder), "list", "4"])
        assert done.exit_code == 2
        assert said in done.stderr


def test_a_row_of_ones_own_takes_what_it_does_not_say_from_the_experiment(home):
    registry.use([home / "my_rule.py"])
    OWN_CONFIGS[:] = [home / "mine"]
    rows = config.load()
    own, paper = rows["4/my_rule"], rows["4/lstm/T=100"]
    assert (own.owner, own.trials, own.title, own.experiment) == ("mine", 2, paper.title, "4")
    assert own.setup().task == paper.setup().task.model_copy(update={"length": 20})
    assert own.setup().stop.stages == paper.setup().stop.stages
    assert [row.owner for name, row in rows.items() if name != "4/my_rule"] == [""] * (len(rows) - 1)


def test_what_one_command_takes_up_the_next_does_not_have(home):
    door = ["--with", str(home / "my_rule.py"), "--configs", str(home / "mine")]
    assert CliRunner().invoke(main, [*door, "show", "4/my_rule"]).exit_code == 0
    done = CliRunner().invoke(main, ["show", "4/my_rule"])
    assert done.exit_code == 2
    assert "no row is called '4/my_rule'" in done.stderr


def test_a_file_that_is_edited_is_another_source_and_other_kernels(home):
    path = home / "my_rule.py"
    digests, names = [], []
    for text in (check_cases.WHOLE, check_cases.WHOLE + "# a remark\n", check_cases.WHOLE + "CHANGED = 1\n"):
        path.write_text(text, encoding="utf-8")
        registry.use([path])
        source.numerical_digest.cache_clear(), source._parsed.cache_clear(), source.imports.cache_clear()
        digests.append(source.numerical_digest("my_rule", "adding"))
        names.append(registry.learner("my_rule").build.__module__)
    assert digests[0] == digests[1] != digests[2]
    assert len(set(names)) == 3, "compiled kernels know their types by the module's name"
    assert {foreign.DIGESTS[name] for name in names} == {name.rpartition("_")[2] for name in names}
    path.write_text("", encoding="utf-8")
    assert source.edited("my_rule", "adding") == ["outside: my_rule.py"]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package with a learner."""
    folder = tmp_path / "my_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "rule.py").write_text(check_cases.WHOLE.replace('["my_rule"]', '["packaged"]'), encoding="utf-8")
    (folder / "part.py").write_text("A = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = {
        "packaged": EntryPoint("packaged", "my_package.rule", "repro.learners"),
        "broken": EntryPoint("broken", "my_package.none", "repro.learners"),
    }
    monkeypatch.setattr(outside, "installed", lambda folder: points if folder == "learners" else {})
    outside.of_package.cache_clear()
    yield folder
    outside.of_package.cache_clear()
    for name in [name for name in sys.modules if name.startswith("my_package")]:
        del sys.modules[name]


def test_an_installed_package_offers_a_learner(package):
    assert "packaged" in registry.names("learners")
    assert registry.learner("packaged").Settings.model_fields["name"]
    assert {path.name for path in registry.source("learners", "packaged")} == {"__init__.py", "rule.py", "part.py"}
    assert len(foreign.DIGESTS["my_package"]) == 16
    with pytest.raises(OutsideError, match=r"learner 'broken' \(my_package.none\): ModuleNotFoundError"):
        registry.learner("broken")


def test_names_of_kernels_tell_the_source_of_a_foreign_module(monkeypatch):
    from repro.kernels import jit

    def one(x):
        return x

    one.__module__ = "my_package.rule"
    names = []
    for digest in ("a" * 16, "b" * 16):
        monkeypatch.setitem(foreign.DIGESTS, "my_package", digest)
        names.append(jit._content(one))
    assert names[0] != names[1]


def test_two_rows_of_one_name_are_an_error(home):
    (home / "mine" / "5.toml").write_text(TOML, encoding="utf-8")
    registry.use([home / "my_rule.py"])
    OWN_CONFIGS[:] = [home / "mine"]
    config._load.cache_clear()
    with pytest.raises(ConfigError, match=r"mine/5.toml: rows: '4/my_rule' is also in 4.toml"):
        config.load()


def test_an_edit_that_leaves_size_and_second_is_seen(home, monkeypatch):
    """Python's own loader would take the compiled text of before, under the digest of the new one."""
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    path = home / "my_rule.py"
    values = []
    for value in (1, 2):
        path.write_text(f"{check_cases.WHOLE}VALUE = {value}\n", encoding="utf-8")
        os.utime(path, (1_000_000, 1_000_000))
        registry.use([path])
        values.append(registry.learner("my_rule").VALUE)
    assert values == [1, 2]


def test_a_package_without_init_has_the_files_of_its_folder_alone(package, tmp_path, monkeypatch):
    (package / "__init__.py").unlink()
    (tmp_path / "elsewhere.py").write_text("")
    monkeypatch.chdir(tmp_path)
    assert {path.name for path in registry.source("learners", "packaged")} == {"rule.py", "part.py"}


def test_a_row_without_published_lines_is_no_row_of_the_paper():
    rows = dict(config.load())
    rows["4/elman/T=100"] = replace(rows["4/elman/T=100"], published=())
    lines = tables.selected(["7"], rows, Store(source.PACKAGE / "no results"), with_ours=True)
    assert {line.row.name for line in lines if line.whose == "repro"} == {"4/rtrl/T=100", "4/bptt/T=100"}


@pytest.mark.parametrize(
    ("given", "words", "hint"),
    [
        ("options", ["table", "4/my_rule"], "{repro} run '4/my_rule'` runs it."),
        ("options", ["table", "7", "--with-ours"], "{repro} run '4/"),
        ("options", ["run", "4/my_rul"], "See `{repro} list`."),
        ("options", ["replay", "4/my_rule:0"], "`{repro} run '4/my_rule'` runs them"),
        ("options", ["plot", "strips", "4/my_rule"], "{repro} run '4/my_rule'`"),
        ("options", ["list", "4/my_rule"], "`{repro} run` makes it"),
        ("environment", ["table", "4/my_rule"], "`{repro} run '4/my_rule'` runs it."),
        ("nothing", ["replay", "4/lstm/T=100:0"], "`{repro} run '4/lstm/T=100'` runs them"),
    ],
)
def test_commands_in_messages_know_the_rows_that_this_one_knows(home, monkeypatch, given, words, hint):
    monkeypatch.chdir(home)
    (home / "mine").rename(home / "of mine")
    options = ["--with", "my_rule.py", "--configs", "of mine"] if given == "options" else []
    environment = {"REPRO_WITH": "my_rule.py", "REPRO_CONFIGS": "of mine"} if given == "environment" else {}
    config._load.cache_clear()
    done = CliRunner().invoke(main, [*options, *words], env=environment)
    said = " ".join((done.stdout + done.stderr).split())
    assert hint.format(repro="repro --with my_rule.py --configs 'of mine'" if options else "repro") in said
    assert hints.command("run") == "repro run", "forgotten with the command"


def test_rows_of_ones_own_stand_in_the_order_of_their_files_behind_the_papers(home):
    lines = TOML[: TOML.index("[[rows]]")].replace("my_rule", "{name}")
    for file, names in (("a", "zyx"), ("b", "cab")):
        rows = "".join(
            f'[[rows]]\nname = "4/{name}"\nlearner = "{file}"\nset = {{ length = 20, max_sequences = 30 }}\n'
            for name in names
        )
        learner = lines.replace("learners.{name}", f"learners.{file}").replace("hidden", 'name = "my_rule"\nhidden')
        (home / "mine" / f"{file}.toml").write_text(learner + rows, encoding="utf-8")
    (home / "mine" / "4.toml").unlink()
    registry.use([home / "my_rule.py"])
    OWN_CONFIGS[:] = [home / "mine"]
    rows, store = config.load(), Store(home)
    own = [f"4/{name}" for name in "zyxcab"]
    paper = [line.row.name for line in tables.selected(["7"], rows, store)]
    project = [name for name, row in rows.items() if row.experiment == "4" and not row.in_paper and not row.owner]
    found = [line.row.name for line in tables.selected(["7"], rows, store, with_ours=True)]
    assert found == [*paper, *project, *own]
    assert [line.row.name for line in tables.selected(["4/*"], rows, store)][-6:] == own
