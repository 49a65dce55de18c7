"""How figures look, and how they become files: the same data give the same bytes.

Text in SVG is drawn as outlines (``svg.fonttype: path``): labels are placed by the widths of their letters, and a
reader whose fonts differ would see them overlap. The font is the one that Matplotlib brings along.
"""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from repro import files
from repro.errors import ReproError
from repro.experiments.config import PRINTED

if TYPE_CHECKING:  # Matplotlib takes half a second: only where something is drawn
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# M. Okabe & K. Ito, Color Universal Design, 2008: told apart by colour-blind readers. Their yellow is too pale.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
GREY, PALE = "#767676", "#E4E4E4"
PALE_BLUE, PALE_VERMILION = "#BFD9EA", "#F3D3BF"  # of squares with a sign in them
BAND, QUIET = "#F1F1F1", "#555555"  # behind every other row; words that are not what matters
WIDTH = 7.2  # inches: the text of an A4 page
_NOTE_SIZE = 6.5
_DIGITS = 6  # of places, in parts of the figure: less than can be seen, far more than rounding errors

_SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "xtick.minor.pad": 5.0,  # labels at the height of those of major ticks
    "ytick.minor.width": 0.4,
    "ytick.minor.pad": 5.0,
    "lines.linewidth": 1.2,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "figure.titlesize": 9,
    "figure.labelsize": 7.5,
    "hatch.linewidth": 0.5,
    "savefig.dpi": 200,
    "text.hinting": "none",  # letters as wide on screen as in print: the layout is the same in all formats
    "svg.fonttype": "path",
}
_METADATA: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "png": {"Software": None}, "pdf": {"CreationDate": None}}


class PlotError(ReproError):
    """A figure that cannot be drawn."""


class Look(NamedTuple):
    """How a reading is drawn: never by colour alone."""

    colour: str
    dashes: Any  # a line style of Matplotlib
    marker: str


_LOOKS = (
    Look(BLUE, "-", "o"),
    Look(VERMILION, (0, (4, 1.5)), "s"),
    Look(GREEN, (0, (1, 1)), "^"),
    Look(PURPLE, (0, (5, 1.5, 1, 1.5)), "D"),
    Look(ORANGE, (0, (7, 1.5)), "v"),
    Look(SKY, (0, (3, 1, 1, 1, 1, 1)), "P"),
)


def looks(readings: Sequence[str]) -> dict[str, Look]:
    """A look for each reading; that of `printed` is the same in all figures. Of many, colours come again."""
    names = [PRINTED, *dict.fromkeys(name for name in readings if name != PRINTED)]
    n = len(_LOOKS)
    others = [_LOOKS[(k + k // n) % n] for k in range(len(names))]  # for lines and markers
    return {
        name: Look(_LOOKS[k % n].colour, other.dashes, other.marker)
        for k, (name, other) in enumerate(zip(names, others, strict=True))
    }


@contextmanager
def applied() -> Iterator[None]:
    """Matplotlib's defaults with the settings of this project, whatever the user's own are; also a decorator."""
    from matplotlib import style

    with style.context(["default", _SETTINGS]):
        yield


def new(title: str, height: float, notes: Sequence[str] = (), width: float = WIDTH) -> "Figure":
    """A figure of so many inches, without axes; its notes stand below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, x=0.008, ha="left", weight="bold")
    if notes:
        text = "\n".join(line for note in notes for line in _wrapped(note, width - 0.15))
        figure.supxlabel(text, x=0.008, ha="left", size=_NOTE_SIZE)
    return figure


def _wrapped(note: str, width: float) -> list[str]:
    """Lines of at most so many inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font, lines = FontProperties(size=_NOTE_SIZE), [""]
    for word in note.split(" "):
        longer = f"{lines[-1]} {word}".lstrip()
        points, _, _ = text_to_path.get_text_width_height_descent(longer, font, False)
        lines[-1:] = [longer] if points <= 72 * width else [lines[-1], word]
    return lines


def log_axis(axis: "Axis") -> None:
    """Plain numbers with separators on a logarithmic axis; on one of few decades, those that begin with 2 and 5 too."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    def minor(value: float, _: object) -> str:
        low, high = axis.get_view_interval()
        return f"{value:,.12g}" if high < 200 * low and f"{value:e}"[0] in "25" else ""

    axis.set_major_locator(LogLocator())
    axis.set_minor_locator(LogLocator(subs="auto"))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))
    axis.set_minor_formatter(FuncFormatter(minor))


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as SVG, PNG or PDF, by the suffix; a stream without one gets SVG. See `files` on what is written.

    Raises
    ------
    PlotError
        If the suffix is another one.
    repro.files.FileError
        If the file cannot be written.

    """
    check_writable(path)
    form = _form(path)
    files.write(path, _rendered(figure, form, _METADATA[form]))


def check_writable(path: Path) -> None:
    """Find out before anything is drawn whether a figure can be written.

    Raises
    ------
    PlotError
        If it has no suffix of a figure.
    repro.files.FileError
        If it cannot.

    """
    if _form(path) not in _METADATA:
        raise PlotError(f"{path}: figures are written as .svg, .png or .pdf, not as '{path.suffix}'")
    files.check_writable(path)


def _form(path: Path) -> str:
    form = path.suffix[1:].lower()
    return "svg" if form not in _METADATA and files.is_stream(path) else form


def svg(figure: "Figure", name: str) -> str:
    """A figure as an SVG element for a page of HTML; ``name``, one word, keeps its ids apart from those of others."""
    text = _rendered(figure, "svg", _METADATA["svg"]).decode()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r"\s*<style.*?</style>", "", text, count=1, flags=re.DOTALL)  # it would be for all of the page
    text = text.replace("<svg ", '<svg role="img" stroke-linejoin="round" stroke-linecap="butt" ', 1)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    return re.sub(r'(href="|url\()#', rf"\g<1>#{name}-", text)


def _take_literally(figure: "Figure") -> None:
    """In names and notes a dollar is a dollar: Matplotlib would set what is between two as mathematics, or fail to."""
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter

    for text in figure.findobj(lambda artist: isinstance(artist, Text) and "$" in artist.get_text()):
        if isinstance(text, Text) and not text.get_text().startswith("$\\mathdefault"):  # of logarithmic axes
            text.set_parse_math(False)
    for formatter in (axis.get_major_formatter() for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        if isinstance(formatter, FixedFormatter):
            formatter.seq = [name.replace("$", r"\$") for name in formatter.seq]


def _rendered(figure: "Figure", form: str, metadata: dict[str, Any]) -> bytes:
    import matplotlib as mpl

    out, title = io.BytesIO(), figure.get_suptitle()
    _take_literally(figure)
    with applied(), mpl.rc_context({"svg.hashsalt": title}):  # ids are random without a salt
        if figure.axes and (engine := figure.get_layout_engine()):  # once: more times would move things a little
            engine.execute(figure)
        figure.set_layout_engine("none")
        _settle(figure)
        figure.savefig(out, format=form, metadata={"Title": title, **metadata})
    return out.getvalue()


def _settle(figure: "Figure") -> None:
    """Round the places of all axes.

    The solver behind the layout takes its variables in the order of their addresses in memory: sums are rounded
    otherwise from one time to the next, and ids in SVG are digests of coordinates with all their digits.
    """
    for axes in figure.axes:
        left, bottom, width, height = (round(edge, _DIGITS) for edge in axes.get_position(original=True).bounds)
        axes.set_position((left, bottom, width, height))
        axes.set_in_layout(True)  # as before: it is part of the figure's box
