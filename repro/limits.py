"""The most that can be asked for, each bound with its reason. What is more is told before anything is made of it.

Settings of learners, tasks and stop rules have bounds of their own, where they are.
"""

MOST_TRIALS = 1_000_000  # of a row, and of a command: of so many a plan is made, and a results file listed, in seconds
MOST_STEPS = 2_000_000  # of a sequence: twice what most tasks allow. Of 10**12 sequences, the most of a trial, 64 bits
# count them
MOST_SEED = 2**63 - 1  # as records have it
MOST_WATCHED = 1_000_000  # the number of a test sequence: the net is shown all before it, which takes minutes
MOST_PUBLISHED = 1000  # trials that a published line is of: with more the exact test of two rates takes minutes


def whole(text: str) -> int | None:
    """A whole number from 0 that 64 bits hold; None if a text is none."""
    return int(text) if text.isdecimal() and len(text) <= 18 else None
