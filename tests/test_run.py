"""run.sh, test.sh and setup_env.sh, with a Python that notes what it is asked instead of doing it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from house import started

REPOSITORY = Path(__file__).parents[1]
BACKENDS = ("jax", "tensorflow", "torch")
XRAY_TRAININGS = sorted((REPOSITORY / "pneumothorax").glob("r3[1-9]_train_*.py"))
FILES = ("run.sh", "test.sh", "setup_env.sh", "requirements.txt", "pyproject.toml")
FILES += tuple(f"requirements-gpu-{backend}.txt" for backend in BACKENDS)
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


def run(house: Path, *arguments: str, script: str = "run.sh", **settings: str) -> subprocess.CompletedProcess:
    known = {name: value for name, value in os.environ.items() if name not in ("STAGEWISE_ROOT", "SEED", "VENV")}
    return subprocess.run(
        ["bash", str(house / script), *arguments],
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
    ("argument", "code"), [("--help", 0), ("-h", 0), ("--force", 2), ("train", 2), ("--preset", 2), ("--recipe", 2)]
)
def test_help_and_arguments_that_are_not_known_start_nothing(house, argument, code):
    shutil.rmtree(house / ".venv")
    done = run(house, "--keep-going", argument, PYTHON="false")
    assert done.returncode == code
    assert "./run.sh --keep-going" in (done.stderr if code else done.stdout)
    assert not (house / ".venv").exists() and not asked(house)
    assert not code or f"error: unknown argument {argument}" in done.stderr or "takes d" in done.stderr


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


def test_packed_volumes_are_brought_up_to_date_before_they_are_verified(house):
    (house / "modified_data" / "roi_parts" / "test.lmdb").touch()
    assert run(house).returncode == 0
    assert asked(house)[1] == "preproc_data/r05_pack_volumes.py test" and "r02_verify" in asked(house)[2]


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


TRAININGS = {
    "d121": [f"{stage}/r31_train.py" for stage in STAGES],
    "r101": ["second_place_r101/r31_train_run1.py", "second_place_r101/r32_train_run2.py"],
    "vote": [
        f"third_place_vote/r{number}_train_{net}.py" for number, net in ((31, "r2plus1d"), (32, "mc3"), (33, "r3d"))
    ],
}
LAST = {"d121": STAGES[2], "r101": "second_place_r101", "vote": "third_place_vote"}


@pytest.mark.parametrize("recipe", [*TRAININGS, "all"])
def test_a_recipe_runs_from_its_first_training_to_its_report_and_all_of_them_to_what_joins_them(house, recipe):
    (house / "third_place_vote").mkdir()
    (house / "third_place_vote" / "r61_vote.py").touch()
    (house / "subm").mkdir()
    (house / "subm" / "report.html").touch()
    done = run(house, "--recipe", recipe, "--preset", "demo")
    assert done.returncode == 0, done.stderr
    commands = [command.split()[0] for command in asked(house) if "--dry-run" not in command]
    wanted = list(TRAININGS) if recipe == "all" else [recipe]
    assert [command for command in dict.fromkeys(commands) if "_train" in command] == [
        script for one in wanted for script in TRAININGS[one]
    ]
    for one in wanted:
        begun = commands.index(f"{LAST[one]}/r41_process_oof.py")
        steps = ["r41", "r42", *["r61"] * (one == "vote"), "r52", "r51"]
        found = [command.removeprefix(f"{LAST[one]}/")[:3] for command in commands[begun : begun + len(steps)]]
        assert found == steps
        assert (house / "subm" / f"report_{one}.html").exists() == (recipe == "all")
    assert (commands[-1] == "join/r61_join.py") == (recipe == "all")


@pytest.mark.parametrize("recipe", ["vote", "all", "pneumothorax"])
def test_first_weights_that_are_not_there_end_the_run_before_anything_is_trained(house, recipe):
    failing = "pneumothorax/r33_train_seunet.py" if recipe == "pneumothorax" else "third_place_vote/r32_train_mc3.py"
    for path in ("input/xrays/train-rle.csv", *(f"pneumothorax/{path.name}" for path in XRAY_TRAININGS)):
        (house / path).parent.mkdir(exist_ok=True)
        (house / path).touch()
    assert run(house, "--recipe", recipe, FAILING=failing, CODE="2").returncode == 2
    assert asked(house)[-1] == f"{failing} --seed 42 --dry-run"
    assert all("--dry-run" in command for command in asked(house) if "_train_" in command)


@pytest.mark.parametrize(("code", "ends"), [(5, 0), (2, 2), (1, 1)])
def test_labels_without_videos_do_not_end_the_run_and_any_other_finding_does(house, code, ends):
    assert run(house, FAILING="preproc_data/r02", CODE=str(code)).returncode == ends
    assert ("r51_report" in asked(house)[-1]) == (ends == 0)


def ended_by(house: Path, number: int, to_all: bool) -> tuple[int, str]:
    """run.sh's exit code and messages after a signal, sent once a fake Python has noted its process's number."""
    # bash forbids traps of signals that it was started with ignored, as a background job of a shell is
    ours = started(["bash", str(house / "run.sh")], cwd=house, stdout=None, start_new_session=True)
    while not (house / "process.txt").exists():
        assert ours.poll() is None
        time.sleep(0.02)
    (os.killpg if to_all else os.kill)(ours.pid, number)
    messages = ours.communicate(timeout=20)[1]
    assert not Path(f"/proc/{(house / 'process.txt').read_text().strip()}").exists()
    return ours.returncode, messages


NOTED = "echo $$ > new.txt && mv new.txt process.txt && exec"


@pytest.mark.parametrize("to_all", [False, True])
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_to_the_run_alone_or_to_all_of_it_ends_its_step_too(house, name, code, to_all):
    write_program(house / ".venv" / "bin" / "python", f'#!/bin/sh\ncase "$1" in -*) exit ;; esac\n{NOTED} sleep 60\n')
    assert ended_by(house, getattr(signal, name), to_all) == (code, "")


@pytest.mark.parametrize("installs", ["venv", "pip"])
def test_ctrl_c_during_the_installation_ends_it_without_a_traceback(house, installs, monkeypatch):
    shutil.rmtree(house / ".venv") if installs == "venv" else None
    program = f'{sys.executable} -c "import time; time.sleep(60)"'
    base, venv = house / "python-base", house / ".venv" / "bin" / "python"
    write_program(base if installs == "venv" else venv, f'#!/bin/sh\n[ "$1" = -c ] && exit\n{NOTED} {program}\n')
    monkeypatch.setenv("PYTHON", str(base))
    assert ended_by(house, signal.SIGINT, to_all=True) == (130, "")


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


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backend_for_gpus_is_installed_once_and_every_step_runs_on_it(house, backend):
    write_program(house / ".venv" / "bin" / "python", PYTHON.replace('"$*" >>', '"$*, on $KERAS_BACKEND" >>'))
    for installed in (True, False):
        assert run(house, "--gpu-backend", backend).returncode == 0
        text = (house / "asked.txt").read_text()
        assert (f"pip install --disable-pip-version-check -r requirements-gpu-{backend}.txt" in text) == installed
        commands = asked(house)
        assert len(commands) > 10 and all(command.endswith(f", on {backend}") for command in commands)
        (house / "asked.txt").unlink()


@pytest.mark.parametrize("gpu", ["none", "3"])
def test_the_gpu_is_told_to_every_step_that_has_the_option(house, gpu):
    assert run(house, "--gpu", gpu).returncode == 0
    told = [command.partition("/")[2].partition("_")[0] for command in asked(house) if f"--gpu {gpu}" in command]
    assert told == ["r31", "r31", "r31", "r41", "r42", "r52", "r51"]


@pytest.mark.parametrize("recipe", ["d121", "r101", "vote"])
def test_several_gpus_train_the_folds_side_by_side_unless_one_is_chosen(house, recipe):
    two = PYTHON.replace("[", 'case "$*" in "-c "*gpus.count*) echo 2 ;; esac\n[', 1)
    write_program(house / ".venv" / "bin" / "python", two)
    assert run(house, "--recipe", recipe, "--preset", "demo").returncode == 0
    trainings = [command for command in asked(house) if "_train" in command and "--dry-run" not in command]
    script, options = f"{LAST[recipe]}/r30_train_folds.py", "--seed 42 --preset demo --init random --fold 0 --fold 1"
    assert trainings == [f"{script} {options}"]
    assert run(house, "--recipe", recipe, FAILING=script, CODE="3").returncode == 3
    assert asked(house)[-1].startswith(script)
    assert run(house, "--recipe", recipe, "--gpu", "1").returncode == 0
    assert "r30" not in asked(house)[-1] and f"{TRAININGS[recipe][0]} --seed 42 --gpu 1" in asked(house)


@pytest.mark.parametrize("arguments", [("--gpu",), ("--gpu", "-1"), ("--gpu", "x"), ("--gpu-backend", "theano")])
def test_a_gpu_or_a_backend_that_is_not_one_starts_nothing(house, arguments):
    done = run(house, *arguments)
    assert done.returncode == 2 and f"error: {arguments[0]} takes " in done.stderr and not asked(house)


def test_an_installation_shows_its_messages_where_it_fails_and_only_there(house):
    noisy = 'case "$*" in *install*) echo "WARNING: a new pip"; echo "ERROR: why" >&2; exit "$PIP" ;; esac\n'
    write_program(house / ".venv" / "bin" / "python", PYTHON + noisy)
    done = run(house, PIP="1")
    assert done.returncode == 1 and not asked(house)
    assert "WARNING: a new pip" in done.stderr and "ERROR: why" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: pip install -r requirements.txt failed")
    done = run(house, PIP="0")
    assert done.returncode == 0 and "new pip" not in done.stdout + done.stderr and "ERROR" not in done.stderr


def test_on_windows_outside_wsl_nothing_is_started(house):
    write_program(house / "bin" / "uname", "#!/bin/sh\necho MINGW64_NT-10.0-19045\n")
    done = run(house, PATH=f"{house / 'bin'}:{os.environ['PATH']}")
    assert done.returncode == 1 and "on Windows, run it in WSL 2" in done.stderr and not asked(house)


@pytest.mark.parametrize(
    ("arguments", "asks"),
    [
        ((), "-m pytest -n  --dist loadfile --no-loadscope-reorder -m not slow"),
        (("--all",), "-m pytest -n  --dist loadfile --no-loadscope-reorder"),
        (("--all", "-x"), "-m pytest -n  --dist loadfile --no-loadscope-reorder -x"),
        (("tests/test_score.py", "-k", "mcc or auc"), "-m pytest tests/test_score.py -k mcc or auc"),
    ],
)
def test_the_tests_run_in_several_processes_unless_some_of_them_are_named(house, arguments, asks):
    for browser in ("chromium", "chromedriver"):  # else they would be installed
        write_program(house / ".venv" / "bin" / browser, "#!/bin/sh\n")
    assert run(house, *arguments, script="test.sh").returncode == 0
    assert asked(house) == [asks]


@pytest.mark.parametrize("script", ["run.sh", "test.sh"])
def test_what_a_shell_script_asks_of_python_runs(script):
    asked = re.findall("python -c '([^']*)'", (REPOSITORY / script).read_text())
    assert asked
    for code in asked:
        done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and done.stdout.split() and set(done.stdout) <= set("0123456789 \n"), done.stderr
