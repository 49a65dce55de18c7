"""What the verdicts say of the paper's claims, in words: one for each table, and one for each learner in it.

A claim is what the paper says of a learner in a table: how many trials succeed, how long training takes, how many test
sequences are wrong. Its status follows from the verdicts on its values under `printed`, with the rows' own settings:

reproduced as printed      all that are judged are EQUIVALENT
no difference proven       none DIFFERS, and some are CONSISTENT: there may be one that so few trials do not show
differs in part            some DIFFER, others do not
not reproduced as printed  all that are judged DIFFER
not comparable             none is judged, as all that have run are NOT COMPARABLE
not run                    none has run to its end

A status is about what has run: ", as far as it has run" goes with it where a row has not. Where nothing differs and
something is not comparable, so does ", as far as it can be compared". A mean that the paper prints as a bound says
nothing that its success rate does not, and is left out. Pure functions.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from repro.analysis.tables import order
from repro.analysis.verdicts import AGREE, VERDICTS, Comparison, Verdict, implied
from repro.experiments.config import PRINTED
from repro.experiments.schema import TEST_SEQUENCES

Status = Literal[
    "reproduced as printed", "no difference proven", "differs in part", "not reproduced as printed", "not comparable",
    "not run", "mixed",
]  # fmt: skip
STATUSES: dict[Status, str] = {
    "reproduced as printed": "every value that is judged is EQUIVALENT",
    "no difference proven": "none DIFFERS, and some are CONSISTENT",
    "differs in part": "some DIFFER, others do not",
    "not reproduced as printed": "every value that is judged DIFFERS",
    "not comparable": "what has run is NOT COMPARABLE",
    "not run": "nothing has run to its end",
    "mixed": "of a table: its learners differ in this",
}
LABELS: dict[Verdict, str] = {
    "EQUIVALENT": "within the margin", "CONSISTENT": "no difference proven", "DIFFERS": "different",
    "NOT COMPARABLE": "not comparable", "NOT RUN": "not run",
}  # fmt: skip

_LEARNERS = {
    "lstm": "LSTM", "rtrl": "RTRL", "bptt": "BPTT", "elman": "Elman net", "cascade": "cascade-correlation",
    "chunker": "chunker", "guessing": "weight guessing",
}  # fmt: skip
_KINDS = {
    "success rate": "success rate", "success after": "training time", "wrong of 2560": "wrong test sequences",
    "fraction wrong": "wrong test sequences", "test error": "test error",
}  # fmt: skip

T = TypeVar("T")
_Key = tuple[str, str, str, str]  # as `Comparison.key`


@dataclass(frozen=True)
class Claim:
    """What the paper says of a learner in a table, or of all that are in it, and whether it holds."""

    table: str  # number, or text
    learner: str  # empty: all of the table
    status: Status
    values: tuple[Comparison, ...]  # that it rests on
    text: str

    @property
    def rows(self) -> tuple[str, ...]:
        """The names of its rows."""
        return tuple(dict.fromkeys(comparison.line.row.name for comparison in self.values))


def of(comparisons: Iterable[Comparison]) -> list[Claim]:
    """The claims that comparisons are about, in the order of the paper: of a table first the whole, then each learner.

    Only those under `printed` with the rows' own settings make claims. Those under other readings, if there are any,
    tell which reading agrees where `printed` does not; where other settings are replaced they are not looked at.
    """
    printed: list[Comparison] = []
    readings: dict[str, dict[_Key, Comparison]] = {}
    for comparison in comparisons:
        if comparison.line.variant == PRINTED:
            printed.append(comparison)
        elif not comparison.line.changes:
            readings.setdefault(comparison.line.reading, {})[comparison.key] = comparison
    result = []
    printed.sort(key=lambda comparison: order(comparison.line.published.table))
    for place, of_place in _grouped(printed, _place).items():
        claims = [
            _claim(place, learner, values, readings)
            for learner, values in _grouped(of_place, lambda comparison: comparison.line.row.learner).items()
        ]
        result += [_whole(place, of_place, claims), *claims]
    return result


def _whole(place: str, values: Sequence[Comparison], claims: Sequence[Claim]) -> Claim:
    """Which learners have which status."""
    statuses = {claim.status for claim in claims}
    alike = _grouped(claims, lambda claim: _phrase(claim.status, _told(claim.values), in_short=True))
    phrases = [f"{_and([_named(claim.learner) for claim in some])}: {phrase}" for phrase, some in alike.items()]
    n_rows = len({comparison.line.row.name for comparison in values})
    text = f"{place} ({n_rows} row{'s' * (n_rows > 1)}). {'; '.join(phrases)}."
    return Claim(values[0].key[0], "", statuses.pop() if len(statuses) == 1 else "mixed", tuple(values), text)


def _claim(
    place: str, learner: str, values: Sequence[Comparison], readings: Mapping[str, Mapping[_Key, Comparison]]
) -> Claim:
    told = _told(values)
    ran = [comparison for comparison in told if comparison.verdict != "NOT RUN"]
    status = _status(told)
    rows = list(dict.fromkeys(_label(comparison) for comparison in told))
    which = _and(rows) if len(rows) < 3 else f"{len(rows)} rows"
    head = f"{place}, {_named(learner)} ({which}): {_phrase(status, told)}"
    parts = {verdict: _items(some, ran) for verdict in VERDICTS if (some := _of(ran, verdict))}
    if status == "not comparable":
        head += f", as {_and([*dict.fromkeys(comparison.why for comparison in ran)])}"
        parts = {"NOT COMPARABLE": _items(ran, ran, both=True)}
    judged = [verdict for verdict in parts if verdict != "NOT COMPARABLE"]
    alone = judged[0] if len(judged) == 1 else "NOT COMPARABLE" if parts and not judged else None
    if alone:
        head += f": {', '.join(parts.pop(alone))}"
    sentences = [head, *(f"{LABELS[verdict].capitalize()}: {', '.join(items)}" for verdict, items in parts.items())]
    if missing := _of(told, "NOT RUN"):
        if ran:
            sentences.append(f"Not run: {_and(_missing(missing))}")
        elif any(comparison.line.measured.n for comparison in missing):
            sentences[0] += f": {_and(_missing(missing))}"
    sentences += filter(None, (_reading(name, told, its_values) for name, its_values in readings.items()))
    return Claim(values[0].key[0], learner, status, tuple(values), ". ".join(sentences) + ".")


def _told(values: Sequence[Comparison]) -> list[Comparison]:
    """Without means that are bounds."""
    return [
        comparison
        for comparison in values
        if not (comparison.value == "success after" and comparison.line.published.beyond)
    ]


def _status(told: Sequence[Comparison]) -> Status:
    verdicts = {comparison.verdict for comparison in told}
    judged = verdicts & {"EQUIVALENT", "CONSISTENT", "DIFFERS"}
    if not judged:
        return "not comparable" if "NOT COMPARABLE" in verdicts else "not run"
    if judged == {"DIFFERS"}:
        return "not reproduced as printed"
    if "DIFFERS" in judged:
        return "differs in part"
    return "no difference proven" if "CONSISTENT" in judged else "reproduced as printed"


def _phrase(status: Status, told: Sequence[Comparison], in_short: bool = False) -> str:
    """A status, with how far it goes; ``in_short`` with what differs, where no more is said."""
    verdicts = {comparison.verdict for comparison in told}
    parts: list[str] = [status]
    if in_short and status == "differs in part":
        parts[0] += f" ({', '.join(dict.fromkeys(_KINDS[comparison.value] for comparison in _of(told, 'DIFFERS')))})"
    if status != "not run" and "NOT RUN" in verdicts:
        parts.append("as far as it has run")
    if status in ("reproduced as printed", "no difference proven") and "NOT COMPARABLE" in verdicts:
        parts.append("as far as it can be compared")
    return ", ".join(parts)


def _reading(name: str, told: Sequence[Comparison], under: Mapping[_Key, Comparison]) -> str:
    """What changes under another reading; nothing if no value that differs under `printed` agrees under it."""
    pairs = [(printed, under[printed.key]) for printed in told if printed.key in under]
    if not any(printed.verdict == "DIFFERS" and other.verdict in AGREE for printed, other in pairs):
        return ""
    changed = [
        other
        for printed, other in pairs
        if not (printed.verdict in AGREE and other.verdict in AGREE)
        and {printed.verdict, other.verdict} != {"NOT COMPARABLE"}
    ]
    agree = [comparison for comparison in changed if comparison.verdict in AGREE]
    different, unfit = _of(changed, "DIFFERS"), _of(changed, "NOT COMPARABLE")
    absent = [_label(printed) for printed in told if printed.key not in under] + _missing(_of(changed, "NOT RUN"))
    everywhere = not (different or unfit or absent)
    row = pairs[0][0].line.row
    clauses = [
        f"Under the reading '{name}' ({row.readings[name].note}) "
        f"no difference is proven{' anywhere' if everywhere else ''}: {', '.join(_items(agree, told))}"
    ]
    for some, label in ((different, "different"), (unfit, "not comparable")):
        clauses += [f"{label}: {', '.join(_items(some, told))}"] if some else []
    clauses += [f"not run: {_and([*dict.fromkeys(absent)])}"] if absent else []
    return "; ".join(clauses)


# ------------------------------------------------------------------------------------------------------ values in words


def _items(some: Sequence[Comparison], among: Sequence[Comparison], both: bool = False) -> list[str]:
    """An item for each kind of value: its rows, if they are not all ``among`` them, and its figures.

    ``both``: what cannot be compared has figures too, ours against the paper's.
    """
    items = []
    for values in _grouped(some, _alike).values():
        kind = _KINDS[values[0].value]
        rows, all_rows = _rows(values), _rows([comparison for comparison in among if _KINDS[comparison.value] == kind])
        where = "" if rows == all_rows else f" of {_and(_names(rows, all_rows))}"
        figures = _figures(values) if both or values[0].contrast else ""
        items.append(f"{kind}{where}" + (f" ({figures})" if figures else ""))
    return items


def _alike(comparison: Comparison) -> str:
    """The kind of a value; where it differs, with the direction."""
    kind = _KINDS[comparison.value]
    if comparison.verdict != "DIFFERS" or comparison.contrast is None:
        return kind
    return f"{kind}, {'more' if comparison.contrast.value > (comparison.unit == 'ratio') else 'less'}"


def _rows(values: Sequence[Comparison]) -> dict[str, list[str]]:
    """Stages by row."""
    return {row: [comparison.key[2] for comparison in some] for row, some in _grouped(values, _label).items()}


def _names(rows: Mapping[str, Sequence[str]], among: Mapping[str, Sequence[str]]) -> list[str]:
    """Rows, with the stage where it is not all of them."""
    return [
        name
        for row, stages in rows.items()
        for name in ([row] if stages == among.get(row) else [f"{row} at {stage}" for stage in stages])
    ]


def _missing(values: Sequence[Comparison]) -> list[str]:
    """Rows, with how much of them has run."""
    rows = {_label(comparison): (comparison.line.measured.n, comparison.line.n_target) for comparison in values}
    return [f"{row} ({n} of {target} trials)" if n else row for row, (n, target) in rows.items()]


def _figures(values: Sequence[Comparison]) -> str:
    """Ours against the paper's, of values of one kind."""
    if values[0].value == "success rate":
        return _rates(values)
    if values[0].unit == "share":
        return _wrong([comparison.contrast.value for comparison in values if comparison.contrast])
    ratios = [
        comparison.contrast.value if comparison.contrast else mean / published
        for comparison in values
        if (mean := comparison.our_mean) and (published := comparison.published_mean)
    ]
    more = "long" if values[0].value == "success after" else "large"
    return f"{_span(ratios, _times)} times as {more}" if ratios else ""


def _rates(values: Sequence[Comparison]) -> str:
    ours = _counted([(comparison.line.measured.n_solved, comparison.line.measured.n) for comparison in values])
    if not all(comparison.contrast for comparison in values):
        return f"{ours} against {_and([*dict.fromkeys(comparison.published for comparison in values)])}"
    published = [comparison.line.published for comparison in values]
    papers = _counted([(line.solved or 0, line.trials or 0) for line in published])
    return f"{ours} against {papers}" + (", implied" if any(map(implied, published)) else "")


def _counted(numbers: Sequence[tuple[int, int]]) -> str:
    """Successes of trials, such as ``0 to 9 of 30``."""
    totals = {n for _, n in numbers}
    if len(totals) == 1:
        return f"{_span([k for k, _ in numbers], str)} of {totals.pop()}"
    return _and([*dict.fromkeys(f"{k} of {n}" for k, n in numbers)])


def _wrong(differences: Sequence[float]) -> str:
    if not differences:
        return ""
    span = _span(
        [round(TEST_SEQUENCES * difference) for difference in differences],
        lambda k: f"{abs(k)} {'fewer' if k < 0 else 'more'}",
    )
    for word in (" more", " fewer"):
        if span.count(word) == 2:
            span = span.replace(word, "", 1)
    return f"{span} of {TEST_SEQUENCES}"


def _times(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2f}"


def _span(numbers: Sequence[float], shown: Callable[[float], str]) -> str:
    """Two numbers as they come, more from the least to the most."""
    if len(numbers) > 2:
        return " to ".join(dict.fromkeys([shown(min(numbers)), shown(max(numbers))]))
    return _and([*dict.fromkeys(map(shown, numbers))])


def _place(comparison: Comparison) -> str:
    number = comparison.line.published.table
    return f"Table {number}" if isinstance(number, int) else f"Text on experiment {comparison.line.row.experiment}"


def _label(comparison: Comparison) -> str:
    """What tells a row from the others of its learner."""
    row = comparison.line.row
    return row.name.partition("/")[2].partition("/")[2] or f"experiment {row.experiment}"


def _named(learner: str) -> str:
    return _LEARNERS.get(learner, learner)


def _of(values: Iterable[Comparison], verdict: Verdict) -> list[Comparison]:
    return [comparison for comparison in values if comparison.verdict == verdict]


def _grouped(values: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    groups: dict[str, list[T]] = {}
    for value in values:
        groups.setdefault(key(value), []).append(value)
    return groups


def _and(parts: Sequence[str]) -> str:
    return ", ".join(parts[:-1]) + (" and " if parts[1:] else "") + (parts[-1] if parts else "")
