"""What r03 and r50 say to a user whose tables do not fit together."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from house import main_of

from stagewise.crops.extraction import write_index
from stagewise.data.split_checks import require_learnable
from stagewise.data.split_flaws import flaws
from stagewise.data.splits import read_split
from stagewise.data.tables import ROI_INDEX
from stagewise.files import paths
from stagewise.messages.errors import InputError
from stagewise.recipes.vote import THRESHOLDS

REPOSITORY = Path(__file__).parents[1]
ANSWERING = {  # by the folder of r50, in its order
    "net_d121_stage3_tier1": ["net_d121_stage3_tier1"],
    "second_place_r101": ["second_place_r101_run2"],
    "third_place_vote": list(THRESHOLDS),
}
NAMES = [f"{100000 + number}.mp4" for number in range(8)]


@pytest.fixture
def run(monkeypatch):
    """A script's main in this process, on the test's root."""

    def run(script, *arguments):
        main = main_of(REPOSITORY / script)
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        main()

    return run


@pytest.fixture
def r03(root, run):
    """r03 on eight videos, after a change of labels and metadata; returns the split's table."""
    sizes = dict.fromkeys(ROI_INDEX, "9") | {"sha256": "0" * 64, "status": "ok", "reason": ""}
    write_index("train", [sizes | {"filename": name} for name in NAMES])
    labels = pd.DataFrame({"filename": NAMES, "stalled": [0, 1] * 4})
    metadata = pd.DataFrame({"filename": NAMES, "project_id": list("AABBCCDD"), "num_frames": 9, "crowd_score": 0.5})

    def r03(*arguments, output="split.csv", change_labels=lambda table: table, change_metadata=lambda table: table):
        paths.input_folder().mkdir(exist_ok=True)
        change_labels(labels).to_csv(paths.input_folder() / "train_labels.csv", index=False)
        if (changed := change_metadata(metadata.assign(tier1=True))) is not None:
            changed.to_csv(paths.input_folder() / "train_metadata.csv", index=False)
        run("preproc_data/r03_gen_kfold_split.py", "--output", str(root / output), *arguments)
        return read_split(root / output).table

    return r03


def test_the_label_counts_where_metadata_has_a_column_stalled_too(r03):
    split = r03("--folds", "2", change_metadata=lambda table: table.assign(stalled=7))
    assert split["stalled"].tolist() == [0, 1] * 4


def test_rows_of_metadata_in_another_order_and_of_other_videos_go_to_the_label_of_their_name(r03):
    def changed(table):
        more = table.iloc[:1].assign(filename="other.mp4", project_id="X")
        return pd.concat([table[::-1], more]).assign(num_frames=lambda rows: rows["filename"])

    split = r03("--folds", "2", change_labels=lambda table: table[1:], change_metadata=changed)
    assert split["filename"].tolist() == split["num_frames"].tolist() == NAMES[1:]
    assert split["project_id"].tolist() == list("ABBCCDD")


def test_a_column_of_both_tables_is_there_once(r03):
    split = r03("--group", "project_id", "--folds", "2", change_labels=lambda table: table.assign(project_id="?"))
    assert split.groupby("project_id")["fold"].nunique().max() == 1
    assert sorted(split["project_id"].unique()) == list("ABCD")


@pytest.mark.parametrize(
    ("changes", "arguments", "message"),
    [
        (
            {"change_metadata": lambda table: table[2:]},
            (),
            "2 labelled videos, first 100000.mp4, have no row in input/train_metadata.csv; .*r02_verify_data.py",
        ),
        (
            {"change_labels": lambda table: table.assign(filename="9" + table["filename"])},
            (),
            "no video of input/train_labels.csv has a volume; .*r02_verify_data.py",
        ),
        (
            {"change_metadata": lambda table: table.assign(filename="0" + table["filename"])},
            (),
            r"have no row in input/train_metadata.csv \(100000.mp4: 0100000.mp4 differs in leading zeros\); to see",
        ),
        (
            {"change_labels": lambda table: table.assign(filename=table["filename"].str.upper())},
            (),
            r"has a volume \(100000.MP4: 100000.mp4 differs in upper and lower case\); .*r02_verify_data.py",
        ),
        (
            {},
            (),
            r"no stage could be trained on these folds: fold 0 has no flowing clip, .*, and 1 more such; "
            r"run: python preproc_data/r03_gen_kfold_split.py --folds 4 --stratify --output \S*split.csv; "
            r"or run: python preproc_data/r03_gen_kfold_split.py --folds 3 --output \S*split.csv$",
        ),
        (
            {"change_metadata": lambda table: table.assign(tier1=False)},
            ("--folds", "2"),
            "no row is of tier 1, .*; correct tier1 in the training tables, or take the column out, .*--folds 2",
        ),
        (
            {"change_labels": lambda table: table.assign(stalled=0)},
            (),
            "no stalled clip.*; add videos of the missing class",
        ),
        ({}, ("--stratify", "stalled, animal"), "no column animal in the training tables; .* with --stratify"),
        ({}, ("--folds", "9"), "8 videos cannot fill 9 folds; ask for fewer with --folds"),
        ({}, ("--folds", "5", "--group", "project_id"), "4 groups of the same project_id cannot fill 5 folds"),
        ({}, ("--output", "."), "--output . is a folder; name a CSV file"),
    ],
)
def test_r03_refuses_what_does_not_fit_with_the_mend(r03, root, changes, arguments, message):
    with pytest.raises(InputError, match=message):
        r03(*arguments, **changes)
    assert not (root / "split.csv").exists()


def test_what_r03_names_as_a_way_out_is_one(r03, root):
    with pytest.raises(InputError) as error:
        r03()
    for command in str(error.value).split("run: ")[1:]:
        (root / "split.csv").unlink(missing_ok=True)
        split = r03(*shlex.split(command.partition("; or")[0])[2:])
        assert not flaws(split, split["fold"].unique())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"change_metadata": lambda table: None}, "every video is of tier 1"),
        (
            {"change_metadata": lambda table: table.drop(columns=["tier1", "crowd_score", "num_frames"])},
            "every video is",
        ),
        ({"change_metadata": lambda table: table.assign(tier1="")}, "every video is of tier 1"),
        ({"change_metadata": lambda table: table.assign(tier1="Y", crowd_score="?", num_frames="")}, ""),
        ({"change_labels": lambda table: table.assign(filename=table["filename"].str[:-4])}, ""),
        ({"change_labels": lambda table: table.assign(stalled=table["stalled"].map({0: "flowing", 1: "stalled"}))}, ""),
    ],
)
def test_what_nothing_reads_may_be_missing_or_otherwise(r03, capsys, changes, said):
    split = r03("--folds", "2", **changes)
    assert split["filename"].tolist() == NAMES and split["stalled"].tolist() == [0, 1] * 4
    assert said in capsys.readouterr().out if said else "tier 1" not in capsys.readouterr().out
    require_learnable(read_split(paths.root() / "split.csv"), [0, 1])


def test_labels_without_a_volume_are_counted_aloud(r03, capsys):
    r03("--folds", "2", change_labels=lambda table: pd.concat([table, table[:1].assign(filename="9.mp4")]))
    assert "1 labelled videos have no volume and are left out" in capsys.readouterr().out


def test_decimal_commas_of_the_metadata_are_points_in_the_split(r03, run, root):
    r03("--folds", "2")
    metadata = paths.input_folder() / "train_metadata.csv"
    table = pd.read_csv(metadata).assign(crowd_score=["0,75", "1,0"] * 4)
    table.to_csv(metadata, index=False, sep=";")
    run("preproc_data/r03_gen_kfold_split.py", "--output", str(root / "excel.csv"), "--folds", "2", "--force")
    split = read_split(root / "excel.csv")
    assert split.table["crowd_score"].tolist() == ["0.75", "1.0"] * 4
    of_no_tier = replace(split, table=split.table.assign(tier1=False))
    assert of_no_tier.surely_stalled(0.9).tolist() == [False, True] * 4


def test_r03_says_how_to_use_a_split_of_another_name(r03, run, root, capsys):
    r03("--folds", "2")
    assert f"give every later script: --split {root / 'split.csv'}" in capsys.readouterr().out
    (root / "input" / "phantom_test_labels.csv").touch()
    with pytest.raises(InputError, match=f"next: python net_d121_stage1/.* --split {root / 'split.csv'}"):
        run("preproc_data/r03_gen_kfold_split.py", "--output", str(root / "split.csv"))


def test_a_split_of_a_name_with_a_space_is_named_as_it_is_typed(r03, root, capsys):
    r03("--folds", "2", output="my split.csv")
    assert f"give every later script: --split '{root / 'my split.csv'}'" in capsys.readouterr().out
    assert read_split(Path("my split.csv")).path == root / "my split.csv"  # as the report names it, from any folder
    with pytest.raises(InputError, match=f"--output '{root / 'no split.csv'}'$"):
        read_split(root / "no split.csv")


@pytest.mark.parametrize("name", ["own.csv", "own.csv.gz", "own.csv.xz", "own.csv.zip", "own.csv.bz2", "OWN.CSV.GZ"])
def test_what_r03_writes_under_any_name_the_next_script_reads(r03, root, name):
    assert set(r03("--folds", "2", output=name)["fold"]) == {0, 1}


@pytest.fixture
def stage1(root, run):
    """A dry run of stage 1 on a split of the eight videos, with changes of its columns."""
    columns = {"filename": NAMES, "stalled": [0, 1] * 4, "fold": [0, 0, 1, 1, 2, 2, -1, -1], "tier1": True}

    def stage1(*arguments, **changes):
        pd.DataFrame(columns | changes).dropna(axis="columns").to_csv(root / "own.csv", index=False)
        paths.roi_folder("train").mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            paths.volume_path("train", name).touch()
        words = ("--preset", "demo", "--init", "random", "--dry-run", "--split", str(root / "own.csv"))
        run("net_d121_stage1/r31_train.py", *words, *arguments)

    return stage1


@pytest.mark.parametrize(
    ("changes", "arguments", "flaw"),
    [
        ({"tier1": False}, (), "no row is of tier 1"),
        ({"tier1": ["y"] * 4 + ["n"] * 4}, (), "fold 2 has no flowing and no stalled clip of tier 1"),
        ({"tier1": [1, 1, 1, 0, 1, 1, 1, 1]}, (), "fold 1 has no stalled clip of tier 1"),
        (
            {"tier1": [1, 1, 0, 0, 1, 0, 0, 0]},
            ("--fold", "0"),
            "the training rows of fold 0 have no stalled clip of tier 1",
        ),
        ({"stalled": [0, 0, 0, 1, 0, 1, 0, 1]}, (), "fold 0 has no stalled clip"),
        ({"tier1": ["maybe"] * 8}, (), "line 2: tier1 'maybe' is neither True nor False"),
    ],
)
def test_stage_1_refuses_what_a_later_stage_could_not_read(stage1, changes, arguments, flaw):
    with pytest.raises(InputError, match=rf"own\.csv.*{flaw}.*correct it"):
        stage1(*arguments, **changes)


@pytest.mark.parametrize(
    ("changes", "arguments", "said"),
    [
        ({"tier1": ["y"] * 4 + ["n"] * 4}, ("--fold", "0", "--fold", "1"), "trains on 6 clips (3 stalled)"),
        ({"tier1": None}, (), "own.csv has no column tier1: every row is of tier 1"),
        ({"filename": [name[:-4] for name in NAMES]}, (), "trains on 6 clips (3 stalled)"),
    ],
)
def test_stage_1_takes_what_every_stage_can_read(stage1, capsys, changes, arguments, said):
    for name in NAMES:
        paths.videos_folder("train").mkdir(parents=True, exist_ok=True)
        (paths.videos_folder("train") / name).touch()
    stage1(*arguments, **changes)
    assert said in capsys.readouterr().out


def test_a_volume_of_nearly_the_same_name_is_told(stage1):
    with pytest.raises(
        InputError, match=r"no volume 0100002.mp4.pklz, .* \(0100002.mp4: 100002.mp4 differs in leading z"
    ):
        stage1(filename=["0" + name for name in NAMES])


@pytest.fixture(params=ANSWERING)
def folder(request):
    return request.param


@pytest.fixture
def answered(root, folder):
    """A submission, probabilities of each stage of the folder, and the phantom's answers to them."""
    paths.input_folder().mkdir()
    paths.submission_folder().mkdir()
    rows = "".join(f"{name},{number % 2}\n" for number, name in enumerate(NAMES))
    files = {
        "truth": (paths.input_folder() / "phantom_test_labels.csv", "stalled"),
        "answers": (paths.submission_folder() / "submission.csv", "stalled"),
        **{stage: (paths.test_csv(stage), "probability") for stage in ANSWERING[folder]},
    }
    for path, column in files.values():
        path.write_text(f"filename,{column}\n{rows}")
    return {name: path for name, (path, _) in files.items()} | {"means": path}


def test_r50_scores_the_answers(answered, folder, run, capsys):
    run(f"{folder}/r50_score_phantom.py")
    aucs = [f"1.000{f' ({stage})' * (len(ANSWERING[folder]) > 1)}" for stage in ANSWERING[folder]]
    assert f"MCC 1.000, ROC AUC {', '.join(aucs)}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("table", "old", "new", "message"),
    [
        ("truth", None, None, "phantom_test_labels.csv is not there; only phantom data has known answers"),
        ("answers", None, None, "submission.csv is not there; run: python {folder}/r42_process_test.py"),
        ("answers", "100003", "900003", "submission.csv, line 5: filename '900003.mp4' is not one of 100000.mp4"),
        ("means", None, None, "{stage}_test.csv is not there; run: python {folder}/r42_process_test.py"),
        ("means", "100003", "900003", "{stage}_test.csv, line 5: filename '900003.mp4' is not one of"),
        ("means", ",1", ",nan", "{stage}_test.csv, line 3: probability 'nan' is not a number .*r42_process_test.py"),
    ],
)
def test_r50_refuses_tables_that_do_not_fit_with_the_mend(answered, folder, run, table, old, new, message):
    path = answered[table]
    path.write_text(path.read_text().replace(old, new)) if old else path.unlink()
    with pytest.raises(InputError, match=message.format(folder=folder, stage=ANSWERING[folder][-1])):
        run(f"{folder}/r50_score_phantom.py")
