"""``repro``, and ``python -m repro``: it begins here, and signals are blocked before anything heavy is imported."""

import signal

import repro.commands  # noqa: F401  (says at once where repro does not run)


def main() -> None:
    """Run the command line."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    from repro import interrupts

    interrupts.watch()
    from repro.commands.main import main as commands

    commands(prog_name="repro")


if __name__ == "__main__":
    main()
