"""The key of every row under every reading, by which its records are found: however configs/ are written, none changes.

New rows and readings are added by

    .venv/bin/python tests/keys.py

which refuses if one that there was has another key, or none.
"""

import json
import sys
from pathlib import Path

from repro.experiments import config

PATH = Path(__file__).with_suffix(".json")
Keys = dict[str, dict[str, str]]


def today() -> Keys:
    """By row and reading, as the configurations have it."""
    return {
        name: {reading: row.condition(reading).key for reading in row.readings} for name, row in config.load().items()
    }


def written() -> Keys:
    """The same, as it has to be."""
    return dict(json.loads(PATH.read_text(encoding="utf-8")))


if __name__ == "__main__":
    keys = today()
    lost = [f"{n} ({r})" for n, known in written().items() for r, key in known.items() if keys.get(n, {}).get(r) != key]
    if lost:
        sys.exit(f"records would be lost, as these have other keys: {', '.join(lost)}")
    lines = (f" {json.dumps(name)}: {json.dumps(of_row)}" for name, of_row in keys.items())
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
