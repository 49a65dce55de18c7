"""Which learner takes which experiment: in the paper, in a row of ours, if asked to, or not at all and why."""

from collections.abc import Iterable

from repro.config import Row, interface_of, learner_refuses, modules


def matrix(rows: Iterable[Row]) -> tuple[list[str], list[list[str]], dict[str, str]]:
    """Experiments against learners.

    Returns
    -------
    The headings; a line for each experiment, with ``paper`` or ``ours`` where there is a row, ``can`` where a learner
    takes the task as any of its rows configures it, and ``-`` where it does not; and why learners do not, by learner.

    """
    rows = list(rows)
    setups = [(row, row.setup()) for row in rows]
    learners = modules("learners")
    lines: dict[str, list[str]] = {}
    reasons: dict[str, str] = {}
    for experiment in dict.fromkeys(row.experiment for row in rows):
        interface = next(interface_of(setup.task) for row, setup in setups if row.experiment == experiment)
        lines[experiment] = [experiment]
        for learner in learners:
            mine = [row for row, setup in setups if row.experiment == experiment and setup.learner.name == learner]
            found = [learner_refuses(setup.learner, interface) for _, setup in setups if setup.learner.name == learner]
            if any(line.table != "ours" for row in mine for line in row.published):
                cell = "paper"
            elif mine:
                cell = "ours"
            elif "" in found:
                cell = "can"
            else:
                cell = "-"
                reasons[learner] = next(iter(found), "it is in no configuration")
            lines[experiment].append(cell)
    return ["experiment", *learners], list(lines.values()), reasons
