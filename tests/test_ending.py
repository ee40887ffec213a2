"""The last lines of the numbered scripts: what was written, and a next command that works."""

import argparse
import sys
from pathlib import Path

import pytest
from house import main_of

from stagewise.console import cli
from stagewise.console.ending import CARRIED, carried, command, ending, first_training
from stagewise.files import paths

REPOSITORY = Path(__file__).parents[1]
TRAIN, ANSWER = "net_d121_stage2_auc/r31_train.py", "net_d121_stage3_tier1/r41_process_oof.py"
EVERY = tuple(cli.OPTIONS)


def given(*words: str) -> argparse.Namespace:
    return cli.parser("doc", *EVERY).parse_args(words)


def test_what_was_written_is_shown_as_paths_and_nothing_is_not_shown(root):
    written = [root / "subm" / "a.csv", Path("/elsewhere/b.csv")]
    assert ending(written, "python x.py") == "wrote subm/a.csv, /elsewhere/b.csv\nnext: python x.py"
    assert ending([], "python x.py") == "next: python x.py"


def test_options_are_carried_where_they_were_given_and_the_next_script_has_them():
    assert command(TRAIN, given()) == f"python {TRAIN}"
    some = ("--preset", "demo", "--split", "my split.csv", "--fold", "3", "--fold", "1")
    assert command(TRAIN, given(*some)) == f"python {TRAIN} --preset demo --split 'my split.csv' --fold 3 --fold 1"
    assert command(ANSWER, given(*some)) == f"python {ANSWER} --split 'my split.csv' --fold 3 --fold 1"
    assert command(TRAIN, given("--gpu", "0", "--workers", "0", "--seed", "0")).endswith("--gpu 0 --workers 0 --seed 0")
    assert command(TRAIN, given("--force", "--dry-run", "--keep-going")) == f"python {TRAIN}"
    assert command("x/r50_score_phantom.py", given(*some)) == "python x/r50_score_phantom.py"


def test_cores_of_a_cluster_are_carried_to_what_works_on_it_alone():
    before = given("--cluster", "auto", "--workers", "640", "--split", "my.csv")
    assert command(ANSWER, before) == f"python {ANSWER} --split my.csv"
    extract = "preproc_data/r01_extract_roi.py"
    assert command(extract, before, "test", "--cluster", "auto").endswith("test --cluster auto --workers 640")


SCRIPTS = sorted(str(path.relative_to(REPOSITORY)) for path in REPOSITORY.glob("*/r[0-9][0-9]_*.py"))


@pytest.mark.parametrize("script", [script for script in SCRIPTS if carried(script)])
def test_every_script_has_the_options_that_are_carried_to_it(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    with pytest.raises(SystemExit):
        main_of(REPOSITORY / script)()
    shown = capsys.readouterr().out
    assert all(f"--{option}" in shown for option in carried(script))


def test_every_start_of_a_name_is_that_of_a_script():
    assert set(map(carried, SCRIPTS)) - {()} == set(CARRIED.values())


def test_training_begins_with_what_the_data_and_the_weights_allow(root):
    before = given("--split", "my.csv")
    assert first_training(before) == "python preproc_data/r04_inflate_imagenet.py"
    paths.models_folder().mkdir()
    paths.imagenet_weights().touch()
    assert first_training(before) == "python net_d121_stage1/r31_train.py --split my.csv"
    paths.input_folder().mkdir()
    (paths.input_folder() / "phantom_test_labels.csv").touch()
    assert first_training(before) == ("python net_d121_stage1/r31_train.py --preset demo --init random --split my.csv")
