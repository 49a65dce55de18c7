"""What a kernel that cannot be compiled has wrong, in a line: Numba tells it in a hundred."""

import re
from pathlib import Path
from typing import NamedTuple

from numba.core.errors import NumbaError

_ADVICE = {  # by the function that there is not, of vectors
    "bool": "lanes cannot branch each for itself: choose by select(mask, a, b)",
    "neg": "write 0.0 - x",
    "pow": "write x * x",
    "abs": "write maximum(x, 0.0 - x)",
}
_IN_PLACE = "vectors are not changed in place: write x = x + y"
_ELSEWHERE = "take functions of vectors from repro.kernels.maths, and select, minimum and maximum from lanes"
_KINDS = ((r"Vector\(boolx\d+\)", "a mask"), (r"Vector\(\w+\)", "a vector"), (r"array\([^()]*\)", "an array"))
DOCUMENTED = "docs/adding-a-rule.md says what kernels may do"


class Explained(NamedTuple):
    """What is wrong, with file and line, and what to do."""

    problem: str
    advice: str


def explained(error: BaseException) -> Explained | None:
    """In short what the compiler said; None if the error is not the compiler's."""
    if not isinstance(error, NumbaError):
        return None
    lines = [line for line in str(error).splitlines() if line.strip() and not line.startswith("Failed in ")]
    reason, advice = _reason(lines)
    if match := re.match(r"NameError: name '(\w+)' is not defined", reason):  # no line is told, but the function is
        kernel = re.search(r"<locals>\.(\w+?)_[0-9a-f]{16} at", str(error))
        where = f"in the kernel `{kernel[1]}`: " if kernel else ""
        return Explained(f"{where}the name '{match[1]}' is not defined", "import it within `build`, or mend the name")
    return Explained(f"{_place(lines)}{reason}", advice)


def _reason(lines: list[str]) -> tuple[str, str]:
    reason = lines[0].strip() if lines else "the compiler does not say why"
    if match := re.match("Unknown attribute '(\\w+)' of type Net", reason):
        return f"the net has no array '{match[1]}'", "name it among the net's arrays, or look at the spelling"
    call = next((re.match(r"\s*>>> (\w+)\((.*)\)", line) for line in lines if line.lstrip().startswith(">>>")), None)
    if not call:
        return re.sub(r"(type Net)\(.*\)", r"\1", reason), DOCUMENTED
    name, arguments = call[1], call[2]
    for pattern, kind in _KINDS:
        arguments = re.sub(pattern, kind, arguments)
    if "an array" in arguments:
        return f"there is no {name}({arguments})", "load(array, k) makes a vector of an array's row"
    in_place = name[0] == "i" and name[1:] in ("add", "sub", "mul", "truediv")
    return f"there is no {name}({arguments})", _IN_PLACE if in_place else _ADVICE.get(name, _ELSEWHERE)


def _place(lines: list[str]) -> str:
    """The innermost file and line of which the compiler tells, and what stands there."""
    for n, line in enumerate(lines):
        if match := re.match(r'File "(.+)", line (\d+)', line):
            mark = next((k for k in range(n, len(lines)) if lines[k].strip() == "^"), 0)
            code = f"`{lines[mark - 1].strip()}`: " if mark else ""
            return f"{Path(match[1]).name}:{match[2]}: {code}"
    return ""
