"""Errors that are the user's to solve: shown as one message, never as a traceback."""


class ReproError(Exception):
    """What is wrong, where, and what to do; exit code 2."""
