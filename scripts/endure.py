"""What runs endure: kill -9, interrupts, the loss of workers, and other runs in the same folder, at random moments.

    python scripts/endure.py [--rounds N] [--seed N] [KIND ...]

A KIND is one of these; without any, each has its rounds.

    kills       a run is killed, with its workers or alone, and goes on in the next round, until all trials are there
    interrupts  a run is told to end by SIGINT, SIGTERM or SIGHUP, once, twice or ten times
    workers     one or two workers of a run are killed, stopped or crashed
    together    three runs have the same trials to do; in every second round one of them is killed

A round is a run of 40 short trials. Whatever has come to its end must be on disk once, with the bits of a run that
nobody disturbed. Exits with 1 if anything is not as it must be.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from repro.files import PACKAGE
from repro.presentation import grid
from repro.records.store import Store

REPRO = Path(sys.executable).with_name("repro")
RUN = [
    "run", "6a/lstm", "--grid", "learning_rate=0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1", "--trials", "4",
    "--max-sequences", "300", "--set", "stop.window=50", "--set", "task.length=[100,104]", "--results",
]  # fmt: skip
TOTAL = 40  # trials
WAYS = (("-j", "2"), ("-j", "4"), ("--engine", "inline"))
_ENDING_S = 0.1  # that a run takes to end by itself
_TOLD = 600  # characters of what went wrong
PATIENCE_S = 1.0  # that whatever is left of a run has to go away
PROMPT_S = 2.0  # that an interrupted run has to end
HURRIED = (  # a worker that is silent is replaced after seconds instead of minutes
    "from repro.__main__ import main\nfrom repro.running import engine\n"
    "engine._SIGN_S = engine._TICK_S = 0.1\nengine._SILENT_S = engine._DEAD_S = {:f}\nmain()\n"
)

Trials = dict[tuple[str, int], str | None]  # digests of weights


@dataclass
class Figures:
    """What came of the rounds of a kind."""

    kind: str
    counts: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0.0

    def note(self, what: str, n: int = 1, about: object = "") -> None:
        """Count something; what must not be is told at once."""
        self.counts[what] += n
        if n and what in BAD:
            print(f"{self.kind}, round {self.counts['rounds'] + 1}: {what}: {str(about)[-_TOLD:]}", flush=True)


BAD = ("lost", "doubled", "other bits", "swallowed", "wrong exit code", "traceback", "too slow", "left over", "failed")
SAID = {
    "rounds": "rounds",
    "whole": "brought to the end",
    "workers": "workers disturbed",
    "lost": "finished trials lost",
    "doubled": "trials run twice",
    "other bits": "trials with other bits",
    "failed": "runs that did not end well",
    "swallowed": "interrupts swallowed",
    "wrong exit code": "wrong exit codes",
    "traceback": "tracebacks",
    "too slow": f"slower than {PROMPT_S:g} s",
    "left over": f"processes left after {PATIENCE_S:g} s",
    "early": "before Python has come to repro",
    "late": "after the last trial",
}


class Campaign:
    """A folder, the trials that were seen in it, and the run that is to be disturbed."""

    def __init__(self, folder: Path, reference: Trials, figures: Figures) -> None:
        self.folder, self.reference, self.figures = folder, reference, figures
        self.seen: set[tuple[str, int]] = set()
        self.latest: list[subprocess.Popen[str]] = []  # runs

    def start(self, *how: str, program: tuple[str, ...] = (str(REPRO),)) -> subprocess.Popen[str]:
        """Begin with a run, or go on with it, in a process group of its own."""
        process = subprocess.Popen(
            [*program, *RUN, str(self.folder), *how],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self.latest = [*self.latest[-2:], process]
        return process

    def stop(self) -> None:
        """End what still runs."""
        for process in self.latest:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()

    def look(self) -> Trials:
        """What is on disk, which must not be less than it was, nor other than it should be."""
        on_disk = stored(self.folder)
        trials = dict(on_disk)
        note = self.figures.note
        note("lost", len(self.seen - trials.keys()), sorted(self.seen - trials.keys()))
        note("doubled", len(on_disk) - len(trials), [key for key, n in Counter(k for k, _ in on_disk).items() if n > 1])
        other = [key for key, digest in trials.items() if digest != self.reference.get(key, digest)]
        note("other bits", len(other) if self.reference else 0, other)
        self.seen |= trials.keys()
        return trials

    def moment(self, process: subprocess.Popen[str], whole_s: float, draw: random.Random) -> None:
        """Wait for a random moment of a run: any, or one at which some more trials have just come to their end."""
        if draw.random() < 0.5:
            time.sleep(draw.uniform(0, whole_s))
            return
        n_wanted = len(stored(self.folder)) + draw.randint(1, 12)
        while process.poll() is None and len(stored(self.folder)) < n_wanted:
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 0.05))

    def gone(self, process: subprocess.Popen[str]) -> None:
        """Nothing of a run is there any more."""
        left = processes(process.pid)
        end = time.monotonic() + PATIENCE_S
        while left and time.monotonic() < end:
            time.sleep(0.02)
            left = processes(process.pid)
        self.figures.note("left over", len(left), left)
        for number in left:
            os.kill(number, signal.SIGKILL)

    def anew(self) -> None:
        """Begin again with an empty folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.seen.clear()


def stored(folder: Path) -> list[tuple[tuple[str, int], str | None]]:
    """All trials on disk, line by line: also those that are there twice."""
    path = folder / "6a.jsonl"
    if not path.exists():
        return []
    pattern = re.compile(r'{"cell":"(\w+)","trial":(\d+),.*"weights_digest":"(\w+)".*}')
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [((found[1], int(found[2])), found[3]) for line in lines if (found := pattern.fullmatch(line))]


def processes(group: int) -> list[int]:
    """The processes of a group that have not ended."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,pgid=,stat="], capture_output=True, text=True, check=True).stdout
    found = (line.split() for line in listed.splitlines())
    return [int(number) for number, its_group, state in found if int(its_group) == group and state[0] != "Z"]


def kills(campaign: Campaign, whole_s: float, draw: random.Random) -> None:
    """Kill a run; the next round goes on with it."""
    process = campaign.start(*draw.choice(WAYS))
    campaign.moment(process, whole_s, draw)
    with suppress(ProcessLookupError):  # it has come to its end
        (os.killpg if draw.random() < 0.5 else os.kill)(process.pid, signal.SIGKILL)
    said = process.communicate()[1]
    campaign.gone(process)
    found = Counter(key for key, _ in campaign.look())
    n_whole_rows = sum(n == 4 for n in found.values())
    n_said = len(re.findall(r": 4/4 trials.*done$", said, re.MULTILINE))
    if n_said > n_whole_rows:
        campaign.figures.note("lost", n_said - n_whole_rows, said)
    if len(campaign.seen) == TOTAL:
        campaign.figures.note("whole")
        campaign.anew()


def interrupts(campaign: Campaign, whole_s: float, draw: random.Random) -> None:
    """Tell a run to end."""
    figures = campaign.figures
    campaign.anew()
    process = campaign.start(*draw.choice(WAYS))
    number = draw.choice((signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    campaign.moment(process, whole_s, draw)
    n_before = len(stored(campaign.folder))
    began = time.perf_counter()
    for _ in range(draw.choice((1, 1, 2, 10))):
        if process.poll() is None:
            os.killpg(process.pid, number)
            time.sleep(0.005)
    said = process.communicate()[1]
    took = time.perf_counter() - began
    campaign.gone(process)
    n_there = len(campaign.look())
    code = process.returncode
    if code == 0 and (n_before == TOTAL or took < _ENDING_S):
        figures.note("late")
    elif code in (-number, 1) and "Interrupted" not in said and str(PACKAGE) not in said:
        figures.note("early")
    else:
        figures.longest_s = max(figures.longest_s, took)
        figures.note("too slow", took > PROMPT_S, f"{took:.1f} s")
        figures.note("swallowed", code == 0, said)
        figures.note("wrong exit code", code not in (0, 128 + number), f"{code} after {number.name}: {said}")
        figures.note("traceback", "Traceback" in said, said)
        told = re.search(r"Interrupted: (\d+) trials done", said)
        figures.note("lost", bool(told and int(told[1]) > n_there), f"{told and told[0]}, {n_there} on disk")


def workers(campaign: Campaign, whole_s: float, draw: random.Random) -> None:
    """Have workers die or stop."""
    campaign.anew()
    process = campaign.start("-j", "2", program=(sys.executable, "-c", HURRIED.format(max(3, whole_s))))
    for _ in range(draw.choice((1, 2))):  # a trial that is lost three times is given up
        time.sleep(draw.uniform(0, whole_s / 2))
        if its := [number for number in processes(process.pid) if number != process.pid]:
            with suppress(ProcessLookupError):
                os.kill(draw.choice(its), draw.choice((signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV)))
                campaign.figures.note("workers")
    said = process.communicate()[1]
    campaign.gone(process)
    n_there = len(campaign.look())
    campaign.figures.note("failed", process.returncode != 0 or n_there != TOTAL, f"{n_there} trials there: {said}")


def together(campaign: Campaign, whole_s: float, draw: random.Random) -> None:
    """Have several runs do the same."""
    campaign.anew()
    runs = [campaign.start(*draw.choice(WAYS)) for _ in range(3)]
    if campaign.figures.counts["rounds"] % 2:
        time.sleep(draw.uniform(0, 1.5 * whole_s))
        runs[0].kill()
        runs[0].communicate()
        campaign.gone(runs.pop(0))
    said = [process.communicate()[1] for process in runs]
    for process in runs:
        campaign.gone(process)
    n_there = len(campaign.look())
    good = n_there == TOTAL and not any(process.returncode for process in runs)
    campaign.figures.note("failed", not good, f"{n_there} trials there: {said}")


KINDS: dict[str, Callable[[Campaign, float, random.Random], None]] = {
    "kills": kills, "interrupts": interrupts, "workers": workers, "together": together,
}  # fmt: skip


def undisturbed(folder: Path) -> tuple[Trials, float]:
    """The trials of runs that nobody disturbs, in each way, and how long such a run takes; its kernels are kept."""
    campaign, took = Campaign(folder, {}, Figures("undisturbed")), []
    for how in (*WAYS, *WAYS):
        campaign.anew()
        began = time.perf_counter()
        process = campaign.start(*how)
        said = process.communicate()[1]
        took.append(time.perf_counter() - began)
        trials = campaign.look()
        if process.returncode or len(trials) != TOTAL or trials != (campaign.reference or trials):
            sys.exit(f"a run that nobody disturbed went wrong:\n{said}")
        campaign.reference = trials
    with warnings.catch_warnings(action="error"):
        Store(folder).read("6a")
    return campaign.reference, min(took[len(WAYS) :])


def main() -> None:
    """Play the rounds and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--rounds", type=int, default=100, metavar="N", help="of each kind (100)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the random moments (0)")
    given = parser.parse_args()
    if unknown := set(given.kinds) - KINDS.keys():
        parser.error(f"no kind is called {', '.join(sorted(unknown))}: they are {', '.join(KINDS)}")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # in the background a shell has them ignored
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    came: list[Figures] = []
    with tempfile.TemporaryDirectory() as name:
        reference, whole_s = undisturbed(Path(name) / "undisturbed")
        print(f"A run that nobody disturbs takes {whole_s:.1f} s.", flush=True)
        try:
            for kind in given.kinds or KINDS:
                came.append(figures := Figures(kind))
                draw, campaign = random.Random(f"{given.seed} {kind}"), Campaign(Path(name) / kind, reference, figures)
                for _ in range(given.rounds):
                    KINDS[kind](campaign, whole_s, draw)
                    figures.note("rounds")
        except KeyboardInterrupt:  # what came of the rounds before is told
            campaign.stop()
    body = [[SAID[what], *(figures.counts.get(what, "-") for figures in came)] for what in SAID]
    body.append(["slowest, s", *(f"{figures.longest_s:.2f}" if figures.longest_s else "-" for figures in came)])
    print(grid.listing(["", *(figures.kind for figures in came)], body, "text"))
    sys.exit(any(figures.counts[what] for figures in came for what in BAD))


if __name__ == "__main__":
    main()
