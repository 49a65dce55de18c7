"""Put what the records under results/ show today into results/README.md, with its figures.

And which readings carry which rows into results/readings.csv, and what the columns of CSV and JSON are into
results/COLUMNS.md.

python scripts/results.py
"""

from pathlib import Path

from repro import files
from repro.analysis import claims, readings, tables, verdicts
from repro.experiments import config
from repro.presentation import grid, readings_view, schemas, verdict_table
from repro.presentation.plots import kinds, style
from repro.records.store import Store

RESULTS = Path(__file__).parents[1] / "results"
FIGURES = RESULTS / "figures"

HEAD = """# Which published numbers hold

This page is written by `make results`; nothing on it is put in by hand. What to make of it is in
[FINDINGS.md](FINDINGS.md).

{trials:,} trials of {rows} of {all} rows, under `printed` and other readings, root seed 0: {hours:.1f} CPU hours. The
tables are what `repro compare --format md` prints of them, the figures what `repro plot` draws. `repro report` puts it
all, and more, on one page."""
MATRIX = "![Which readings carry which rows](figures/readings.svg)"
FOREST = "![Every published value against ours, with its verdict](figures/forest.svg)"


def page() -> str:
    """The text of results/README.md."""
    rows, store, margins = config.load(), Store(RESULTS), verdicts.Margins()
    lines = tables.of_paper(rows, store)
    found = verdicts.compare(lines, margins)
    said = claims.of(found)
    records = tables.records_of(lines)
    parts = [
        HEAD.format(
            trials=len(records), rows=len({r.row for r in records}), all=len({line.row.name for line in lines}),
            hours=sum(r.cpu_s for r in records) / 3600,
        ),
        "\n".join(f"- {claim.text}" for claim in said if not claim.learner),
        *verdict_table.paragraphs(found, margins),
        FOREST,
        "```\nrepro compare\nrepro plot forest\n```",
        "## Which readings carry which rows",
        *readings_view.paragraphs(readings.of(found, store)),
        MATRIX,
        "[readings.csv](readings.csv) has them all, with what was tried and the command that runs each.",
        "```\nrepro readings\nrepro plot readings\n```",
    ]  # fmt: skip
    printed = verdicts.of_readings(found, "")
    for table in sorted({one.line.published.table for one in printed}, key=tables.order):
        (block,) = verdict_table.blocks([one for one in printed if one.line.published.table == table], said=said)
        parts += [f"## {block.title}", grid.render(block, "md").partition("\n\n")[2]]
        ran = dict.fromkeys(line.command for line in lines if line.records and line.published.table == table)
        commands = list(ran)
        if table == 3:
            parts.append("![Training time against time lag and distractors](figures/scaling.svg)")
            commands.append("repro plot scaling")
        if ran:
            parts.append(f"![Share of trials solved against training sequences](figures/survival-{table}.svg)")
            parts.append("\n".join(["```", *commands, f"repro compare {table}", f"repro plot survival {table}", "```"]))
    return "\n\n".join(parts) + "\n"


def readings_table() -> str:
    """The text of results/readings.csv."""
    store = Store(RESULTS)
    found = verdicts.of_selection((), config.load(), store)
    return readings_view.render(readings.of(found, store), "csv") + "\n"


COLUMNS = """# Columns of CSV and JSON

This page is written by `make results` from what the commands themselves are made of. With `--format csv` or
`--format json` `repro table`, `compare` and `list` print all of these columns, in this order, whatever rows are asked
for. `--columns NAME,NAME,...` chooses some of them, in any format, and `--columns help` lists them.

What is missing is empty in CSV and null in JSON. An integer has no point, a number always has one. A
share lies between 0 and 1. In pandas:

```python
import pandas as pd
from repro.presentation import table_view

pd.read_csv("table.csv", dtype=table_view.SCHEMA.dtypes())  # likewise verdict_table, row_list, conditions.SCHEMAS[10]
```

The types are pandas' own, which have a place for what is missing (`Int64`, `Float64`, `boolean`, `string`). With
`dtype_backend="numpy_nullable"` instead of `dtype` pandas finds the same ones wherever a column has a value; but text
that looks like numbers, as `table` does, is taken for numbers if there is nothing else in the column."""


def columns_page() -> str:
    """The text of results/COLUMNS.md."""
    parts = [COLUMNS]
    for command, views in schemas.SCHEMAS.items():
        parts.append(f"## repro {command}")
        for schema in views:
            parts += [f"**{schema.title}**"] if views[1:] else []
            described = [(f"`{name}`", *rest) for name, *rest in schema.described()]
            parts.append(grid.listing(schemas.HEADS, described, "md"))
    return "\n\n".join(parts) + "\n"


def draw() -> None:
    """Draw the figures that the page shows."""
    FIGURES.mkdir(exist_ok=True)
    rows, store = config.load(), Store(RESULTS)
    for table in {str(p.table) for row in rows.values() for p in row.published if p.table != "ours"}:
        try:
            style.save(kinds.draw("survival", [table], rows, store), FIGURES / f"survival-{table}.svg")
        except style.PlotError:
            continue  # no trial of the table has been run
    for kind in ("forest", "scaling", "readings"):
        style.save(kinds.draw(kind, (), rows, store), FIGURES / f"{kind}.svg")


if __name__ == "__main__":
    draw()
    files.write(RESULTS / "README.md", page().encode())
    files.write(RESULTS / "readings.csv", readings_table().encode())
    files.write(RESULTS / "COLUMNS.md", columns_page().encode())
