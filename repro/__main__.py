"""``repro``, and ``python -m repro``: it begins here, and signals are blocked before anything is imported."""

import _signal  # type: ignore[import-not-found]  # `signal` itself is Python: its import can be interrupted

if hasattr(_signal, "pthread_sigmask"):  # not on Windows, where the next line says so
    _signal.pthread_sigmask(_signal.SIG_BLOCK, {_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP})

import repro.commands  # noqa: F401  (says at once where repro does not run)


def main() -> None:
    """Run the command line."""
    from repro import interrupts

    interrupts.watch()
    from repro.commands.main import main as commands

    commands(prog_name="repro")


if __name__ == "__main__":
    main()
