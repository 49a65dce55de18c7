"""The command that begins a learner of one's own: `new`."""

from pathlib import Path

import click

from repro import files, outside, registry
from repro.commands.options import option
from repro.errors import ReproError
from repro.files import PACKAGE

_TEMPLATES = PACKAGE / "templates"
_NAME = "my_rule"  # in the templates


class NewError(ReproError):
    """Files that cannot be begun."""


@click.group()
def new() -> None:
    """Begin a learning rule of your own."""


@new.command()
@click.argument("name", metavar="NAME")
@option("--folder", type=click.Path(path_type=Path, file_okay=False), default=".", show_default=True,
        help="Where to put the files.")  # fmt: skip
def learner(name: str, folder: Path) -> None:
    """Write a learner that works, a file of two rows for it, and a test.

    It is a small recurrent net. What to change is said in the file.

    \b
    repro new learner my_rule
    """
    if not outside.is_name(name):
        raise NewError(f"'{name}' is no name of a-z, 0-9 and _")
    if name in registry.names("learners"):
        raise NewError(f"'{name}' is a learner already")
    places = {
        "learner.py": folder / f"{name}.py",
        "rows.toml": folder / "rows" / f"{name}.toml",
        "test_rule.py": folder / f"test_{name}.py",
    }
    there = [str(place) for place in places.values() if place.exists()]
    if there:
        raise NewError(f"{', '.join(there)}: there already, and not written over")
    for template, place in places.items():
        text = (_TEMPLATES / template).read_text(encoding="utf-8").replace(_NAME, name)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NewError(f"{place}: cannot be written: {error.strerror}") from None
        files.write(place, text.encode())
        click.echo(f"{place} written", err=True)
    door = f"--with {places['learner.py']} --configs {places['rows.toml'].parent}"
    click.echo(f"repro {door} run '3a/{name}/*'")
    click.echo(f"repro {door} table 4 --with-ours")
    click.echo(f"repro {door} race '3a/{name}/T=100,N=3' '3a/lstm/T=100,N=3'")
    click.echo(f"repro check {places['learner.py']}")
