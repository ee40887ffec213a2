"""Ctrl-C at the moments that matter: while a worker is started, in the middle of an import, where code swallows it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from house import hear_ctrl_c

SENT = "import os, signal\nCTRL_C = lambda: os.kill(os.getpid(), signal.SIGINT)\n"
DURING_A_START = f"""{SENT}
import threading, time
from multiprocessing import util
from stagewise.console import cli
from stagewise.machine.workers import WorkerPool

start = util.spawnv_passfds

def start_then_interrupt(path, arguments, *others):
    process = start(path, arguments, *others)
    if "WHICH" in str(arguments):
        CTRL_C()
        time.sleep(0.2)
    return process

def main():
    threading.Thread(target=time.sleep, args=(5,), daemon=True).start()  # may take the signal, as a library's may
    util.spawnv_passfds = start_then_interrupt
    with WorkerPool(2) as pool:
        print(*pool.in_order(abs, range(9)))

if __name__ == "__main__":
    cli.run(main)
"""
DURING_AN_IMPORT = f"""{SENT}
CTRL_C()
"""
SWALLOWED = {
    "by an import": "try:\n            import interrupted\n        except BaseException:\n            pass",
    "by a destructor": "Swallowing()\n        time.sleep(5)",
    "by a task": "with WorkerPool(0) as pool:\n            print(*pool.in_order(swallow, range(9)))",
    "and follows as another error": "Swallowing.swallow(raises=True)",
}


def python(*arguments: object) -> subprocess.CompletedProcess:
    """Python's end, that of a process which Ctrl-C reaches: a shell's background would ignore it."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=hear_ctrl_c,
    )


@pytest.fixture
def script(tmp_path):
    """Runs the text of a script, whose only output must be the line of an interruption."""

    def script(text: str) -> None:
        (tmp_path / "script.py").write_text(text)
        done = python(tmp_path / "script.py")
        assert (done.returncode, done.stdout) == (130, "")
        assert done.stderr == "interrupted; run the same command to resume\n"

    return script


@pytest.mark.parametrize("which", ["multiprocessing.spawn", "multiprocessing.resource_tracker"])
def test_while_a_process_is_started_none_of_them_has_a_traceback(script, which):
    script(DURING_A_START.replace("WHICH", which))


@pytest.mark.parametrize("how", SWALLOWED)
def test_what_swallows_the_interruption_does_not_keep_it(script, tmp_path, how):
    (tmp_path / "interrupted.py").write_text(DURING_AN_IMPORT)
    script(
        f"""{SENT}
import time
from stagewise.console import cli
from stagewise.machine.workers import WorkerPool

class Swallowing:
    @staticmethod
    def swallow(raises=False):
        try:
            CTRL_C()
        except KeyboardInterrupt:
            if raises:
                raise SystemError("error return without exception set")

    def __del__(self):
        CTRL_C()

def swallow(task):
    Swallowing.swallow()

def main():
        {SWALLOWED[how]}

cli.run(main)
"""
    )


def test_before_the_first_line_of_a_script_is_through_it_ends_without_a_word():
    script = Path(__file__).parents[1] / "preproc_data" / "r02_verify_data.py"
    code = (
        f"{SENT}import runpy, sys\nfrom importlib import abc\n"
        "class Interrupt(abc.MetaPathFinder):\n"
        "    def find_spec(self, name, *others):\n"
        "        if name == 'stagewise.console.cli':\n            CTRL_C()\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        f"runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    done = python("-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_the_way_out_of_a_finished_script_keeps_its_exit_code():
    # modules are cleared, and with them this object, after Python has given up its handlers of signals
    code = (
        f"{SENT}from stagewise.console import cli\n"
        "class Last:\n    def __init__(self):\n        self.kill, self.me = os.kill, os.getpid()\n"
        "    def __del__(self):\n        self.kill(self.me, 2)\n"
        "import builtins\nbuiltins.last = Last()\ncli.run(lambda: print('done'))"
    )
    done = python("-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
