"""README.md is true: its commands exist, and what it shows of results/ is what the commands print today."""

import re
import runpy
from pathlib import Path

from click.testing import CliRunner

from repro.commands.main import main
from repro.experiments import config

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def settled(text: str) -> str:
    """Text without the source that was today's when it was written: it need not be written again for that alone."""
    return re.sub(r"today's,\s+[0-9a-f]{8},", "today's,", text)


def test_tables_are_todays(monkeypatch):
    monkeypatch.chdir(ROOT)
    script = runpy.run_path(str(ROOT / "scripts" / "readme.py"))
    assert "$ repro compare" in README
    assert settled(script["fresh"](README)) == settled(README), "run `make readme`"


def test_the_page_of_results_is_todays():
    script = runpy.run_path(str(ROOT / "scripts" / "results.py"))
    page = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    assert settled(script["page"]()) == settled(page), "run `make results`"
    for figure in re.findall(r"\]\((figures/.*?)\)", page):
        assert (ROOT / "results" / figure).is_file()


def test_the_table_of_readings_is_todays():
    script = runpy.run_path(str(ROOT / "scripts" / "results.py"))
    assert script["readings_table"]() == (ROOT / "results" / "readings.csv").read_text(encoding="utf-8"), (
        "run `make results`"
    )


def test_a_quick_run_has_as_many_trials_as_it_shows():
    n = sum(trials for row in config.load().values() for trials in row.quick.values())
    assert f"{n} trials done ({n} run now, " in README


def test_commands_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`?make (\w+)", README):
        assert f"\n{target}:" in makefile, target
    for command in re.findall(r"`repro (\w+)", README):
        assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0, command


def test_readme_is_one_screen_of_text():
    text = re.sub(r"```(?s:.*?)```", "", README)
    assert len(text.splitlines()) <= 56  # ten of them are what comes out
