"""The oldest versions of the dependencies that pyproject.toml allows, one a line, as constraints for pip."""

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def constraints() -> list[str]:
    """``NAME==VERSION`` of each dependency."""
    found = []
    for requirement in tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]:
        match = re.match(r"([\w-]+)>=([\d.]+)", requirement)
        if match is None:
            raise SystemExit(f"pyproject.toml: '{requirement}' has no lower bound")
        found.append(f"{match[1]}=={match[2]}")
    return found


if __name__ == "__main__":
    print("\n".join(constraints()))
