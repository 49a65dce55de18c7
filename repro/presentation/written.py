"""Millions of lines as CSV and JSON. Numbers become text in msgspec, several times as fast as in the csv module."""

import csv as standard
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from json import dumps
from typing import Any

import msgspec

from repro.presentation.harmless import in_csv

_CHUNK = 1000  # lines that are written at once
_SIGNS = (b"\\", b'"=', b'"+', b'"-', b'"@')  # of lines that take care

Line = tuple[Any, ...]


def csv(names: Sequence[str], lines: Iterable[Line]) -> Iterator[str]:
    """A head and lines as CSV, in pieces; texts are quoted, what is missing is empty.

    A line of JSON without its brackets is that already, but for what is missing, and for texts with escapes in them or
    signs of a formula.
    """
    yield ",".join(names) + "\n"
    encode = msgspec.json.Encoder().encode
    empty = msgspec.Raw(b"")
    for chunk in _chunks(lines):
        texts = [encode([empty if value is None else value for value in line]) for line in chunk]
        yield "".join(
            f"{text[1:-1].decode()}\n" if not any(sign in text for sign in _SIGNS) else _carefully(line)
            for text, line in zip(texts, chunk, strict=True)
        )


def _carefully(line: Line) -> str:
    """A line with quotes, backslashes or line breaks in its texts, or with one that would be a formula."""
    out = io.StringIO()
    words = {True: "true", False: "false"}
    values = [
        words[value] if isinstance(value, bool) else in_csv(value) if isinstance(value, str) else value
        for value in line
    ]
    standard.writer(out, lineterminator="\n").writerow(values)
    return out.getvalue()


def json(names: Sequence[str], lines: Iterable[Line]) -> Iterator[str]:
    """Lines as a JSON array of objects, in pieces; in ASCII, as no encoding then changes them."""
    fields = [(f"f{k}", Any, msgspec.field(name=name)) for k, name in enumerate(names)]
    line_of: Any = msgspec.defstruct("Line", fields, gc=False)
    encode = msgspec.json.Encoder().encode
    before = "["
    for chunk in _chunks(lines):
        yield before + _in_ascii(",\n".join([encode(line_of(*line)).decode() for line in chunk]))
        before = ",\n"
    yield "]\n" if before != "[" else "[]\n"


def _in_ascii(text: str) -> str:
    """JSON with other letters, which stand in its texts alone, as escapes."""
    return text if text.isascii() else re.sub(r"[^\x00-\x7f]", lambda letter: dumps(letter[0])[1:-1], text)


def _chunks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    rest = iter(lines)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
