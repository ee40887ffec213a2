"""The progress line: whole and rare without a terminal, in place on one, and never on standard output."""

import os
import pty
import re
import termios
from contextlib import suppress

import pytest

from stagewise.messages.progress import progress

WHAT = "net_d121_stage1 fold 0 epoch 1"


class Trouble(Exception):
    """Ends a step."""


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets, in seconds."""

    class Clock:
        now = 1000.0

        @classmethod
        def monotonic(cls) -> float:
            return cls.now

    monkeypatch.setattr("stagewise.messages.progress.time", Clock)
    return Clock


def lines_of(capsys, clock, total: int, seconds: float, kept: bool = True) -> list[str]:
    """What `total` counts of `seconds` each print."""
    with progress(total, WHAT, "batches", kept) as line:
        for step in range(total):
            clock.now += seconds
            line.advance(loss=f"{step:.4f}")
    out, err = capsys.readouterr()
    assert out == ""
    assert not re.search(r"[^\x20-\x7e\n]", err), "a control character"
    return err.splitlines()


def test_a_short_step_says_its_totals_alone_and_nothing_where_the_caller_does(capsys, clock):
    assert lines_of(capsys, clock, 100, 0.25) == [f"{WHAT}: 100 batches in 00:25, 4.0 batches/s"]
    assert lines_of(capsys, clock, 100, 0.25, kept=False) == []


@pytest.mark.parametrize(
    ("total", "seconds", "times"),  # of a minute, of an hour, and of a day and a half
    [
        (100, 1.5, [30, 90]),
        (100, 36.0, [36, 396, 756, 1116, 1476, 1836, 2196, 2556, 2916, 3276]),
        (4, 36000.0, [36000, 72000, 108000]),
    ],
)
def test_lines_come_after_half_a_minute_then_each_minute_or_tenth_whichever_is_later(
    capsys, clock, total, seconds, times
):
    *far, end = lines_of(capsys, clock, total, seconds)
    said = [re.search(r" in ([\d:]+), ([\d:]+) left", line).groups() for line in far]
    assert [seconds_of(elapsed) for elapsed, _ in said] == times
    for elapsed, left in said:  # at an even pace both add up to the whole
        assert seconds_of(elapsed) + seconds_of(left) == pytest.approx(total * seconds, abs=2)
    assert end.startswith(f"{WHAT}: {total} batches in ")
    assert all(line.startswith(WHAT) for line in far)
    assert re.search(r"loss \d+\.0000$", far[-1])


def seconds_of(text: str) -> int:
    seconds = 0
    for part in text.split(":"):
        seconds = 60 * seconds + int(part)
    return seconds


def test_below_one_a_second_the_pace_is_the_time_of_one(capsys, clock):
    assert lines_of(capsys, clock, 2, 9.6)[-1].endswith("2 batches in 00:19, 9.6 s each")


def test_an_error_leaves_the_last_word_to_its_message(capsys, clock):
    with pytest.raises(Trouble), progress(5, WHAT, "batches") as line:
        line.advance()
        raise Trouble
    assert capsys.readouterr().err == ""


class Terminal:
    """A terminal for standard error."""

    def __init__(self, monkeypatch) -> None:
        self.monkeypatch = monkeypatch
        self.ours, self.theirs = pty.openpty()
        self.resize(40, 100)
        os.set_blocking(self.ours, False)

    def resize(self, rows: int, columns: int) -> None:
        termios.tcsetwinsize(self.theirs, (rows, columns))

    def shows(self, kept: bool = True, ends: int = 3) -> str:
        """What three counts write to it, or fewer and then an error."""
        with (
            self.monkeypatch.context() as patched,
            os.fdopen(os.dup(self.theirs), "w", encoding="utf-8") as stream,
            suppress(Trouble),
        ):
            patched.setattr("sys.stderr", stream)
            with progress(3, WHAT, "batches", kept) as line:
                for step in range(3):
                    if step == ends:
                        raise Trouble
                    line.advance(loss=f"{step:.4f}")
        shown = b""
        with suppress(BlockingIOError):
            while True:
                shown += os.read(self.ours, 1 << 16)
        return shown.decode()


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal(monkeypatch)
    yield terminal
    os.close(terminal.ours)
    os.close(terminal.theirs)


def test_a_terminal_shows_one_line_in_place_with_rate_time_left_and_loss(terminal):
    *_, last = terminal.shows().rstrip().split("\r")
    assert re.match(rf"{WHAT}: 100 %\|.*\| 3/3 \[00:00<00:00, [\d.]+ batches/s, loss=2.0000\]", last)
    assert len(last) <= 100


def test_a_line_that_is_not_kept_leaves_an_empty_one(terminal):
    shown = terminal.shows(kept=False)
    assert "\n" not in shown
    assert shown.endswith("\r") and shown.split("\r")[-2].strip() == ""


def test_an_error_on_a_terminal_begins_on_a_line_of_its_own(terminal):
    shown = terminal.shows(ends=1)
    assert "1/3" in shown and shown.endswith("\n")


def test_a_terminal_that_does_not_redraw_gets_whole_lines(terminal, monkeypatch):
    whole = rf"{WHAT}: 3 batches in 00:00, [\d.]+ batches/s\r\n"
    monkeypatch.setenv("TERM", "dumb")
    assert re.fullmatch(whole, terminal.shows())
    monkeypatch.setenv("TERM", "xterm")
    terminal.resize(0, 100)
    assert re.fullmatch(whole, terminal.shows())
