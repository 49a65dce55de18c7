"""What processes there are."""

import subprocess
import time


def of_group(group: int) -> list[int]:
    """The processes of a group that run or are stopped; one that has ended and waits to be asked for is none."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,pgid=,stat="], capture_output=True, text=True, check=True).stdout
    found = (line.split() for line in listed.splitlines())
    return [int(number) for number, its_group, state in found if int(its_group) == group and state[0] != "Z"]


def left(group: int, seconds: float = 1.0) -> list[int]:
    """The processes of a group that have not ended after so many seconds."""
    end = time.monotonic() + seconds
    while (found := of_group(group)) and time.monotonic() < end:
        time.sleep(0.05)
    return found
