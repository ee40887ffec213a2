"""Whether a script took its trouble well: how it ended, and what it left on the disk."""

import hashlib
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import lmdb
from injection import Outcome, Signal

from stagewise.files import paths

CLOCK = ("events", "train.log")  # a folder and a log that hold the time of day: what two runs do not share
INTERRUPTED = "interrupted; run the same command to resume"
NOISE = re.compile(r"Traceback|Exception|\w(Error|Warning)\b|Fatal|terminate called|leaked")
TO_END = 10.0  # seconds that a script may take to end after a signal or a worker's death


def hashes(root: Path) -> dict[str, str]:
    """Every file below the root with its sha256; locks and what holds the time of day by their names alone."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            unlike = {path.parent.name, path.name} & {*CLOCK, ".lock"} or path.suffix == ".lock"
            hash_of = sha256_of_entries if path.suffix == paths.PACKED else paths.sha256_of
            found[str(path.relative_to(root))] = "" if unlike else hash_of(path)
    return found


def sha256_of_entries(path: Path) -> str:
    """What an LMDB file holds; in which of its pages is another matter after an interruption."""
    sha256 = hashlib.sha256()
    with lmdb.open(str(path), subdir=False, lock=False, readonly=True) as opened, opened.begin() as reading:
        for key, value in reading.cursor():
            sha256.update(b"%d %d " % (len(key), len(value)) + key + value)
    return sha256.hexdigest()


def complaints_about_fault(outcome: Outcome) -> Iterator[str]:
    """What is wrong with how a script took a fault: it must be killed, or end with code 1 and one line."""
    if not outcome.happened:
        yield "the fault did not happen"
    elif outcome.code not in (-signal.SIGKILL, 0):  # 0: it was in something that the script can do without
        yield from _unlike(outcome, (1,), "error: ", "(input: |input/|modified_data|models|subm)")


def complaints_about_signal(outcome: Outcome, trouble: Signal) -> Iterator[str]:
    """What is wrong with how a script took a signal: its exit code, its last line, how long it took."""
    if outcome.after_signal is None:
        return  # it had ended before
    if outcome.after_signal > TO_END:
        yield f"went on for {outcome.after_signal:.1f} s"
    if trouble.number != signal.SIGKILL and NOISE.search(outcome.output):
        yield f"more than its message: {outcome.output[-3000:]}"
    if trouble.target == "worker":  # 0: the worker had nothing to do any more
        yield from _unlike(outcome, (0, 1), "error: a worker process died", r"1000\d\d\.mp4|with no task in hand")
    elif trouble.number == signal.SIGKILL:
        yield from _unlike(outcome, (0, -signal.SIGKILL))
    elif outcome.output:  # without any, it came before the script's first line
        yield from _unlike(outcome, (0, 128 + trouble.number), INTERRUPTED)


def complaints_about_ctrl_c(code: int, output: str, after: float, folder: Path) -> Iterator[str]:
    """What is wrong with how a script of `folder` ended `after` seconds from Ctrl-C, which may come before its start.

    Python's own start is out of reach: its traceback names none of the folder's files, or the script's first line.
    """
    own = re.findall(rf'File "{re.escape(str(folder))}/(.*?)", line .*\n\s*(.*)', output)
    if "Traceback" in output and all("first_line" in "".join(frame) for frame in own):
        return
    if after > TO_END:
        yield f"went on for {after:.1f} s"
    if NOISE.search(output):
        yield f"more than its message: {output[-3000:]}"
    elif code == 128 + signal.SIGINT and output.rstrip().splitlines()[-1] != INTERRUPTED:
        yield f"the last line is another: {output[-600:]}"
    elif code == -signal.SIGINT and output:
        yield f"without a word, but for: {output[-600:]}"
    elif code not in (0, 128 + signal.SIGINT, -signal.SIGINT):
        yield f"exit code {code}: {output[-600:]}"


def _unlike(outcome: Outcome, codes: tuple[int, ...], beginning: str = "", named: str = "") -> Iterator[str]:
    """An exit code not among `codes`; where it is above 0, a last line that begins otherwise or lacks `named`."""
    last = (outcome.output.rstrip().splitlines() or [""])[-1]
    if outcome.code not in codes:
        yield f"exit code {outcome.code}: {outcome.output[-600:]}"
    elif outcome.code > 0 and ("Traceback" in outcome.output or not last.startswith(beginning)):
        yield f"no message of one line: {outcome.output[-600:]}"
    elif outcome.code > 0 and not re.search(named, last):
        yield f"the message does not name it: {last}"


def differences(found: dict[str, str], wanted: dict[str, str]) -> Iterator[str]:
    """How files differ from what an undisturbed run leaves behind."""
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            yield f"{name} is lost"
        elif name not in wanted:
            yield f"{name} is left over"
        elif found[name] != wanted[name]:
            yield f"{name} differs"
