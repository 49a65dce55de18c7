"""Configurations of one's own: rows beside the paper's, of its experiments or of others.

A file of a folder that a user names is read as one of configs/ is. Or it says ``extends = "4"``, and takes from that
experiment what it does not give itself: task and stop rule, title and number of trials. Its rows then stand beside
those of the experiment, and are run on the very same task.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from repro.errors import similar

_TAKEN = ("experiment", "title", "section", "trials")
_MERGED = ("task", "stop")
_NOTE = "the settings of the file, as there is no paper to be read"


def completed(content: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """The content of a file with what it takes from the experiment that it extends, and what is wrong with that.

    ``known`` has the contents of the files of the project, by experiment.
    """
    own = dict(content)
    own.setdefault("readings", {})
    if isinstance(own["readings"], dict):
        own["readings"] = {"printed": {"note": _NOTE}, **own["readings"]}
    if "extends" not in own:
        return own, []
    name = own.pop("extends")
    if not isinstance(name, str) or name not in known:
        return own, [f"extends: there is no experiment '{name}'{similar(str(name), known)}"]
    base = known[name]
    if "experiment" in own:
        return own, ["experiment: is that which the file extends: leave it out"]
    for key in _TAKEN:
        if key in base:
            own.setdefault(key, base[key])
    for key in _MERGED:
        settings = own.get(key, {})
        own[key] = {**base.get(key, {}), **settings} if isinstance(settings, dict) else settings
    return own, []


def owner(folder: Path, content: Mapping[str, Any]) -> str:
    """Whose rows the file has: as it says, or called as its folder."""
    said = content.get("owner", "")
    return said if isinstance(said, str) and said else folder.resolve().name
