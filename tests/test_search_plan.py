"""The search for readings: what is planned can be run, and what is stored of it counts nowhere."""

import runpy
from pathlib import Path

import pytest

from repro.experiments import config, sweep
from repro.records.store import Store

ROOT = Path(__file__).parent.parent
SEARCH = ROOT / "results" / "search"
script = runpy.run_path(str(ROOT / "scripts" / "search.py"))
PLAN = script["plan"]()


@pytest.mark.parametrize("screen", PLAN, ids=lambda screen: f"{screen['phase']}, {screen['row']}, {screen['variants']}")
def test_every_variant_fits_its_row(screen):
    row = config.load()[screen["row"]]
    conditions = [
        row.condition(one.reading or "printed", one.changes)
        for one in sweep.read(SEARCH / "variants" / screen["variants"])
    ]
    n_twice = int(row.experiment == "2b" and screen["variants"] == "2ab.toml")  # its end alone is judged as printed
    assert len({condition.key for condition in conditions}) == len(conditions) - n_twice > 10
    assert 0 < screen["trials"] <= row.trials
    assert screen["phase"] in script["SEEDS"]
    assert 0 not in script["SEEDS"].values()  # the seed of the judged runs is fresh


def test_products_are_what_the_factors_mean(tmp_path, monkeypatch):
    (tmp_path / "variants").mkdir()
    (tmp_path / "factors.toml").write_text((SEARCH / "factors.toml").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setitem(script["products"].__globals__, "FOLDER", tmp_path)
    script["products"]()
    made = list((tmp_path / "variants").iterdir())
    assert len(made) > 5
    for path in made:
        assert path.read_text(encoding="utf-8") == (SEARCH / "variants" / path.name).read_text(encoding="utf-8")
    some = sweep.read(SEARCH / "variants" / "2c-products.toml")
    assert len(some) == 3 * 2 * 2 * 2
    assert some[-1].changes == {
        "learner.cells_see": "inputs", "learner.gates_see": "inputs", "learner.init": 0.1, "stop.exam_sequences": 200,
    }  # fmt: skip


def test_what_is_stored_of_it_is_marked():
    store = Store(SEARCH)
    for experiment in store.experiments():
        file = store.stored(experiment)
        for condition in file.conditions:
            assert all(record.screened for record in file.records(condition.key))


def test_every_trial_that_is_planned_and_stored_is_reported(monkeypatch):
    page = SEARCH / "README.md"
    if Store(SEARCH).experiments():
        assert page.read_text(encoding="utf-8") == script["report"](), "run `python scripts/search.py report`"
