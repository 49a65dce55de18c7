"""Reruns the experiments of Hochreiter & Schmidhuber, "Long Short-Term Memory" (1997).

``repro.frame("6a", results="results")`` gives stored trials as a pandas DataFrame.
"""

from repro.version import __version__ as __version__

TYPE_CHECKING = False  # a checker takes it for true; `typing` itself would be most of what this file takes
if TYPE_CHECKING:
    from repro.presentation.trials import frame as frame


def __getattr__(name: str) -> object:
    if name == "frame":  # only where it is asked for, as it needs most of the package
        from repro.presentation.trials import frame

        return frame
    raise AttributeError(f"module 'repro' has no attribute '{name}'")
