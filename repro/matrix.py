"""Which learner takes which experiment: in the paper, in a row of ours, if asked to, or not at all and why."""

from collections.abc import Iterable

from repro.config import Row, learner_refuses, modules


def matrix(rows: Iterable[Row]) -> tuple[list[str], list[list[str]], dict[str, list[str]]]:
    """Experiments against learners.

    Returns
    -------
    The headings; a line for each experiment, with ``paper`` or ``ours`` where there is a row, ``can`` where a learner
    takes the task as any of its rows configures it, and ``-`` where it does not; and why learners do not, by learner.

    """
    setups = [(row, row.setup()) for row in rows]
    learners = modules("learners")
    lines = []
    reasons: dict[str, list[str]] = {}
    for experiment in dict.fromkeys(row.experiment for row, _ in setups):
        there = next(setup for row, setup in setups if row.experiment == experiment)
        lines.append([experiment])
        for learner in learners:
            mine = [row for row, setup in setups if row.experiment == experiment and setup.learner.name == learner]
            settings = dict.fromkeys(setup.learner for _, setup in setups if setup.learner.name == learner)
            refused = [learner_refuses(one, there.task, there.stop) for one in settings]
            if any(line.table != "ours" for row in mine for line in row.published):
                cell = "paper"
            elif mine:
                cell = "ours"
            elif "" in refused:
                cell = "can"
            else:
                cell = "-"
                reason = refused[0].partition("; ")[0] if refused else "it is in no configuration"  # the first of many
                if reason not in reasons.setdefault(learner, []):
                    reasons[learner].append(reason)
            lines[-1].append(cell)
    return ["experiment", *learners], lines, reasons
