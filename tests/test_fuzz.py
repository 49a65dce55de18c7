"""Whatever stands in configurations, behind --set and in results files: a result, or a clear error; never a traceback.

REPRO_FUZZ=5000 tries so many of each, and others at each run.
"""

import datetime
import json
import os
import re
import warnings
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invented import invented, stage

from repro.commands.main import main
from repro.experiments import config
from repro.experiments.setups import ConfigError
from repro.files import configs_folder
from repro.records import jsonl
from repro.records.store import Store
from repro.running.engine import crashed

MANY = int(os.environ.get("REPRO_FUZZ", "0"))
ROW = "5/lstm"
LIBRARYS = re.compile(r"Input should|after validation|Field required|valid (integer|number|tuple|string|boolean|dict)")


def tried(few: int) -> settings:
    """So many examples, always the same ones; or many."""
    quiet = list(HealthCheck)
    return settings(deadline=None, max_examples=MANY or few, derandomize=not MANY, suppress_health_check=quiet)


def held(*arguments: str) -> None:
    """A command ends well, or with a message that is the user's to understand."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = CliRunner().invoke(main, arguments)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code in (0, 2), done.output
    assert "Traceback" not in done.output
    if done.exit_code:
        assert re.search("^Error: .", done.stderr, re.MULTILINE), done.output
        assert not LIBRARYS.search(done.stderr), done.stderr


# ------------------------------------------------------------------------------------------------------ configurations


def toml(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, datetime.date):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, str | bool) else repr(value)


def places(value: Any, *before: Any) -> Iterator[tuple[Any, ...]]:
    """The place of every part of what is nested."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield (*before, key)
        yield from places(part, *before, key)


NAMES = ["name", "learner", "set", "blocks", "stop", "stages", "quick", "printed", "published", "success", "shares"]
LEAVES = st.one_of(
    st.integers(-3, 3), st.sampled_from([0, 100, 250, 2560, 99_999, 10**9, 10**12, -(2**63), 2**63, 10**400]),
    st.floats(), st.sampled_from([0.0, -0.0, 0.5, 1e-300, 1e308, -1e308]), st.booleans(),
    st.sampled_from(["", "lstm", "elman", "adding", "n_seq=13", "printed", "random", "all", "5", "ours", "\n"]),
    st.text(max_size=5), st.just("9" * 5000),
)  # fmt: skip


def nested(leaves: Any) -> Any:
    """Values, and lists and tables of them."""
    keys = st.sampled_from(NAMES) | st.text(max_size=3)
    return st.recursive(
        leaves, lambda parts: st.lists(parts, max_size=3) | st.dictionaries(keys, parts, max_size=3), max_leaves=6
    )


TOML, JSON = nested(LEAVES | st.just(datetime.date(1997, 11, 15))), nested(LEAVES | st.none())


@st.composite
def edited(draw: Any, whole: Any, values: Any) -> Any:
    """What is nested with some of its parts replaced, left out, put in or copied from elsewhere."""
    copy = deepcopy(whole)
    for _ in range(draw(st.integers(1, 3))):
        *parents, last = draw(st.sampled_from(list(places(copy))))
        inside = copy
        for key in parents:
            inside = inside[key]
        match draw(st.sampled_from(["replace", "replace", "drop", "add", "copy"])):
            case "replace":
                inside[last] = draw(values)
            case "drop":
                del inside[last]
            case "add" if isinstance(inside, dict):
                inside[draw(st.sampled_from(NAMES) | st.text(max_size=3))] = draw(values)
            case "add":
                inside.insert(last, draw(values))
            case "copy":
                other = copy
                for key in draw(st.sampled_from(list(places(copy)))):
                    other = other[key]
                inside[last] = deepcopy(other)
        if not list(places(copy)):
            break
    return copy


def trials_of(row: config.Row, folder: Path) -> None:
    """Some trials of a row that nobody ran, whatever it is."""
    store, condition = Store(folder), row.condition()
    stop = condition.settings["stop"]
    for trial in range(min(row.trials, 5)):
        passed = [stage(one["name"], stop["ask_every"] * (trial + 1), trial) for one in stop["stages"]]
        store.append(invented(condition, trial, passed[: trial + 1]))


WHOLE = config.toml.read(configs_folder() / "5.toml")
WHOLE["rows"] = WHOLE["rows"][:2]


COMMANDS = [["list"], ["table"], ["compare"], ["show"], ["run", "--dry-run"], ["readings"], ["list", "--matrix"],
            ["trials"]]  # fmt: skip


@tried(30)
@given(edited(WHOLE, TOML), st.sampled_from(COMMANDS))
def test_configurations(content, command):
    with TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        folder, results = Path(place) / "configs", Path(place) / "results"
        folder.mkdir()
        text = "".join(f"{json.dumps(key)} = {toml(value)}\n" for key, value in content.items())
        (folder / "5.toml").write_text(text, encoding="utf-8", errors="replace")
        (folder / "shared.toml").write_bytes((configs_folder() / "shared.toml").read_bytes())
        patch.setattr(config, "configs_folder", lambda: folder)
        config._load.cache_clear()
        try:
            row = next(iter(config.load().values()))
        except ConfigError:
            row = None
        else:
            trials_of(row, results)
        held(*command, *([row.name if row else ROW] if command != ["readings"] else []), "--results", str(results))
        config._load.cache_clear()


SET = st.builds(
    "{}={}".format,
    st.sampled_from([f"{group}{name}" for group in ("", "learner.", "stop.", "task.", "x.") for name in
                     ("blocks", "size", "g", "h", "length", "places", "stages", "window", "tolerance", "name", "start",
                      "learning_rate", "max_sequences", "input_gate_bias", "train_biases", "exam_sequences")])
    | st.text(max_size=4),
    TOML.map(toml) | st.text(max_size=8) | st.sampled_from(["", "linear", "1\nb=2", "[", "{a=1}", "1 # 2", "'"]),
)  # fmt: skip


@tried(40)
@given(st.lists(SET, min_size=1, max_size=3), st.sampled_from(["--set", "--grid"]))
def test_settings(changes, option):
    words = [part for change in changes for part in (option, change)]
    held("run", "6a/lstm", "--dry-run", *words, "--results", "results")
    if option == "--set":
        held("show", "6a/lstm", *words)
        held("race", "6a/lstm", " ".join(["6a/elman", *changes]), "--trials", "0")


# ------------------------------------------------------------------------------------------------------------- records


def lines_of_results() -> list[Any]:
    """Lines of a results file: trials that solved it, failed, crashed, and what they share."""
    condition = config.load()[ROW].condition()
    passed = [stage("n_seq=140", 500_000, 139), stage("n_seq=13", 900_000, 12)]
    made = [invented(condition, n, passed, facts={"units": n}, trace=[(900_000, 0.25)]) for n in range(4)]
    made += [invented(condition, 4, passed[:1]), crashed(condition, 5, "gone"), invented(condition, 6, passed[:1])]
    shared = jsonl.written(made[0])
    return [
        *(json.loads(line) for key, line in shared.items() if key),
        *(json.loads(jsonl.written(r)[""]) for r in made),
    ]


LINES = lines_of_results()
SHOWN = [["list"], ["list", "--stored"], ["trials", ROW], ["table", ROW], ["compare", ROW], ["show", f"{ROW}:0"],
         ["run", ROW, "--dry-run"], ["table", ROW, "--by", "seed"], ["trials", "--format", "csv"],
         ["table", ROW, "--format", "json"], ["readings", "8"], ["compare", "--brief", "8"]]  # fmt: skip


def show(data: bytes, command: list[str]) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "5.jsonl").write_bytes(data)
        held(*command, "--results", folder)


@tried(40)
@given(edited(LINES, JSON), st.sampled_from(SHOWN))
def test_records(lines, command):
    data = "".join(json.dumps(line) + "\n" for line in lines)
    show(data.encode(errors="replace"), command)


@tried(30)
@given(st.data(), st.sampled_from(SHOWN))
def test_bytes_of_records(drawn, command):
    data = "".join(json.dumps(line) + "\n" for line in LINES).encode()
    for _ in range(drawn.draw(st.integers(1, 3))):
        start = drawn.draw(st.integers(0, len(data)))
        end = min(len(data), start + drawn.draw(st.integers(0, 300)))
        put = drawn.draw(st.binary(max_size=4) | st.sampled_from([b"\n", b"}{", b"9" * 50, b"null", b"1e999", b"\xff"]))
        data = data[:start] + put + data[end:]
    show(data, command)
