"""The pages of docs/ are true: their commands, settings and rows exist, and their example is a learner that runs."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from repro.commands.main import main
from repro.experiments import config
from repro.files import OWN_CONFIGS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
EXAMPLE = DOCS / "example"
PAGES = sorted(DOCS.rglob("*.md"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def lines(page: Path) -> list[str]:
    return [line for block in blocks(page, "bash") for line in block.splitlines() if line.strip()]


COMMANDS = [pytest.param(page, line, id=f"{page.stem}: {line}") for page in PAGES for line in lines(page)]


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_commands_exist_with_their_options(page, line, tmp_path, monkeypatch):
    """Click reads the line as it would be run: options, their values, and arguments that have to be there."""
    monkeypatch.chdir(tmp_path)
    for folder in re.findall(r"\bshards?[-/]\d", line):
        (tmp_path / folder).mkdir(parents=True)
    program, *arguments = shlex.split(line, comments=True)
    if program == "make":
        assert all(f"\n{target}:" in MAKEFILE for target in arguments)
        return
    if program != "repro":
        assert program == "source"
        return
    context = main.make_context("repro", arguments, resilient_parsing=True)
    name, *rest = [*context._protected_args, *context.args]
    command = main.commands[name]
    if isinstance(command, click.Group):
        name, *rest = rest
        command = command.commands[name]
    if "help" not in rest:  # --columns help ends where it is read
        command.make_context(name, rest, parent=context)
    if not context.params["folders"]:
        patterns = [word for text in rest for word in text.split() if re.fullmatch(r"\d[a-c]?/\S+", word)]
        assert {word.partition(":")[0] for word in patterns} <= config.load().keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_in_sentences_exist(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for name, rest in re.findall(r"`repro (\w+)([^`]*)`", text):
        assert name in main.commands, name
        known = {option for parameter in main.commands[name].params for option in parameter.opts}
        assert set(re.findall(r"(?<!\S)-[\w-]+", rest)) <= known
    every = {option for command in main.commands.values() for parameter in command.params for option in parameter.opts}
    every |= {option for parameter in main.params for option in parameter.opts}
    assert {option.split()[0] for option in re.findall(r"`(--?[a-z][^`=]*)`", text)} <= every


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_prose_is_no_wider_than_the_source(page):
    """What commands print is as wide as it is."""
    text = re.sub(r"^```text.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 120


def test_every_page_is_in_a_list_of_pages():
    """And every page of a list is there; Sphinx says so too, where it is installed."""
    listed = {DOCS / "index.md"}
    for page in PAGES:
        for block in blocks(page, r"\{toctree\}"):
            listed |= {page.parent / f"{name}.md" for name in re.findall(r"^[\w/-]+$", block, flags=re.MULTILINE)}
    assert listed == set(PAGES)


def test_files_of_variants_and_rows_are_read(tmp_path, monkeypatch):
    """What the pages show as TOML, as it stands there."""
    from repro.experiments import sweep

    shown = {text for page in PAGES for text in blocks(page, "toml")}
    variants = [text for text in shown if "variants" in tomllib.loads(text)]
    rows = [text for text in shown if "[[rows]]" in text and "my_rule" not in text]
    assert variants
    assert rows
    path = tmp_path / "variants.toml"
    for text in variants:
        path.write_text(text, encoding="utf-8")
        for variant in sweep.read(path):
            assert config.load()["6a/lstm"].condition(variant.reading or "printed", variant.changes)
    folder = tmp_path / "mine"
    folder.mkdir()
    for number, text in enumerate(rows):
        (folder / f"{number}.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr("repro.experiments.config.OWN_CONFIGS", [folder])
    assert {row["name"] for text in rows for row in tomllib.loads(text)["rows"]} <= config.load().keys()
    assert not OWN_CONFIGS


def test_the_example_is_shown_as_it_is():
    page = (DOCS / "without-the-base.md").read_text(encoding="utf-8")
    assert "```{literalinclude} example/my_rule.py" in page
    assert (EXAMPLE / "mine" / "my_rule.toml").read_text(encoding="utf-8") in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_that_are_shown_are_there(page):
    for name in re.findall(r"^```\{literalinclude\} (\S+)", page.read_text(encoding="utf-8"), flags=re.MULTILINE):
        assert (page.parent / name).is_file()


def test_the_page_on_rules_prints_what_a_new_learner_prints(tmp_path):
    """Its commands are those that `repro new learner` ends with, for a learner in this folder."""
    done = CliRunner().invoke(main, ["new", "learner", "my_rule", "--folder", str(tmp_path)])
    said = done.stdout.replace(f"{tmp_path}/", "").splitlines()
    assert set(said) <= set(lines(DOCS / "adding-a-rule.md"))


def test_the_example_runs(tmp_path):
    """Without the compiler, to be quick; `repro check docs/example/my_rule.py` does more."""
    done = subprocess.run(
        [sys.executable, "-m", "repro", "--with", "my_rule.py", "--configs", "mine/", "run", "4/my_rule",
         "--trials", "2", "--max-sequences", "5", "--engine", "inline", "--results", str(tmp_path)],
        cwd=EXAMPLE, capture_output=True, text=True, check=False, env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2 trials done" in done.stdout + done.stderr


def test_the_script_for_an_array_of_jobs_runs_a_part(tmp_path):
    """As Slurm starts it; without the compiler, to be quick."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    slurm = {"SLURM_ARRAY_TASK_ID": "7", "SLURM_CPUS_PER_TASK": "1", "NUMBA_DISABLE_JIT": "1", "PATH": programs}
    for trials, said in (
        ("2", "Shard 7/100: 0 trials done (none of the trials are its part)"),
        ("1000", "Shard 7/100: 16 trials"),
    ):
        done = subprocess.run(
            ["bash", EXAMPLE / "shards.sh", "6a/lstm", "--trials", trials, *(["--dry-run"] if trials != "2" else [])],
            cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, **slurm},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert said in done.stdout + done.stderr
    text = (EXAMPLE / "shards.sh").read_text(encoding="utf-8")
    assert re.search(r"--array=1-(\d+)", text)[1] == re.search(r"^SHARDS=(\d+)", text, re.MULTILINE)[1]


def test_the_script_with_workers_as_jobs_runs_trials_on_them(tmp_path):
    """With stand-ins for dask-jobqueue and for this program."""
    (tmp_path / "dask_jobqueue.py").write_text(
        "class SLURMCluster:\n    scheduler_address = 'tcp://10.0.0.1:8786'\n"
        "    def __init__(self, cores, processes, memory, walltime, job_script_prologue): pass\n"
        "    def __enter__(self): return self\n    def __exit__(self, *_): print('closed', flush=True)\n"
        "    def scale(self, jobs): print('scaled', flush=True)\n"
    )
    (tmp_path / "repro").write_text('#!/bin/sh\necho "$@"\nexit 7\n')
    (tmp_path / "repro").chmod(0o755)
    done = subprocess.run(
        [sys.executable, EXAMPLE / "jobqueue.py", "6a/*", "--trials", "2"], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "scaled", "run 6a/* --trials 2 --engine dask:tcp://10.0.0.1:8786", "closed",
    ]  # fmt: skip
    assert done.returncode == 7
