"""The report: whole, self-contained, escaped, the same bytes for the same data, and fit for a real browser."""

import html.parser
import json
import re
import shutil
import subprocess
from collections import Counter

import pytest
from click.testing import CliRunner
from invented import AS_PUBLISHED, fill, stage, times

from repro.analysis import claims, tables, verdicts
from repro.commands.main import main
from repro.experiments import config
from repro.presentation import report, verdict_table
from repro.records.store import Store

VOID = {"meta", "br", "img", "input", "link", "hr"}


class Page(html.parser.HTMLParser):
    """What of a page's structure can be wrong."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.used: set[str] = set()
        self.addresses: list[str] = []
        self.unbalanced: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags[tag] += 1
        for name, value in attributes:
            if name == "id":
                self.ids[value] += 1
            if name in ("src", "href", "xlink:href", "action", "data"):
                self.addresses.append(value)
            if name.startswith("on"):
                self.addresses.append(f"script in {name}")
            self.used |= set(re.findall(r"url\(#([^)]+)\)", value or ""))
            if name.endswith("href") and value.startswith("#"):
                self.used.add(value[1:])

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data):
        if not {"style", "title"} & set(self.open):
            self.words.append(data)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("records"))
    fill(store, "6a/lstm", [*times(*AS_PUBLISHED[:19]), []])
    fill(store, "6a/lstm", times(*AS_PUBLISHED), reading="plain-error")
    fill(store, "4/lstm/T=100", [[]] * 10)
    fill(store, "1/lstm/3x2,lr=0.2", [*[[stage("all correct", 14_000 + 100 * k)] for k in range(29)], []])
    return store


@pytest.fixture(scope="module")
def text(store):
    return report.render(config.load(), store, verdicts.Margins())


@pytest.fixture(scope="module")
def some_rows():
    """Rows of one experiment."""
    return {name: row for name, row in config.load().items() if name.startswith("6a/")}


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_all_that_the_paper_prints_is_there(page, text, store):
    words = " ".join(page.words)
    for row in config.load().values():
        if any(line.table != "ours" for line in row.published):
            assert row.name in words
            assert f"repro run '{row.name}'" in words
    for number in (*range(1, 12), "text"):
        assert "table-text" in page.ids if number == "text" else f"Table {number}. " in words
    found = verdicts.compare(tables.selected(["@paper"], config.load(), store))
    assert verdict_table.paragraphs(found, verdicts.Margins())[-1] in words
    for claim in claims.of(found):  # of a table also in the overview
        assert words.count(claim.text) == (1 if claim.learner else 2), claim.text
    assert "80 trials of 3 of" in re.sub(r"\s+", " ", words)
    assert text.count('class="verdict equivalent"') == sum(
        one.verdict == "EQUIVALENT" and one.line.reading == config.PRINTED for one in found
    )


def test_every_choice_and_reading_of_the_rows_is_there(page):
    words = " ".join(page.words)
    for row in config.load().values():
        if all(line.table != "ours" for line in row.published):
            for name, reading in row.readings.items():
                assert f"{row.experiment}, {row.learner}, {name}" in words
                assert reading.note in words
                for choice in reading.choices:
                    assert choice in words


def test_cells_of_verdicts_tell_their_head(text, store):
    """On a phone they stand beneath each other, with no heads above."""
    found = verdicts.of_readings(verdicts.of_selection((), config.load(), store), "")
    cells = re.findall(r'<td[^>]* data-head="([^"]+)">([^<]*)<', text)
    for head, value in (("paper", "20 of 20, implied"), ("ours", "19 of 20"), ("verdict", "NOT RUN")):
        assert (head, value) in cells
        assert sum(name == head for name, _ in cells) == len(found)
    counted = [(head, int(number)) for head, number in cells if head in verdicts.VERDICTS and number]
    assert sum(number for _, number in counted) == len(found)
    assert 'class="nothing" data-head="p (Holm)">-<' in text


def test_the_answer_is_near_the_top(text):
    assert text.index('id="forest-') < text.index('id="table-1"')
    assert text.index("<title>Which published values hold") < text.index("EQUIVALENT (within the margin)")


def test_figures_are_inline_and_their_ids_are_their_own(page):
    # the forest; readings; survival and strips of Tables 1, 7 and 9, success rates of Table 1, scaling of Table 3
    assert page.tags["svg"] == 1 + 1 + 3 * 2 + 1 + 1
    assert [one for one, n in page.ids.items() if n > 1] == []
    assert page.used <= set(page.ids)
    assert page.unbalanced == []
    assert page.open == []


def test_the_page_needs_nothing_else(page, text):
    assert page.tags["script"] == page.tags["link"] == page.tags["img"] == page.tags["iframe"] == 0
    assert [address for address in page.addresses if not address.startswith("#")] == []
    assert "default-src 'none'" in text
    assert "@import" not in text


def test_the_same_data_give_the_same_bytes(store, some_rows, tmp_path):
    other = Store(tmp_path)
    for path in store.folder.glob("*.jsonl"):
        lines = path.read_text().splitlines(keepends=True)
        (tmp_path / path.name).write_text("".join(reversed(lines)))
    pages = [report.render(some_rows, records, verdicts.Margins()) for records in (store, other)]
    assert pages[0] == pages[1]


def test_what_records_say_is_escaped(some_rows, tmp_path):
    store = Store(tmp_path)
    fill(store, "6a/lstm", times(*AS_PUBLISHED))
    path = tmp_path / "6a.jsonl"
    evil = '<img src=x onerror="alert(1)"><script>'
    path.write_text(path.read_text().replace('"processor":""', f'"processor":{json.dumps(evil)}'))
    text = report.render(some_rows, store, verdicts.Margins())
    assert "&lt;img src=x onerror=" in text
    page = Page(text)
    assert page.tags["script"] == page.tags["img"] == 0


def test_without_any_record_there_is_a_page_too(tmp_path):
    page = Page(report.render(config.load(), Store(tmp_path), verdicts.Margins()))
    assert page.unbalanced == []
    assert "0 trials of 0 of" in re.sub(r"\s+", " ", " ".join(page.words))


@pytest.mark.parametrize(("name", "problem"), [("", "is a folder"), ("none/report.html", "there is no folder")])
def test_where_no_page_can_be_written(tmp_path, name, problem):
    done = CliRunner().invoke(main, ["report", "-o", str(tmp_path / name), "--results", str(tmp_path)])
    assert (done.exit_code, problem in done.stderr) == (2, True)


# ------------------------------------------------------------------------------------------------- in a real browser

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--allow-file-access-from-files",
    "--virtual-time-budget=20000",
]  # fmt: skip

# A page around the report that measures it: the report itself has no script.
MEASURING = """<!doctype html><iframe id="frame" src="report.html" style="width: WIDTHpx; height: 900px; border: 0"></iframe>
<pre id="found"></pre>
<script>
document.getElementById("frame").onload = event => {
  const inside = event.target.contentDocument, box = e => e.getBoundingClientRect();
  const all = [...inside.querySelectorAll("body *:not(svg *)")];
  const scrolls = e => e.closest(".wide") !== null;
  document.getElementById("found").textContent = JSON.stringify({
    overflow: inside.scrollingElement.scrollWidth - inside.scrollingElement.clientWidth,
    outside: all.filter(e => !scrolls(e) && box(e).right > WIDTH + 1).map(e => e.tagName + " " + e.textContent.slice(0, 40)),
    svgs: [...inside.querySelectorAll("svg")].filter(e => box(e).width > 300 && box(e).height > 100).length,
    smallest: Math.min(...[...inside.querySelectorAll("p, td, li, code")].map(e => parseFloat(getComputedStyle(e).fontSize))),
    height: inside.scrollingElement.scrollHeight,
    hidden: [...inside.querySelectorAll("td.verdict, td.count:not(:empty)")]
      .filter(e => box(e).left < 0 || box(e).right > WIDTH + 1 || box(e).width < 20).map(e => e.textContent),
  });
};
</script>"""  # noqa: E501


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; Debian's package is `chromium`")
@pytest.mark.parametrize("width", [1280, 360], ids=["desktop", "phone"])
def test_in_a_browser(tmp_path, text, page, width):
    (tmp_path / "report.html").write_text(text, encoding="utf-8")
    (tmp_path / "measuring.html").write_text(MEASURING.replace("WIDTH", str(width)), encoding="utf-8")
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width + 40},1000"]
    shown = subprocess.run(
        [*command, "--dump-dom", (tmp_path / "measuring.html").as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    found = json.loads(re.search(r'<pre id="found">(.*?)</pre>', shown, re.DOTALL)[1])
    assert (found["overflow"], found["outside"]) == (0, [])  # nothing makes the page wider than the window
    assert found["hidden"] == []  # every verdict is to be seen without scrolling sideways
    assert found["svgs"] == page.tags["svg"]
    assert found["smallest"] >= 12
    assert found["height"] > 5000
