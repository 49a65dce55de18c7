"""Which learner takes which experiment: in the paper, in a row of ours, if asked to, or not at all and why."""

from collections.abc import Iterable

from repro.experiments.config import Row
from repro.experiments.setups import learner_disagrees, learner_refuses


def matrix(rows: Iterable[Row]) -> tuple[list[str], list[list[str]], dict[str, list[str]]]:
    """Experiments against learners.

    Returns
    -------
    The headings; a line for each experiment, with ``paper`` or ``ours`` where there is a row, ``can`` where a learner,
    with the settings of any of its rows, takes the task of the experiment's first row, and ``-`` where it does not; and
    why learners do not, by learner.

    """
    setups = [(row, row.setup()) for row in rows]
    learners = list(dict.fromkeys(row.learner for row, _ in setups))
    lines = []
    reasons: dict[str, list[str]] = {}
    for experiment in dict.fromkeys(row.experiment for row, _ in setups):
        first = next(setup for row, setup in setups if row.experiment == experiment)
        lines.append([experiment])
        for learner in learners:
            own_rows = [row for row, _ in setups if row.experiment == experiment and row.learner == learner]
            settings = dict.fromkeys(setup.learner for row, setup in setups if row.learner == learner)
            refused = [
                learner_refuses(variant, first.task) or learner_disagrees(variant, first.task, first.stop)
                for variant in settings
            ]
            if any(row.in_paper for row in own_rows):
                cell = "paper"
            elif own_rows:
                cell = "ours"
            elif "" in refused:
                cell = "can"
            else:
                cell = "-"
                reason = refused[0].partition("; ")[0]  # the first of several
                if reason not in reasons.setdefault(learner, []):
                    reasons[learner].append(reason)
            lines[-1].append(cell)
    return ["experiment", *learners], lines, reasons
