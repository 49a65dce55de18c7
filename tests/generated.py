"""Results folders of many trials that nobody ran, to see how commands cope: `python tests/generated.py FOLDER N`."""

import json
import random
import sys
from pathlib import Path

from invented import invented, stage

from repro.experiments import config
from repro.records import jsonl
from repro.records.store import Store

A_CONDITION = 100  # trials


def generate(folder: Path, n: int, row: str = "6a/lstm") -> None:
    """Write so many records: those of the row itself, and of as many learning rates as it takes."""
    made = config.load()[row]
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(1)
    with Store(folder).path(made.experiment).open("w", encoding="utf-8") as file:
        for k in range(-(-n // A_CONDITION)):
            condition = made.condition(overrides={"learner.learning_rate": round(0.5 + 0.0001 * k, 4)})
            passed = [stage(made.published[0].stage, 30_000)]
            shapes = [jsonl.written(invented(condition, 0, passed)), jsonl.written(invented(condition, 0))]
            for key, line in shapes[0].items():
                if key and (not k or key == condition.key):
                    file.write(line.decode() + "\n")
            for trial in range(min(A_CONDITION, n - k * A_CONDITION)):
                own = json.loads(shapes[draw.random() < 0.2][""])
                own["trial"], own["cpu_s"] = trial, round(20 * draw.random(), 3)
                own["weights_digest"] = f"{draw.getrandbits(64):016x}"
                if own["stages"]:
                    n_sequences = draw.randrange(5_000, 100_000)
                    end = {"sequences": n_sequences, "steps": 105 * n_sequences}
                    own |= end
                    tested = {"test_wrong": draw.randrange(5), "mean_absolute_error": draw.random() / 10}
                    own["stages"] = [own["stages"][0] | end | tested]
                file.write(json.dumps(own, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    generate(Path(sys.argv[1]), int(sys.argv[2]))
