"""Write a results folder's records as today's version does: what trials share once, and not in every line.

Old files are read as they are; this makes them smaller and quicker to read. Run `.venv/bin/python scripts/migrate.py
FOLDER`. A file is replaced when all of its records are in the new one; records that do not hold together stop it.
"""

import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

from repro.records.store import Store


def migrate(folder: Path) -> list[tuple[Path, int, int]]:
    """Rewrite all files of a folder; of each its path, and its bytes before and after."""
    done = []
    old = Store(folder)
    for experiment in old.experiments():
        path = old.path(experiment)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a record that is not counted would be lost
            records = old.read(experiment)
        with TemporaryDirectory(dir=folder) as beside:
            new = Store(Path(beside))
            for record in records:
                new.append(record)
            assert new.read(experiment) == records
            before = path.stat().st_size
            new.path(experiment).replace(path)
        done.append((path, before, path.stat().st_size))
    return done


if __name__ == "__main__":
    for path, before, after in migrate(Path(sys.argv[1])):
        print(f"{path}: {before:,} bytes before, {after:,} now")
