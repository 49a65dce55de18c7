"""Whatever is named as an output is written to, and nothing is put in the place of a link, a device or a pipe."""

import os
import stat
import subprocess
import sys
import threading
import tty
from pathlib import Path

import pytest
from click.testing import CliRunner
from invented import AS_PUBLISHED, fill, times

from repro import files
from repro.commands.main import main
from repro.presentation.plots import style
from repro.records.store import Store

CONTENT = b"a\0b\n" * 50_000  # more than a pipe holds


def test_a_file_is_replaced_as_a_whole_and_keeps_its_permissions(tmp_path):
    path = tmp_path / "page.html"
    files.write(path, b"before")
    path.chmod(0o640)
    with path.open("rb") as before:
        files.write(path, CONTENT)
        assert before.read() == b"before"
    assert path.read_bytes() == CONTENT
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_one_and_what_it_leads_to_is_written(tmp_path, there):
    target, link, second = tmp_path / "elsewhere" / "page.html", tmp_path / "link.html", tmp_path / "second.html"
    target.parent.mkdir()
    if there:
        target.write_bytes(b"before")
    link.symlink_to("elsewhere/page.html")
    second.symlink_to(link)
    files.check_writable(second)
    files.write(second, CONTENT)
    assert target.read_bytes() == CONTENT
    assert link.is_symlink()
    assert second.is_symlink()
    assert [path.name for path in target.parent.iterdir()] == ["page.html"]


@pytest.mark.parametrize("linked", [True, False])
def test_a_pipe_stays_one_and_is_written_to(tmp_path, linked):
    pipe = path = tmp_path / "figure.svg"
    os.mkfifo(pipe)
    if linked:
        path = tmp_path / "link.svg"
        path.symlink_to(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    files.check_writable(path)
    files.write(path, CONTENT)
    reader.join(5)
    assert read == [CONTENT]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert path.is_symlink() == linked


def test_a_device_stays_one_and_is_written_to(tmp_path):
    """A terminal of our own, reached by a link: a test that fails replaces the link, and no device."""
    ours, theirs = os.openpty()
    try:
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        device = tmp_path / "terminal"
        device.symlink_to(os.ttyname(theirs))
        files.check_writable(device)
        files.write(device, b"to a device")
        assert os.read(ours, 100) == b"to a device"
        assert device.is_symlink()
        assert stat.S_ISCHR(device.stat().st_mode)
    finally:
        os.close(ours)
        os.close(theirs)


def test_what_this_process_has_open_is_gone_on_with(tmp_path):
    """As /dev/stdout is, where it is a file, and >(...) of a shell: by its number, at the place where it is."""
    path, link = tmp_path / "log", tmp_path / "link"
    with path.open("wb") as file:
        file.write(b"before\n")
        file.flush()
        link.symlink_to(f"/dev/fd/{file.fileno()}")
        assert files.is_stream(link)
        files.write(link, b"now\n")
        file.write(b"after\n")
    assert path.read_bytes() == b"before\nnow\nafter\n"
    assert not files.is_stream(path)
    assert link.is_symlink()


@pytest.mark.parametrize("name", ["-", "link"])
def test_stdout_is_written_to_behind_what_was_printed(tmp_path, name):
    (tmp_path / "link").symlink_to("/dev/stdout")
    code = f"""
from pathlib import Path; from repro import files
print("before"); assert files.is_stdout(Path({name!r})); files.write(Path({name!r}), b"now\\n"); print("after")"""
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "before\nnow\nafter\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "out"]


def circle(folder: Path) -> Path:
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    return folder / "a"


def to_nowhere(folder: Path) -> Path:
    (folder / "link").symlink_to(folder / "none" / "x")
    return folder / "link"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (lambda folder: folder / "none" / "x", "there is no folder '.*none'"),
        (lambda folder: folder, "is a folder"),
        (circle, "cannot be written: Too many levels of symbolic links"),
        (to_nowhere, "link: there is no folder '.*none'"),
    ],
    ids=["no folder", "folder", "circle", "to nowhere"],
)
def test_what_cannot_be_written_is_said_before_and_then(tmp_path, path, said):
    place = path(tmp_path)
    with pytest.raises(files.FileError, match=said):
        files.check_writable(place)
    with pytest.raises(files.FileError, match="cannot be written: "):
        files.write(place, b"")


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    path.write_bytes(b"before")

    def fails(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(files.FileError, match=r"page\.html: cannot be written: No space left on device"):
        files.write(path, CONTENT)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("page.html", b"before")]


def test_a_pipe_that_is_closed_is_for_the_command_line_to_end_by(tmp_path):
    reads, writes = os.pipe()
    os.close(reads)
    try:
        (tmp_path / "link").symlink_to(f"/dev/fd/{writes}")
        with pytest.raises(BrokenPipeError):
            files.write(tmp_path / "link", b"x")
    finally:
        os.close(writes)


# ---------------------------------------------------------------------------------------------------------- by commands


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("results")
    fill(Store(folder), "6a/lstm", times(*AS_PUBLISHED))
    return str(folder)


@pytest.mark.parametrize(
    ("command", "begins"),
    [(["plot", "success", "9"], b"<?xml"), (["report"], b"<!doctype html>")],
    ids=["plot", "report"],
)
def test_a_figure_and_a_page_go_to_stdout_and_nothing_else_does(results, command, begins, monkeypatch):
    monkeypatch.setattr("repro.presentation.report.render", lambda *_, **__: "<!doctype html>")
    done = CliRunner().invoke(main, [*command, "-o", "-", "--results", results])
    assert done.exit_code == 0, done.output
    assert done.stdout_bytes.startswith(begins)
    assert done.stdout_bytes.rstrip().endswith(b">")
    assert done.stderr.splitlines()[-1] == "-"


def test_a_figure_follows_a_link_and_a_stream_without_a_suffix_gets_svg(results, tmp_path):
    link, target = tmp_path / "figure.png", tmp_path / "elsewhere.data"
    link.symlink_to(target)
    done = CliRunner().invoke(main, ["plot", "success", "9", "-o", str(link), "--results", results])
    assert done.output.splitlines()[-1] == str(link)
    assert link.is_symlink()
    assert target.read_bytes().startswith(b"\x89PNG")
    os.mkfifo(tmp_path / "pipe")
    style.check_writable(tmp_path / "pipe")
    with pytest.raises(style.PlotError, match=r"not as '\.data'"):
        style.check_writable(target)
