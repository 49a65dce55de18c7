"""Configurations: what is in the repository is the paper's, and what is wrong is said, all of it, with file and key."""

import csv
from pathlib import Path

import keys
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro import registry
from repro.experiments import config, selection
from repro.experiments.config import ConfigError

HERE = Path(__file__).parent
GOOD = (HERE.parent / "configs" / "5.toml").read_text(encoding="utf-8")


def read(tmp_path: Path, text: str | bytes, name: str = "5.toml") -> dict[str, config.Row]:
    data = text.encode() if isinstance(text, str) else text
    (tmp_path / name).write_bytes(data)
    config._load.cache_clear()
    return config.load(tmp_path)


def problems(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text)
    return str(error.value)


# ------------------------------------------------------------------------------------------------ the paper's numbers


def published_csv() -> list[dict[str, str]]:
    with (HERE / "published.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


METRICS = {  # of published.csv: what the configs call it
    "success_percent": "success",
    "sequences_to_st1": "sequences",
    "sequences_to_success": "sequences",
    "test_wrong_of_2560": "test_wrong",
    "test_fraction_wrong": "test_fraction",
    "test_error_printed_as_mse": "test_error",
    "test_mean_absolute_difference": "test_error",
}


def place(fact: dict[str, str]) -> tuple[str, str, bool]:
    """Table, line, and whether it is about the first stopping criterion of two."""
    return fact["table"], fact["row"], fact["metric"] == "sequences_to_st1"


def number(text: str) -> float | str:
    """A printed value: a number, a bound without its sign, or words."""
    return "some" if text == "some fraction" else float(text.removeprefix(">"))


@pytest.mark.parametrize(
    "fact", published_csv(), ids=lambda f: f"table{f['table']}-{f['row']}-{f['learner']}-{f['metric']}"
)
def test_published_values_are_the_papers(fact):
    """A range of learning rates has a row for some of them, each with the printed number of trials."""
    found = [
        (row, line)
        for row in config.load().values()
        for line in row.published
        if (row.learner, str(line.table), str(line.line), line.stage == "ST1") == (fact["learner"], *place(fact))
    ]
    assert len(found) == (3 if "lr=1.0-10.0" in fact["params"] else 1)
    for row, line in found:
        assert getattr(line, METRICS[fact["metric"]]) == number(fact["value"])
        assert line.beyond == fact["value"].startswith(">") or fact["metric"] != "sequences_to_success"
        assert row.experiment == fact["experiment"]
        assert row.trials == int(fact["trials"] or 30)
        check_weights(row, line, fact["weights"])
        check_parameters(row, line, fact["params"])


def check_weights(row, line, printed):
    if row.learner == "chunker":  # the paper counts one net of two: that with the extra output, for its hidden unit
        assert row.setup().n_weights == 10506 + 10404
    if "-" in printed:
        low, high = map(int, printed.removeprefix("~").split("-"))
        assert line.weights is None
        assert low < high < row.setup().n_weights
    elif printed:
        assert line.weights == int(printed.removeprefix("~"))
        assert row.learner == "chunker" or line.weights == row.setup().n_weights


def check_parameters(row, line, printed):
    setup = row.setup()
    found = {"n_seq": line.stage.removeprefix("n_seq=")}
    for key, group, name in (
        ("blocks", setup.learner, "blocks"), ("size", setup.learner, "size"), ("p", setup.task, "p"),
        ("q", setup.task, "q"), ("T", setup.task, "length"), ("N", setup.task, "informative"),
        ("lr", setup.learner, "learning_rate"), ("hidden", setup.learner, "hidden"),
    ):  # fmt: skip
        found[key] = getattr(group, name, None)
    if row.learner == "cascade":
        found["hidden"] = setup.learner.max_units
    for parameter in printed.split(","):
        key, _, value = parameter.partition("=")
        low, _, high = value.partition("-")
        assert float(low) <= float(found[key]) <= float(high or low), key


def test_no_published_row_is_missing_and_none_is_made_up():
    facts = {(*place(fact), METRICS[fact["metric"]]) for fact in published_csv()}
    ours = {
        (str(line.table), str(line.line), line.stage == "ST1", name)
        for row in config.load().values()
        for line in row.published
        for name in set(METRICS.values())
        if getattr(line, name) is not None
    }
    assert ours == facts


TABLE_10 = {  # blocks, size, inputs, outputs, weights, output gate biases, input gate biases, biased, h, g, alpha
    "1/lstm/4x1,lr=0.1": (4, 1, 7, 7, 264, (-1, -2, -3, -4), "r", "gates", "h1", "g2", 0.1),
    "1/lstm/3x2,lr=0.1": (3, 2, 7, 7, 276, (-1, -2, -3), "r", "gates", "h1", "g2", 0.1),
    "1/lstm/3x2,lr=0.2": (3, 2, 7, 7, 276, (-1, -2, -3), "r", "gates", "h1", "g2", 0.2),
    "1/lstm/4x1,lr=0.5": (4, 1, 7, 7, 264, (-1, -2, -3, -4), "r", "gates", "h1", "g2", 0.5),
    "1/lstm/3x2,lr=0.5": (3, 2, 7, 7, 276, (-1, -2, -3), "r", "gates", "h1", "g2", 0.5),
    "2a/lstm/p=100": (1, 1, 101, 101, 10504, None, None, None, "id", "g1", 1.0),
    "2b/lstm/p=100": (1, 1, 101, 101, 10504, None, None, None, "id", "g1", 1.0),
    **{
        f"2c/lstm/q={q},p={p}": (2, 1, p + 4, 2, w, "r", "r", "none", "h1", "g2", 0.01)
        for q, p, w in ((50, 50, 364), (100, 100, 664), (200, 200, 1264), (500, 500, 3064), (1000, 1000, 6064),
                        (1000, 500, 3064), (1000, 200, 1264), (1000, 100, 664), (1000, 50, 364))
    },
    **{
        row: (3, 1, 1, 1, 102, (-2, -4, -6), (-1, -3, -5), "hidden", "h1", "g2", 0.1 if row.startswith("3c") else 1.0)
        for row in ("3a/lstm/T=100,N=3", "3a/lstm/T=100,N=1", "3a/lstm/T=1000,N=3", "3b/lstm/T=100,N=3",
                    "3b/lstm/T=100,N=1", "3b/lstm/T=1000,N=1", "3c/lstm/T=100,N=3", "3c/lstm/T=100,N=1")
    },
    **{
        f"4/lstm/T={t}": (2, 2, 2, 1, 93, "r", (-3, -6), "all", "h1", "g2", 0.5) for t in (100, 500, 1000)
    },
    "5/lstm": (2, 2, 2, 1, 93, "r", "r", "all", "h1", "g2", 0.1),
    "6a/lstm": (2, 2, 8, 4, 156, "r", (-2, -4), "all", "h1", "g2", 0.5),
    "6b/lstm": (3, 2, 8, 8, 308, "r", (-2, -4, -6), "all", "h1", "g2", 0.1),
}  # fmt: skip


def test_every_row_has_the_settings_of_table_10():
    rows = config.load()
    assert set(TABLE_10) == {row.name for row in rows.values() if row.learner == "lstm"}
    ranges = {"h1": (-1, 1), "g2": (-2, 2), "g1": (0, 1), "id": "identity"}
    for name, (blocks, size, n_in, n_out, weights, out_bias, in_bias, biased, h, g, rate) in TABLE_10.items():
        setup = rows[name].setup()
        learner, interface = setup.learner, registry.task(setup.task.name).interface(setup.task)
        assert (interface.n_in, interface.n_out, setup.n_weights) == (n_in, n_out, weights), name
        assert (learner.h, learner.g, learner.learning_rate) == (ranges[h], ranges[g], rate), name
        assert learner.init == (0.2 if name[0] in "12" else 0.1), name
        if biased is not None:
            assert (learner.blocks, learner.size, learner.biased) == (blocks, size, biased), name
            expected = tuple("random" if bias == "r" else bias for bias in (out_bias, in_bias))
            assert (learner.output_gate_bias, learner.input_gate_bias) == expected, name


def test_every_condition_has_the_key_that_its_records_have():
    """However the files are written; `keys` says how new ones are added."""
    today, written = keys.today(), keys.written()
    assert {name: today.get(name) for name in written} == written
    in_paper = {name for name, row in config.load().items() if any(line.table != "ours" for line in row.published)}
    assert in_paper <= set(written), "rows of one's own need none"


@pytest.mark.parametrize("row", config.load().values(), ids=lambda row: row.name)
def test_printed_is_explicit(row):
    """Every choice that a reading may change is written down, not left to a default."""
    written = row.base["learner"]
    usual = {"g", "h", "output_error", "error_factor", "update", "init", "learning_rate"}
    for name in usual & set(type(row.setup().learner).model_fields):
        assert name in written, name
    for reading in row.readings.values():
        for key in reading.set:
            group, _, name = key.partition(".")
            assert name in row.base[group] or getattr(getattr(row.setup(), group), name) is None or group == "task", key
    assert written.get("error_factor", 1) == 1
    assert written.get("output_error", "derivative") == "derivative"
    assert len(row.readings["printed"].choices) >= 5
    assert not row.readings["printed"].set


def test_choices_and_readings_are_those_of_the_learner():
    rows = config.load()
    assert "teacher-forcing" in rows["1/rtrl/hidden=12,lr=0.1"].readings
    assert "teacher-forcing" not in rows["1/lstm/4x1,lr=0.1"].readings
    assert "easier-strings" in rows["1/lstm/4x1,lr=0.1"].readings
    elman, lstm = (rows[name].readings["printed"].choices for name in ("1/elman/hidden=15", "1/lstm/4x1,lr=0.1"))
    assert set(elman) & set(lstm)
    assert set(elman) - set(lstm)
    assert set(lstm) - set(elman)


@pytest.mark.parametrize("row", config.load().values(), ids=lambda row: row.name)
def test_limits_are_the_papers_or_ten_times_the_published_mean(row):
    """Rows of ours have the limit of LSTM on the same task; what the paper gives no number for has one of its own."""
    longest = max((line.sequences or 0 for line in row.published), default=0)
    if not longest and any(line.table == "ours" for line in row.published):
        rows = config.load()
        longest = max(line.sequences for line in rows[row.name.replace(f"/{row.learner}", "/lstm")].published)
    limit = 5_000_000 if row.experiment.startswith("2") else 10 * longest
    if row.learner == "guessing":  # on 3c no guess can be right
        limit = 1_000_000 if row.experiment == "3c" else 10_000_000
    assert row.setup().stop.max_sequences == limit


@pytest.mark.parametrize("row", config.load().values(), ids=lambda row: row.name)
def test_a_reading_differs_from_printed_in_what_it_says_alone(row):
    printed = row.condition().settings
    for name, reading in row.readings.items():
        condition = row.condition(name)
        changed = {
            f"{group}.{key}"
            for group, settings in condition.settings.items()
            for key, value in settings.items()
            if value != printed[group][key]
        }
        assert changed == set(reading.set), name
        assert (condition.key == row.condition().key) == (name == "printed")


# --------------------------------------------------------------------------------------------------- what goes wrong


def test_the_good_one_is_good(tmp_path):
    names = ["5/lstm", "5/rtrl", "5/bptt", "5/elman"]
    assert list(read(tmp_path, GOOD)) == names
    assert list(read(tmp_path, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())) == names


def test_every_error_at_once_with_file_and_key(tmp_path):
    bad = (
        GOOD.replace("learning_rate = 0.1", 'size2 = "2"', 1)
        .replace("blocks = 2", 'blocks = "2"')
        .replace("window = 2000", "window = 0")
        .replace("length = 100", "length = 1.5")
        .replace('stage = "n_seq=140"', 'stages = "n_seq=14"', 1)
    )
    assert problems(tmp_path, bad).splitlines()[1:] == [
        "  5.toml: rows.0 (5/lstm).published.0.stages: there is no such setting. Did you mean stage or table or "
        "trials?",
        "  5.toml: task.length: has to be a whole number, not 1.5",
        "  5.toml: learners.lstm.blocks: has to be a whole number, not '2'",
        "  5.toml: learners.lstm.size2: there is no such setting. Did you mean size?",
        "  5.toml: stop.window: has to be at least 1, not 0",
    ]


def test_errors_of_different_kinds_come_together(tmp_path):
    bad = (
        GOOD.replace('title = "Mult', 'titel = "Mult').replace("blocks = 2", 'blocks = "2"')
        + '[learners.elmann]\nname = "elmann"\n'
    )
    assert problems(tmp_path, bad).splitlines()[1:] == [
        "  5.toml: titel: there is no such setting. Did you mean title or trials?",
        "  5.toml: learners.lstm.blocks: has to be a whole number, not '2'",
        "  5.toml: learners.elmann.name: there is no learner 'elmann'. Did you mean elman?",
    ]


def test_errors_of_several_files_come_together(tmp_path):
    read(tmp_path, GOOD)
    (tmp_path / "1.toml").write_text("experiment = 1")
    (tmp_path / "2.toml").write_text("= 2")
    said = problems(tmp_path, GOOD.replace('name = "5/lstm"', 'name = "5/lstm"\ntrials = 0'))
    assert "1.toml: experiment: has to be text, not 1" in said
    assert "2.toml: not valid TOML:" in said
    assert "(at line 1, column 1)" in said
    assert "5.toml: rows.0 (5/lstm).trials: has to be at least 1, not 0" in said


RATE, STAGES = "learning_rate = 0.1", "stages = ["
TOO_LONG = "a number of thousands of digits is beyond 64 bits"
HERE_IS = "rows.0 (5/lstm)."
MISTAKES = [
    (RATE, "learning_rate = nan", "learners.lstm.learning_rate: has to be a finite number, not nan"),
    (RATE, "learning_rate = inf", "learners.lstm.learning_rate: has to be a finite number, not inf"),
    (RATE, "learning_rate = 1e400", "learners.lstm.learning_rate: has to be a finite number, not inf"),
    (RATE, "learning_rate = -0.0", "learners.lstm.learning_rate: has to be above 0, not -0.0"),
    (RATE, "learning_rate = 1e308", "learners.lstm.learning_rate: has to be at most 1000, not 1e+308"),
    (RATE, "learning_rate = true", "learners.lstm.learning_rate: has to be a number, not true"),
    (RATE, "learning_rate = [0.1]", "learners.lstm.learning_rate: has to be a number, not a list"),
    (RATE, "learning_rate = {}", "learners.lstm.learning_rate: has to be a number, not a table"),
    (RATE, "learning_rate = 1979-05-27", "learners.lstm.learning_rate: has to be a number, not 1979-05-27"),
    (RATE, "learning_rate = " + "9" * 5000, f"not valid TOML: {TOO_LONG}"),
    (RATE, "learning_rate = 0x" + "f" * 5000, f"not valid TOML: {TOO_LONG}"),
    (RATE, "learning_rate = " + "9" * 20, f"not valid TOML: {'9' * 20} is beyond 64 bits"),
    (RATE, "learning_rate = '" + "x" * 100 + "'", "learners.lstm.learning_rate: has to be a number, not "
     f"'{'x' * 60}'... (100 characters)"),
    (RATE, "", "learners.lstm.learning_rate: is missing"),
    (RATE, "learning_rat = 0.1", "learners.lstm.learning_rat: there is no such setting. Did you mean learning_rate?"),
    ("blocks = 2", "blocks = 2.5", "learners.lstm.blocks: has to be a whole number, not 2.5"),
    ("blocks = 2", f"blocks = {10**9}", "learners.lstm.blocks: has to be at most 64, not 1000000000"),
    ('biased = "all"', 'biased = "x"', "learners.lstm.biased: has to be 'none', 'gates', 'cells', 'outputs', 'hidden', "
     "'gates+outputs', 'cells+outputs' or 'all', not 'x'"),
    ("size = 2", "h = 'x'\nsize = 2", "learners.lstm.h: has to be a list or 'identity', not 'x'"),
    ("size = 2", "h = {}\nsize = 2", "learners.lstm.h: has to be a list or 'identity', not a table"),
    ("size = 2", "h = []\nsize = 2", "learners.lstm.h: takes 2 values, and has 0"),
    ("size = 2", "h = [1.0]\nsize = 2", "learners.lstm.h: takes 2 values, and has 1"),
    ("size = 2", "h = [1.0, 'a']\nsize = 2", "learners.lstm.h.1: has to be a number, not 'a'"),
    ("size = 2", "h = [1.0, 2.0, 3.0]\nsize = 2", "learners.lstm.h: takes at most 2 values, and has 3"),
    ("size = 2", "h = [1.0, -1.0]\nsize = 2", "learners.lstm.h: a squashing range goes from low to high, not from 1.0 "
     "to -1.0"),
    ('input_gate_bias = "random"', "input_gate_bias = [1.0]", "learners.lstm: input_gate_bias has 1 values for 2 "
     "blocks"),
    ('biased = "all"', 'biased = "none"\ninput_gate_bias2 = 1', "learners.lstm.input_gate_bias2: there is no such "
     "setting. Did you mean input_gate_bias or output_gate_bias or listed_biases?"),
    ("[learners.lstm]", '[learners.lstm]\nname = "lstn"', "learners.lstm.name: there is no learner 'lstn'. Did you "
     "mean lstm?"),
    ("[learners.lstm]", '[learners.lstm]\nname = "../../cli"', "learners.lstm.name: there is no learner '../../cli'. "
     "One in a file of your own is named by `repro --with FILE.py`."),
    ("[learners.lstm]", "[learners.lstm]\nname = 3", "learners.lstm.name: has to be text, not 3"),
    ('name = "adding"', 'name = "__init__"', "task.name: there is no task '__init__'. One in a file of your own is "
     "named by `repro --with FILE.py`."),
    ('name = "adding"', "", "task.name: is missing"),
    ("length = 100", f"length = {10**9}", "task.length: has to be at most 1,000,000, not 1000000000"),
    ("length = 100", "length = -5", "task.length: has to be at least 20, not -5"),
    (STAGES, "stages = [] #", "stop.stages: takes at least 1 value, and has none"),
    (STAGES, "stages = [3] #", "stop.stages.0: has to be a table, not 3"),
    ("max_wrong = 12", "max_wrong = 12, max_wrong = 13", "not valid TOML: Duplicate inline table key 'max_wrong' (at "
     "line 50, column 103)"),
    ("max_wrong = 12 ", "max_wrong = -1 ", "stop.stages.1.max_wrong: has to be at least 0, not -1"),
    ('name = "5/lstm"', 'name = "5/lstm"\nlearner = "elmann"', f"{HERE_IS}learner: there is no learners.elmann. Did "
     "you mean elman?"),
    ('name = "5/lstm"', 'name = "6a/lstm"', "rows.0 (6a/lstm): a name starts with its experiment, '5/'"),
    ('name = "5/lstm"', 'name = "5/../../x"', "rows.0 (5/../../x).name: a row is called EXPERIMENT/LEARNER or "
     "EXPERIMENT/LEARNER/MORE, of a-z, 0-9, and _ but in the first part; MORE may have A-Z . , = - too. Not "
     "'5/../../x'"),
    ("[[rows]]\nname = ", "[[rows2]]\nname = ", "rows2: there is no such setting. Did you mean rows?"),
    ("[[rows]]", "[[row]]", "row: there is no such setting. Did you mean rows or owner?"),
    ('name = "5/lstm"', "name = 5", "rows.0.name: has to be text, not 5"),
    ('experiment = "5"', 'experiment = "5/x"', "experiment: an experiment is called by letters a-z and digits, not "
     "'5/x'"),
    ("trials = 10\n", "", "trials: is missing, and 5/lstm, 5/rtrl, 5/bptt, 5/elman do not say themselves how many"),
    ("trials = 10\n", f"trials = {10**9}\n", "trials: has to be at most 1,000,000, not 1000000000"),
    ("quick = { plain-error = 2 }", f"quick = {{ plain-error = {10**9} }}", f"{HERE_IS}quick.plain-error: has to be "
     "at most 1,000,000, not 1000000000"),
    ("quick = { plain-error = 2 }", "quick = { plain-eror = 10 }", f"{HERE_IS}quick: there is no reading "
     "'plain-eror'"),
    ("max_sequences", "max_sequence", f"{HERE_IS}set.max_sequence: task, learner and stop rule have no such setting. "
     "Did you mean max_sequences or exam_sequences or test_sequences?"),
    ("max_sequences =", "blocks = 'x', max_sequences =", f"{HERE_IS}set.blocks: has to be a whole number, not 'x'"),
    ("max_sequences =", "stop.max_sequences =", f"{HERE_IS}set.stop: task, learner and stop rule have no such "
     "setting."),
    ("max_sequences =", "max_sequences = 1, 'stop.max_sequences' =", f"{HERE_IS}set.stop.max_sequences: is the same "
     "setting as max_sequences: give it once"),
    ("[readings.printed]", "[readings.other]", "readings: there is no reading 'printed'"),
    ("[readings.simulator]", "[readings.linear]", "readings.linear: is shared.toml's too: take it out of shares"),
    ('[[choices]]\nlearners = ["lstm"]', '[[choices]]\nlearners = ["bttp"]', "choices.0.learners: there is no "
     "learners.bttp. Did you mean bptt?"),
    ('learners = ["lstm"]\nset', 'learners = ["ltsm"]\nset', "readings.plain-cells-see-inputs.learners: there is no "
     "learners.ltsm. Did you mean lstm?"),
    ('    "plain-error",', '    "plain-eror",', "shares.readings: shared.toml has no readings.plain-eror. Did you mean "
     "plain-error or linear?"),
    ('    "plain-error",', '    "either-net",', "shares.readings: either-net is about chunker, which are not here"),
    ('["lstm", "ours"]', '["lstm", "our"]', "shares.choices: shared.toml has no choices.our. Did you mean ours?"),
    ("start = 0.5", '"learner.outputs" = "linear"', "readings.simulator.set.learner.outputs: there is no such setting. "
     "Did you mean output or outputs_see or output_error?"),
    ("start = 0.5", "starts = 0.5", "readings.simulator.set.starts: task, learner and stop rule have no such setting. "
     "Did you mean start or stages?"),
    ("start = 0.5", '"output.x.y" = 1', "readings.simulator.set.output.x.y: a key is task.NAME, learner.NAME, "
     "stop.NAME"),
    ("start = 0.5", "start = 0.25", "readings.simulator.set.start: activations before a sequence are 0 or 0.5"),
    ("start = 0.5", "gradient = 'full', cells_see_gates = 'current', cells_see = 'inputs'",
     "readings.simulator: learners.lstm: cells_see_gates = 'current', but cells_see = 'inputs': they see no gates"),
    ('title = "', 'title = "\\u001b[2J', r"not valid TOML: a control character is in '\x1b[2JMultiplication problem'"),
    ("[readings.printed]", '[readings."\\u0007"]', r"not valid TOML: a control character is in '\x07'"),
    (GOOD, "a = " + "[" * 5000 + "]" * 5000, "not valid TOML: too many brackets within one another"),
]  # fmt: skip
PUBLISHED = [  # numbers that no table has: a comparison with them would be one with nothing
    ("success = 250", "success: has to be at most 100 or 'some', not 250"),
    ("success = -1", "success: has to be at least 0 or 'some', not -1"),
    ("success = 97", "success = 97 is no percentage of trials = 10, to the unit"),
    ('success = "some"', 'success = "some" is of trials that nobody counted: leave trials out, or say how many %'),
    ("success = 0", "success = 0, so there is no mean of those that succeed: sequences, test_wrong, test_error"),
    ("trials = 0", "trials: has to be at least 1, not 0"),
    (f"trials = {10**9}", "trials: has to be at most 1,000, not 1000000000"),
    ("sequences = 0", "sequences: has to be at least 1, not 0"),
    ("sequences = -7", "sequences: has to be at least 1, not -7"),
    ("sequences = 1.5", "sequences: has to be a whole number, not 1.5"),
    ("test_wrong = 99_999", "test_wrong: has to be at most 2,560, not 99999"),
    ("test_wrong = -1", "test_wrong: has to be at least 0, not -1"),
    ("test_fraction = 1.5", "test_fraction: has to be at most 1, not 1.5"),
    ("test_error = 0.0", "test_error: has to be above 0, not 0.0"),
    ("test_error = -1.0", "test_error: has to be above 0, not -1.0"),
    ("weights = 0", "weights: has to be at least 1, not 0"),
    ("table = 0", "table: has to be at least 1 or 'text' or 'ours', not 0"),
    ("line = 0", "line: has to be at least 1, not 0"),
    ('stage = "n_seq=14"', "stage: there is no stage 'n_seq=14'. Did you mean n_seq=140 or n_seq=13?"),
]


@pytest.mark.parametrize(("old", "new", "expected"), MISTAKES)
def test_each_mistake_is_named(tmp_path, old, new, expected):
    """By file and key as it is written, in words of ours; and nothing is told that follows from it."""
    assert old in GOOD
    assert problems(tmp_path, GOOD.replace(old, new, 1)).splitlines()[1:] == [f"  5.toml: {expected}"]


@pytest.mark.parametrize(("change", "expected"), PUBLISHED)
def test_published_values_that_no_table_can_have_are_refused(tmp_path, change, expected):
    line = next(line for line in GOOD.splitlines() if "table = 8, line = 1" in line)
    key = change.partition(" ")[0]
    others = [part for part in line.strip(" {},").split(", ") if not part.startswith(f"{key} =")]
    said = problems(tmp_path, GOOD.replace(line, f"    {{ {change}, {', '.join(others)} }},"))
    dot = "." if expected.startswith(f"{key}:") else ": "
    assert said.splitlines()[1:] == [f"  5.toml: rows.0 (5/lstm).published.0{dot}{expected}"]


def test_wrong_test_sequences_are_counted_among_as_many_as_are_tested(tmp_path):
    said = problems(tmp_path, GOOD.replace("test_sequences = 2560", "test_sequences = 100"))
    assert said.splitlines()[1:] == [
        f"  5.toml: rows.0 (5/lstm).published.{n}.test_wrong: is of 2,560 test sequences, and stage '{stage}' is "
        "tested on 100"
        for n, stage in enumerate(("n_seq=140", "n_seq=13"))
    ]


def test_a_row_that_is_no_table_is_named_too(tmp_path):
    said = problems(tmp_path, "rows = [0, {}]\n" + GOOD.partition("[[rows]]")[0])
    assert said.splitlines()[1:] == [
        "  5.toml: rows.0: has to be a table, not 0", "  5.toml: rows.1.name: is missing",
    ]  # fmt: skip


def test_nothing_is_told_that_follows_from_an_empty_file(tmp_path):
    keys = ("experiment", "title", "section", "task", "learners", "stop", "readings", "rows")
    assert problems(tmp_path, "").splitlines()[1:] == [f"  5.toml: {key}: is missing" for key in keys]


def test_what_is_shared_is_checked_too(tmp_path):
    read(tmp_path, GOOD)
    (tmp_path / "shared.toml").write_text("[readings.linear]\nnot = 'a note'\n")
    said = problems(tmp_path, GOOD)
    assert "shared.toml: readings.linear.not: there is no such setting. Did you mean note?" in said
    assert said.startswith("1 error(s)"), "what is not there because of it is no second one"
    (tmp_path / "shared.toml").write_text("= 1")
    assert "shared.toml: not valid TOML" in problems(tmp_path, GOOD)
    (tmp_path / "shared.toml").write_text("[learners.lstm]\nprecision = 7\n")
    said = problems(tmp_path, "".join(GOOD.partition("[task]")[1:]).join(["experiment = '5'\n", ""]))
    assert "shared.toml: learners.lstm.precision: has to be 'float32' or 'float64', not 7" in said


def test_a_folder_may_share_things_of_its_own(tmp_path):
    own = (HERE.parent / "configs" / "shared.toml").read_text(encoding="utf-8")
    own = own.replace("init = 0.1", "init = 0.3\nlearning_rate = 7.0", 1)
    (tmp_path / "shared.toml").write_text(own, encoding="utf-8")
    learner = read(tmp_path, GOOD)["5/lstm"].setup().learner
    assert (learner.init, learner.learning_rate) == (0.3, 0.1)  # the file's own goes before


def test_a_row_may_be_in_one_file_only(tmp_path):
    read(tmp_path, GOOD)
    (tmp_path / "x.toml").write_text(GOOD)
    assert "x.toml: rows: '5/lstm' is also in 5.toml" in problems(tmp_path, GOOD)


def test_no_configs_is_said(tmp_path):
    config._load.cache_clear()
    with pytest.raises(ConfigError, match="no experiments in"):
        config.load(tmp_path)


@given(st.integers(0, len(GOOD)), st.text(max_size=3), st.integers(0, 40))
def test_no_edit_of_a_config_makes_a_traceback(tmp_path_factory, place, text, cut):
    edited = (GOOD[:place] + text + GOOD[place + cut :]).encode("utf-8", "surrogatepass")
    try:
        read(tmp_path_factory.mktemp("c"), edited)
    except ConfigError as error:
        assert "5.toml" in str(error) or "no experiments" in str(error)


# ------------------------------------------------------------------------------------------------- names and overrides


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("6a/lstm", ["6a/lstm"]),
        ("4/lstm/*", ["4/lstm/T=100", "4/lstm/T=500", "4/lstm/T=1000"]),
        ("table:7", ["4/lstm/T=100", "4/lstm/T=500", "4/lstm/T=1000"]),
        ("4/*/T=100", ["4/lstm/T=100", "4/rtrl/T=100", "4/bptt/T=100", "4/elman/T=100"]),
        ("6a", ["6a/lstm", "6a/rtrl", "6a/bptt", "6a/elman"]),
        ("4/lstm", ["4/lstm/T=100", "4/lstm/T=500", "4/lstm/T=1000"]),
        ("table:9", ["6a/lstm", "6b/lstm"]),
        ("2b", [f"2b/{learner}/p=100" for learner in ("lstm", "chunker", "rtrl", "bptt")]),
    ],
)
def test_selection(pattern, names):
    assert [row.name for row, _ in selection.select([pattern], config.load())] == names


def test_paper_is_everything_and_nothing_twice():
    rows = config.load()
    assert len(selection.select(["@paper", "6a/lstm", "*"], rows)) == len(rows)
    paper = {row.name for row, _ in selection.select(["@paper"], rows)}
    ours = {row.name for row, _ in selection.select(["table:ours"], rows)}
    assert paper | ours == set(rows)
    assert not paper & ours
    assert {row.learner for row in rows.values() if row.name in ours} == {"rtrl", "bptt", "elman"}


def test_quick_touches_every_experiment():
    rows = config.load()
    quick = {row.experiment for row, _ in selection.select(["@quick"], rows)}
    assert quick == {row.experiment for row in rows.values()}


def test_an_explicit_row_beats_the_readings_of_quick():
    chosen = {row.name: readings for row, readings in selection.select(["@quick", "6a/lstm"], config.load())}
    assert chosen["6a/lstm"] is None
    assert chosen["4/lstm/T=100"] == {"linear": 10}


@pytest.mark.parametrize("pattern", ["6a/lstn", "table:77", "", "@quik", "7/*"])
def test_an_unknown_row_is_an_error(pattern):
    with pytest.raises(ConfigError, match="no row is called"):
        selection.select([pattern], config.load())


def test_a_misspelt_row_gets_a_suggestion():
    with pytest.raises(ConfigError, match="Did you mean 6a/lstm"):
        selection.select(["6a/lstn"], config.load())


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("learning_rate=0.1", ("learning_rate", 0.1)),
        ("a.b = [1, 2]", ("a.b", [1, 2])),
        ("output=linear", ("output", "linear")),
        ('output="linear"', ("output", "linear")),
        ("train_biases=false", ("train_biases", False)),
    ],
)
def test_overrides(text, pair):
    assert selection.parse_override(text) == pair


def test_an_override_is_checked_like_a_config():
    row = config.load()["6a/lstm"]
    assert row.setup("printed", {"learning_rate": 0.25}).learner.learning_rate == 0.25
    for change, said in (
        (
            {"learning_rat": 1.0},
            "6a/lstm: learning_rat: task, learner and stop rule have no such setting. Did you mean",
        ),
        ({"precision.x.y": 1}, "6a/lstm: precision.x.y: a key is task.NAME, learner.NAME"),
        ({"learner.learning_rat": 1.0}, "learner.learning_rat: there is no such setting. Did you mean learning_rate?"),
        ({"name": "x"}, "6a/lstm: name: say which, task.name"),
    ):
        with pytest.raises(ConfigError) as error:
            row.setup("printed", change)
        assert said.split(" or")[0] in str(error.value)
    with pytest.raises(ConfigError, match=r"no reading 'pritned'\. Did you mean printed"):
        row.setup("pritned")
