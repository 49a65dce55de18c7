"""Put today's output of the commands that pages show into these pages: README.md and examples/README.md.

A block that starts with a line ``$ repro ...`` gets the output of that command, run with the environment variables that
the page exports. Only commands that have nothing to run are run; what others print is pasted by hand, from a real run.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from repro import files

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "examples" / "README.md")


def exported(text: str) -> dict[str, str]:
    """The environment variables that a page says to export."""
    return {name: value for line in re.findall(r"^export (.*)", text, flags=re.MULTILINE)
            for name, value in re.findall(r"(\w+)=(\S+)", line)}  # fmt: skip


def fresh(text: str) -> str:
    """The text of a page with every ``$ repro`` block brought up to date."""
    environment = os.environ | exported(text)

    def rerun(block: re.Match[str]) -> str:
        command = block[1]
        words = shlex.split(command.replace("\\\n", ""))
        done = subprocess.run(
            [sys.executable, "-m", "repro", *words[1:]],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env=environment,
        )
        return f"```\n$ {command}\n{done.stdout}```"

    return re.sub(r"```\n\$ (repro (?:list|show|table|compare|race|plot) (?:.*\\\n)*.*)\n(?s:.*?)```", rerun, text)


if __name__ == "__main__":
    for page in PAGES:
        files.write(page, fresh(page.read_text(encoding="utf-8")).encode())
