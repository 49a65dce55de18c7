"""Learners and tasks with one fault each, as files of a user's own, and what `repro check` finds; in plain Python."""

import tempfile
from pathlib import Path

from repro import registry
from repro.files import PACKAGE
from repro.running import check

ELMAN = (PACKAGE / "learners" / "elman.py").read_text(encoding="utf-8").replace('["elman"]', '["my_rule"]')
EXAMPLE = "EXAMPLE = {'hidden': 2, 'biased': 'all', 'init': 0.3, 'learning_rate': 3.0}\n"
WHOLE = ELMAN + "\n" + EXAMPLE
KERNEL = "from repro.kernels.jit import kernel\nwhole_build = build\n"
OF_LEARNER = {  # claim: what is put at the end of a good file
    "settings are strict": "class Settings(Settings):\n    name: str\n",
    "arrays have the lanes last": (
        "whole = allocate\ndef allocate(settings, interface, width):\n"
        "    net = whole(settings, interface, width)\n    return net._replace(rate=net.rate[None, ..., None])\n"
    ),
    "weights are views of a lane": (
        "whole = weights\ndef weights(*given):\n    return [part.copy() for part in whole(*given)]\n"
    ),
    "weights are counted": "def n_weights(settings, interface):\n    return 1\n",
    "says which tasks it takes": "def refuses(settings, interface):\n    return '' if interface.n_in == 1 else None\n",
    "finite() sees every weight": (
        f"{KERNEL}@kernel\ndef always(net, lane):\n    return True\n"
        "def build(*given):\n    return whole_build(*given)._replace(finite=always)\n"
    ),
    "learns the easy task": "EXAMPLE = {**EXAMPLE, 'learning_rate': 1e-9}\n",
    "same bits with 1, 8 and 16 lanes": (
        f"{KERNEL}def build(*given):\n    made = whole_build(*given)\n    step_alike = made.step\n    @kernel\n"
        "    def step(net):\n        step_alike(net)\n        for lane in range(net.y.shape[-1]):\n"
        "            net.y[0, lane] = net.y[0, 0]\n    return made._replace(step=step)\n"
    ),
    "exams leave no trace": (
        f"{KERNEL}def build(*given):\n    made = whole_build(*given)\n    step_alike = made.step\n    @kernel\n"
        "    def step(net):\n        step_alike(net)\n        for lane in range(net.y.shape[-1]):\n"
        "            net.w[0, 0, lane] += 0.001\n    return made._replace(step=step)\n"
    ),
    "gradient is exact, by finite differences": "def exact_gradient(settings):\n    return True\n",
}

ADDING = (PACKAGE / "tasks" / "adding.py").read_text(encoding="utf-8").replace('["adding"]', '["my_task"]')
TASK = ADDING + "\nEXAMPLE = {'operation': 'sum', 'length': 20}\n"
OF_TASK = {
    "settings are strict": OF_LEARNER["settings are strict"],
    "interface is whole": (
        "whole = interface\ndef interface(settings):\n    return whole(settings)._replace(longest=0)\n"
    ),
    "sequences have the lengths that it says": (
        "whole = interface\ndef interface(settings):\n    return whole(settings)._replace(longest=20)\n"
    ),
    "same bits with 1, 8 and 16 lanes": (
        f"{KERNEL}def build(*given):\n    made = whole_build(*given)\n    present_alike = made.present\n    @kernel\n"
        "    def present(state, stream, net):\n        present_alike(state, stream, net)\n"
        "        for lane in range(net.source.shape[-1]):\n            net.source[0, lane] = net.source[0, 0]\n"
        "    return made._replace(present=present)\n"
    ),
    "exams leave no trace": (  # how many sequences there were, exams included, shows in the first input
        f"{KERNEL}class Counting(NamedTuple):\n    clock: Any\n    last: Any\n    mark: Any\n    total: Any\n"
        "    length: Any\n    begun: Any\n"
        "whole = allocate\ndef allocate(settings, width, precision):\n"
        "    return Counting(*whole(settings, width, precision), np.zeros(width))\n"
        "def build(*given):\n    made = whole_build(*given)\n"
        "    begin_alike, present_alike = made.begin, made.present\n"
        "    @kernel\n    def begin(state, stream, lane, number):\n        state.begun[lane] += 1\n"
        "        return begin_alike(state, stream, lane, number)\n"
        "    @kernel\n    def present(state, stream, net):\n        present_alike(state, stream, net)\n"
        "        for lane in range(net.source.shape[-1]):\n"
        "            net.source[0, lane] += 0.01 * state.begun[lane]\n"
        "    return made._replace(begin=begin, present=present)\n"
    ),
}
CASES = {("learners", "my_rule"): (WHOLE, OF_LEARNER), ("tasks", "my_task"): (TASK, OF_TASK)}


def findings(folder: str, name: str, text: str, claim: str = "") -> dict[str, check.Finding]:
    """By claim: of all, or of one."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        registry.use([path])
        return {finding.claim: finding for finding in check.of(folder, name, claim)}


def all_results() -> dict[tuple[str, str], dict[str, check.Finding]]:
    """By folder and claim: of the whole file, under "", and of each with a fault, of the claim that it breaks."""
    check.WIDTHS = (1, 2, 3)
    check.STOP["max_sequences"] = 300  # of 2000: who learns has learnt by then
    check._SOON["max_sequences"] = 20  # of 60
    found = {}
    for (folder, name), (whole, faults) in CASES.items():
        found[folder, ""] = findings(folder, name, whole)
        found |= {(folder, claim): findings(folder, name, whole + fault, claim) for claim, fault in faults.items()}
    return found
