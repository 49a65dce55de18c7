"""Speed on one core: full training, and the kernel alone."""

import time
from typing import Any

from repro import config, crew
from repro.kernels.jit import entry

_ROUNDS = 5
_ROUND_S = 0.4


def lstm(lanes: int) -> list[tuple[str, int, float, float]]:
    """Time steps a second of the net of experiment 4, at its three sequence lengths, and of the kernel alone."""
    rows = config.load()
    result = []
    for name in ("4/lstm/T=100", "4/lstm/T=500", "4/lstm/T=1000"):
        team = _team(rows[name].cell(), lanes)
        result.append(_line(f"full training, {name}", lanes, team.advance))
    team = _team(rows["4/lstm/T=1000"].cell(), lanes)
    step = team.kernels()[1].step

    def steps(n: int, net: Any) -> int:
        for _ in range(n):
            step(net)
        return n

    loop = entry(steps)
    result.append(_line("kernel alone", lanes, lambda n: loop(n, team.net)))
    return result


def _team(cell: Any, lanes: int) -> crew.Crew:
    team = crew.Crew(cell, lanes)
    for lane in range(lanes):
        team.enlist(lane, lane)
    return team


def _line(name: str, lanes: int, advance: Any) -> tuple[str, int, float, float]:
    """The best of some rounds: other load on the machine can only slow a round down."""
    advance(1000)
    ticks, best = 1000, 0.0
    for _ in range(_ROUNDS + 2):
        start = time.perf_counter()
        done = advance(ticks)
        elapsed = time.perf_counter() - start
        best = max(best, done * lanes / elapsed)
        ticks = max(1000, int(ticks * _ROUND_S / elapsed))
    return name, lanes, round(best / 1e6, 1), round(1e9 / best, 1)
