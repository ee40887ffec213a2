"""run.sh and setup_env.sh, with a Python that notes what it is asked instead of doing it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
FILES = ("run.sh", "setup_env.sh", "requirements.txt", "pyproject.toml")
PYTHON = """#!/bin/sh
[ "$1" = -c ] && exit  # which cores there are: none that are told
echo "$*" >> asked.txt
case "$*" in
    "$FAILING"*) exit "$CODE" ;;
esac
"""
BASE_PYTHON = f"""#!/bin/sh
[ "$1" = -c ] && exec "{sys.executable}" -c "import sys; sys.version_info = ($VERSION); exec(sys.argv[1])" "$2"
[ "$1" = --version ] && exec echo "Python $VERSION"
echo "base $*" >> asked.txt
[ -e .venv/bin/pip ] && cp .venv/bin/pip .venv/bin/python
touch .venv/bin/pip
chmod +x .venv/bin/pip
"""
STAGES = ("net_d121_stage1", "net_d121_stage2_auc", "net_d121_stage3_tier1")
SIX_STEPS = ("r01_extract", "r02_verify", "r03_gen", "r04_inflate", "net_d121_stage1/r31", "net_d121_stage2_auc/r31")


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def house(tmp_path):
    """The scripts beside a made .venv whose Python does nothing; its root has input that is no phantom."""
    for name in FILES:
        shutil.copy(REPOSITORY / name, tmp_path)
    for program in ("python", "pip"):
        write_program(tmp_path / ".venv" / "bin" / program, PYTHON)
    (tmp_path / "input" / "train").mkdir(parents=True)
    (tmp_path / "modified_data" / "roi_parts").mkdir(parents=True)
    (tmp_path / "modified_data" / "roi_parts" / "test.csv").touch()
    return tmp_path


def run(house: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess:
    known = {name: value for name, value in os.environ.items() if name not in ("STAGEWISE_ROOT", "SEED", "VENV")}
    return subprocess.run(
        ["bash", str(house / "run.sh"), *arguments],
        cwd=house,
        env={"FAILING": "none", "CODE": "0", **known, **settings},
        capture_output=True,
        text=True,
        timeout=60,
    )


def asked(house: Path) -> list[str]:
    """The commands that Python got, installations aside."""
    path = house / "asked.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line for line in lines if not line.startswith("-m pip")]


@pytest.mark.parametrize(
    ("argument", "code"), [("--help", 0), ("-h", 0), ("--force", 2), ("train", 2), ("--preset", 2)]
)
def test_help_and_arguments_that_are_not_known_start_nothing(house, argument, code):
    shutil.rmtree(house / ".venv")
    done = run(house, "--keep-going", argument, PYTHON="false")
    assert done.returncode == code
    assert "./run.sh --keep-going" in (done.stderr if code else done.stdout)
    assert not (house / ".venv").exists() and not asked(house)
    assert not code or f"error: unknown argument {argument}" in done.stderr or "takes demo" in done.stderr


def test_every_step_runs_in_order(house):
    assert run(house).returncode == 0
    commands = asked(house)
    assert all(step in command for step, command in zip(SIX_STEPS, commands, strict=False))
    assert commands[0] == "preproc_data/r01_extract_roi.py"
    assert "r51_report" in commands[-1]


def test_a_bad_video_ends_the_run_unless_it_may_be_left_out(house):
    settings = {"FAILING": "preproc_data/r01", "CODE": "2"}
    assert run(house, **settings).returncode == 2
    assert asked(house) == ["preproc_data/r01_extract_roi.py"]
    done = run(house, "--keep-going", **{**settings, "CODE": "5"})
    assert done.returncode == 5, done.stderr
    commands = asked(house)[1:]
    assert commands[0] == "preproc_data/r01_extract_roi.py --keep-going"
    assert commands[1] == "preproc_data/r02_verify_data.py --keep-going"
    assert "r51_report" in commands[-1]


@pytest.mark.parametrize(
    ("arguments", "verifies", "answers"),
    [
        ((), "--keep-going train", ""),
        (("--keep-going",), "--keep-going", "--unanswered blank"),
        (("--unanswered", "flowing"), "--keep-going", "--unanswered flowing"),
        (("--keep-going", "--unanswered", "flowing"), "--keep-going", "--unanswered flowing"),
    ],
)
def test_test_videos_that_cannot_be_answered_end_the_run_before_training_or_get_the_row_asked_for(
    house, arguments, verifies, answers
):
    done = run(house, *arguments, FAILING="net_d121_stage3_tier1/r42", CODE="5")
    assert done.returncode == (5 if arguments else 0), done.stderr
    assert f"preproc_data/r02_verify_data.py {verifies}" in asked(house)
    assert f"net_d121_stage3_tier1/r42_process_test.py {answers}".strip() in asked(house)
    assert "r51_report" in asked(house)[-1] and "the answers are in" in done.stdout
    assert not arguments or f"cannot be answered: {answers}\n" in done.stdout
    assert run(house, *arguments, FAILING="net_d121_stage3_tier1/r42", CODE="2").returncode == 2


def test_without_a_test_set_everything_else_runs_and_that_is_said(house):
    (house / "modified_data" / "roi_parts" / "test.csv").unlink()
    done = run(house)
    assert done.returncode == 0 and "no test set: r42 is left out" in done.stdout
    assert "no answers; " in done.stdout.splitlines()[-1]
    commands = asked(house)
    assert not [command for command in commands if "r42" in command] and "r51_report" in commands[-1]


@pytest.mark.parametrize(
    ("arguments", "stage_1", "others"),
    [
        ((), "", ""),
        (("--preset", "full"), " --preset full", " --preset full"),
        (("--preset", "small"), " --preset small", " --preset small"),
        (("--preset", "demo"), " --preset demo --init random --fold 0 --fold 1", " --preset demo --fold 0 --fold 1"),
    ],
)
def test_a_preset_is_that_of_every_training_with_weights_that_it_has(house, arguments, stage_1, others):
    assert run(house, *arguments).returncode == 0
    trainings = [command for command in asked(house) if "r31_train" in command]
    assert trainings == [
        f"{stage}/r31_train.py --seed 42{options}"
        for stage, options in zip(STAGES, (stage_1, others, others), strict=True)
    ]
    assert ("r04_inflate" in " ".join(asked(house))) == ("demo" not in arguments)


@pytest.mark.parametrize(("code", "ends"), [(5, 0), (2, 2), (1, 1)])
def test_labels_without_videos_do_not_end_the_run_and_any_other_finding_does(house, code, ends):
    assert run(house, FAILING="preproc_data/r02", CODE=str(code)).returncode == ends
    assert ("r51_report" in asked(house)[-1]) == (ends == 0)


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_to_the_run_alone_ends_its_step_too(house, name, code):
    write_program(
        house / ".venv" / "bin" / "python",
        '#!/bin/sh\ncase "$1" in -*) exit ;; esac\necho $$ > new.txt && mv new.txt process.txt && exec sleep 60\n',
    )
    # bash forbids traps of signals that it was started with ignored, as a background job of a shell is
    ours = subprocess.Popen(
        ["bash", str(house / "run.sh")], cwd=house, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    )
    while not (house / "process.txt").exists():
        assert ours.poll() is None
        time.sleep(0.02)
    ours.send_signal(getattr(signal, name))
    assert ours.wait(timeout=20) == code
    assert not Path(f"/proc/{(house / 'process.txt').read_text().strip()}").exists()


@pytest.mark.parametrize("missing", ["pip", "python"])
def test_a_venv_that_is_not_whole_is_made_again(house, missing):
    (house / ".venv" / "bin" / missing).unlink()
    write_program(house / "python-base", BASE_PYTHON)
    done = run(house, PYTHON=str(house / "python-base"), VERSION="3, 12, 1")
    assert done.returncode == 0, done.stderr
    assert asked(house)[0] == f"base -m venv {house / '.venv'}"


@pytest.mark.parametrize(("version", "fits"), [("3, 10, 9", 0), ("3, 11, 0", 1), ("3, 13, 9", 1), ("3, 14, 0", 0)])
def test_a_python_that_the_pinned_packages_do_not_run_on_is_refused(house, version, fits):
    shutil.rmtree(house / ".venv")
    write_program(house / "python-base", BASE_PYTHON)
    done = run(house, PYTHON=str(house / "python-base"), VERSION=version)
    assert len(asked(house)) == fits
    if not fits:
        assert done.returncode == 1 and "Python 3.11 to 3.13 is needed; run: PYTHON=python3.12 " in done.stderr
