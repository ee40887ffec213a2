"""Exit codes, messages and shared options of the command line."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stagewise.console import cli
from stagewise.machine import interruption
from stagewise.messages import errors

REPOSITORY = Path(__file__).parents[1]


def exit_code(main) -> int:
    with pytest.raises(SystemExit) as end:
        cli.run(main)
    return end.value.code


def raises(error: BaseException):
    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.StagewiseError("x"), 1),
        (OSError("disk full"), 1),
        (errors.InputError("x"), 2),
        (errors.NumericalError("x"), 3),
        (errors.BusyError("x"), 4),
        (errors.QuarantinedError("x"), 5),
        (KeyboardInterrupt(), 130),
    ],
)
def test_every_kind_of_error_has_its_exit_code_and_one_message(error, code, capsys):
    assert exit_code(raises(error)) == code
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    assert shown.count("\n") == 1


def test_a_mistake_in_the_code_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        cli.run(lambda: 1 / 0)


def test_success_is_zero():
    assert exit_code(lambda: None) == 0


def test_sigterm_ends_with_143():
    assert exit_code(lambda: os.kill(os.getpid(), signal.SIGTERM)) == 143


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), interruption.Terminated(), OSError(28, "No space left on device")]
)
def test_the_way_on_leaves_out_force_which_would_start_over(error, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["r31_train.py", "--fold", "0"])
    exit_code(raises(error))
    assert "run the same command to resume" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["r31_train.py", "--force", "--fold", "0"])
    exit_code(raises(error))
    assert "run the same command without --force to resume" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["r03_gen_kfold_split.py", "--force"])  # it replaces one file, whole or not at all
    exit_code(raises(error))
    assert "run the same command to resume" in capsys.readouterr().err


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_closed_pipe_as_after_head_ends_without_a_word(stream):
    script = f"import sys\nfrom stagewise.console import cli\ncli.run(lambda: print('x\\n' * 9, file=sys.{stream}))"
    reading, writing = os.pipe()
    os.close(reading)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {stream: writing}
    done = subprocess.run([sys.executable, "-c", script], **pipes, timeout=60)
    os.close(writing)
    assert done.returncode == 128 + signal.SIGPIPE
    assert not done.stdout and not done.stderr


def test_a_closed_pipe_of_another_kind_is_told(capfd):
    assert exit_code(raises(BrokenPipeError(32, "Broken pipe"))) == 1
    assert "Broken pipe" in capfd.readouterr().err


def test_options_are_parsed_and_checked(capsys):
    parser = cli.parser("doc", "fold", "gpu", "workers", "preset")
    parser.add_argument("--threshold", type=cli.probability)
    arguments = parser.parse_args(["--fold", "3", "--fold", "1", "--gpu", "1", "--workers", "0"])
    assert (arguments.folds, arguments.gpu, arguments.workers, arguments.preset) == ([3, 1], 1, 0, "full")
    for wrong in (["--workers", "-1"], ["--gpu", "x"], ["--preset", "tiny"], ["--seed", "1"], ["--threshold", "7"]):
        with pytest.raises(SystemExit) as end:
            parser.parse_args(wrong)
        assert end.value.code == 2
        assert wrong[0] in capsys.readouterr().err


def test_an_option_has_one_name(capsys):
    with pytest.raises(SystemExit):
        cli.parser("", "force").parse_args(["--forc"])
    assert "unrecognized arguments: --forc" in capsys.readouterr().err


def test_on_windows_every_script_says_what_to_do_before_an_import_fails():
    code = (
        "import glob, runpy, sys\nsys.platform = 'win32'\n"
        "for script in sorted(glob.glob('*/r[0-9]*.py')):\n"
        "    try: runpy.run_path(script, run_name='__main__')\n"
        "    except SystemExit as end: print(script, end)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    lines = done.stdout.splitlines()
    assert len(lines) == len(list(REPOSITORY.glob("*/r[0-9]*.py"))) > 10, done.stderr
    assert all("error: this runs on Linux and macOS; on Windows, run it in WSL 2" in line for line in lines)
