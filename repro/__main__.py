"""``repro``, and ``python -m repro``: it begins here, and signals are watched before anything heavy is imported."""

import repro.commands  # noqa: F401  (says at once where repro does not run)
from repro import interrupts


def main() -> None:
    """Run the command line."""
    interrupts.watch()
    from repro.commands.main import main as commands

    commands(prog_name="repro")


if __name__ == "__main__":
    main()
