"""Reruns the experiments of Hochreiter & Schmidhuber, "Long Short-Term Memory" (1997)."""

__version__ = "0.1.0"
