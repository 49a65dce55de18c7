"""The script that disturbs runs: that it would notice. Its rounds are not for a test."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from invented import record

from repro.commands.main import main
from repro.records.store import Store

SCRIPT = Path(__file__).parents[1] / "scripts" / "endure.py"
endure = runpy.run_path(str(SCRIPT))
REFERENCE = {(record(trial).key, trial): "feed" * 4 for trial in range(3)}


def test_its_run_has_as_many_trials_as_it_says(tmp_path):
    done = CliRunner().invoke(main, [*endure["RUN"], str(tmp_path), "--dry-run", "--format", "json"])
    assert json.loads(done.stdout)["to_run"] == endure["TOTAL"]


@pytest.fixture
def campaign(tmp_path):
    store = Store(tmp_path)
    for trial in range(2):
        store.append(record(trial))
    store.path("4").rename(tmp_path / "6a.jsonl")
    made = endure["Campaign"](tmp_path, REFERENCE, endure["Figures"]("kills"))
    made.look()
    return made


def counted(campaign):
    return {what: n for what, n in campaign.figures.counts.items() if n}


def test_it_notices_nothing_where_nothing_is_wrong(campaign):
    path = campaign.folder / "6a.jsonl"
    path.write_text(path.read_text() + '{"cell":"torn')
    assert set(campaign.look()) == {key for key in REFERENCE if key[1] < 2}
    assert counted(campaign) == {}


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (lambda lines: lines[:-1], "lost"),
        (lambda lines: [*lines, lines[-1]], "doubled"),
        (lambda lines: [line.replace("feedfeed", "foodfeed") for line in lines], "other bits"),
    ],
    ids=["lost", "doubled", "other bits"],
)
def test_it_notices_what_is_wrong(campaign, edit, what, capsys):
    path = campaign.folder / "6a.jsonl"
    path.write_text("".join(edit(path.read_text().splitlines(keepends=True))))
    campaign.look()
    assert set(counted(campaign)) == {what}
    assert capsys.readouterr().out.startswith(f"kills, round 1: {what}: ")


def test_it_notices_what_is_left_of_a_run_and_ends_it(campaign, monkeypatch):
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    monkeypatch.setitem(endure["processes"].__globals__, "PATIENCE_S", 0.1)
    campaign.gone(process)
    assert process.wait(10) < 0
    campaign.gone(process)
    assert counted(campaign) == {"left over": 1}
