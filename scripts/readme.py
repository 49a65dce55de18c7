"""Put today's output of the commands that README.md shows into README.md.

A block that starts with a line ``$ repro ...`` gets the output of that command. Only commands that read are run; what
``make reproduce`` prints while it runs is pasted by hand, from a real run.
"""

import re
import subprocess
import sys
from pathlib import Path

from repro import files

README = Path(__file__).parent.parent / "README.md"


def fresh(text: str) -> str:
    """README text with every ``$ repro`` block brought up to date."""

    def rerun(block: re.Match[str]) -> str:
        command = block[1]
        done = subprocess.run(
            [sys.executable, "-m", "repro", *command.split()[1:]],
            capture_output=True,
            text=True,
            check=True,
            cwd=README.parent,
        )
        return f"```\n$ {command}\n{done.stdout}```"

    return re.sub(r"```\n\$ (repro (?:list|show|table|compare) .*)\n(?s:.*?)```", rerun, text)


if __name__ == "__main__":
    files.write(README, fresh(README.read_text(encoding="utf-8")).encode())
