"""Reruns the experiments of Hochreiter & Schmidhuber, "Long Short-Term Memory" (1997).

``repro.frame("6a", results="results")`` gives stored trials as a pandas DataFrame.
"""

from typing import TYPE_CHECKING, Any

from repro.version import __version__ as __version__

if TYPE_CHECKING:
    from repro.presentation.trials import frame as frame


def __getattr__(name: str) -> Any:
    if name == "frame":  # only where it is asked for, as it needs most of the package
        from repro.presentation.trials import frame

        return frame
    raise AttributeError(f"module 'repro' has no attribute '{name}'")
