"""What of a results file is not counted: how much, and what is said of it, which is not a line for each record.

Records that are not counted for one reason are told together, by the first of them; and of a file in which much is
wrong not all is told.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path


class UncountedWarning(UserWarning):
    """A line of a results file is not counted."""


@dataclass
class Faults:
    """How much of a results file is not counted, as far as it has been read; and what stands there for nothing."""

    no_records: int = 0  # lines of no kind
    torn: int = 0  # last lines, 0 or 1
    broken: int = 0  # records that do not hold together
    foreign: int = 0  # records of learners and tasks that there are not
    differing: int = 0  # records that say something else than another of the same trial
    doubled: int = 0  # records that say the same: harmless
    first: str = ""  # what is said of the first line of no kind, or record that differs: no run writes behind such


_MOST_WARNINGS = 10  # of a file


class Complaints:
    """What is said of lines of a file that are not counted."""

    def __init__(self, path: Path, faults: Faults) -> None:
        self._path = path
        self._faults = faults
        self._n_said = 0  # warnings
        self._n_more = 0  # lines that none of them is about

    def say(self, problem: str, line: bytes = b"", number: int = 0, *, n: int = 1, stops_runs: bool = False) -> None:
        """Say what is wrong with ``n`` lines, if not too much has been said; the first has a number, or is looked for.

        Without either it is said of the file.
        """
        first, few = stops_runs and not self._faults.first, self._n_said < _MOST_WARNINGS
        if not few:
            self._n_more += n
        if not (first or few):
            return
        place = number or (line and self._number(line))
        message = f"{self._path}:{place}: {problem}" if place else f"{self._path}: {problem}"
        if first:
            self._faults.first = message
        if few:
            self._n_said += 1
            warnings.warn(message, UncountedWarning, stacklevel=4)

    def say_how_many_more(self) -> None:
        """Say of how many lines nothing was said, since it was last done."""
        if self._n_more:
            message = f"{self._path}: and {self._n_more:,} more that are not counted"
            warnings.warn(message, UncountedWarning, stacklevel=3)
            self._n_more = 0

    def _number(self, line: bytes) -> int:
        """The number of a line, of the last one of those that are the same."""
        with self._path.open("rb") as file:
            return max((number for number, other in enumerate(file, 1) if other == line), default=0)
