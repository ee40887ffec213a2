"""Every numbered script answers --help at once: nothing heavy is loaded by then, and its work is in the package."""

import re
import subprocess
import sys

import pytest
from house import REPOSITORY

from stagewise.data.kinds import CLIPS, XRAYS
from stagewise.files import paths

SCRIPTS = sorted(REPOSITORY.glob("*/r[0-9][0-9]_*.py"))
# Each script in a fork of one process that has loaded what most of them share, and no more: 0.2 s less a script.
HELP = """
import multiprocessing, runpy, sys
import stagewise.console.cli, stagewise.recipes.d121, stagewise.training.stage

HEAVY = {"keras", "tensorflow", "jax", "torch", "pandas", "sklearn", "av"}

def answer(script):
    sys.argv = [script, "--help"]
    sys.path.insert(0, script.rpartition("/")[0])
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        assert not end.code, end
    assert not HEAVY & set(sys.modules), HEAVY & set(sys.modules)

assert not HEAVY & set(sys.modules)
for script in sys.argv[1:]:
    process = multiprocessing.get_context("fork").Process(target=answer, args=(script,))
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(script)
"""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: f"{script.parent.name}/{script.name}")
def test_a_script_is_short_and_has_the_line_that_ctrl_c_needs(script):
    docstring, _, code = script.read_text().partition('\n"""\n\nimport stagewise.first_line  # ')
    assert code
    assert len((docstring + code).splitlines()) <= 80  # what it does is in the package


def test_every_script_answers_help_with_nothing_heavy_loaded():
    assert len(SCRIPTS) > 20
    command = [sys.executable, "-c", HELP, *map(str, SCRIPTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("usage: ") == len(SCRIPTS)
    told = {CLIPS.own(): [], XRAYS.own(): []}  # the splits that scripts say they read where none is given
    for script, text in zip(SCRIPTS, done.stdout.split("usage: ")[1:], strict=True):
        own = (XRAYS if script.parent.name == "pneumothorax" else CLIPS).own()
        told[own] += re.findall(r"split table \(default: (\S+)\)", " ".join(text.split()))
    for own, splits in told.items():
        assert len(splits) > 5 and set(splits) == {paths.shown(own)}
    said = " ".join(done.stdout.split())
    for start in ("imagenet, made by r04", "kinetics, made by r04", "random"):  # which needs no file
        assert f"where the weights start (default: {start})" in said
    assert "random, made by" not in said
