"""Verification finds each kind of disagreement between the files, and nothing in whole data."""

import os
import shutil
import sys
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from house import main_of

from stagewise.checks import volume_checks
from stagewise.checks.verification import labelled_groups, unanswerable, verify
from stagewise.crops.extraction import plan, write_index
from stagewise.data.tables import ROI_INDEX
from stagewise.files import paths
from stagewise.files.shards import Shard
from stagewise.messages.errors import InputError, QuarantinedError
from stagewise.volumes.pklz import load_volume, save_volume

SCRIPT = Path(__file__).parents[1] / "preproc_data" / "r02_verify_data.py"
TRAIN = [f"10000{number}.mp4" for number in range(6)]
TEST = ["200000.mp4", "200001.mp4"]


def write_csv(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(path, index=False)


def change(path, function):
    """Rewrite a table as text by a function of its lines."""
    path.write_text("\n".join(function(path.read_text().splitlines())) + "\n")


def make_volumes(subset, filenames):
    rows = []
    for seed, name in enumerate(filenames):
        shape = (5 + seed, 20, 30, 3)
        volume = np.random.default_rng([seed, len(subset)]).integers(0, 256, shape, dtype=np.uint8)
        sha256 = save_volume(paths.volume_path(subset, name), volume)
        cells = (name, shape[0], 20, 30, 1, 1, 21, 31, shape[0], 9, sha256, "ok", "", "")
        rows.append(dict(zip(ROI_INDEX, cells, strict=True)))
        video = paths.videos_folder(subset) / name
        video.parent.mkdir(parents=True, exist_ok=True)
        video.touch()
    write_index(subset, rows)


@pytest.fixture
def data(root):
    """Whole data: six training videos in two folds, two test videos."""
    folder = paths.input_folder()
    make_volumes("train", TRAIN)
    make_volumes("test", TEST)
    write_csv(folder / "train_labels.csv", filename=TRAIN, stalled=[0, 1] * 3)
    counts = range(5, 11)
    write_csv(
        folder / "train_metadata.csv",
        **dict(filename=TRAIN, project_id="A", num_frames=counts, crowd_score=0.5, tier1=True),
    )
    write_csv(folder / "test_metadata.csv", filename=TEST, num_frames=[5, 6])
    write_csv(folder / "submission_format.csv", filename=TEST, stalled=0)
    write_csv(paths.split_csv(), filename=TRAIN, stalled=[0, 1] * 3, fold=[0, 0, 1, 1, -1, -1])
    return folder


def findings():
    return [str(finding) for finding in verify(None, workers=0).findings]


def test_whole_data_has_no_problem(data):
    found = verify(None, workers=0)
    assert found.findings == []
    assert "fold 1: 1 flowing, 1 stalled" in found.notes
    assert any(note.startswith("sizes and grey level alone: left out, 3 stalled") for note in found.notes)


def test_sizes_and_grey_levels_of_whole_volumes_are_asked_what_they_tell(data, monkeypatch):
    asked = []
    monkeypatch.setattr("stagewise.checks.giveaways.giveaway_notes", lambda table: asked.append(table) or ["told"])
    damage(data)
    assert "told" in verify(None, workers=0).notes
    (table,) = asked
    assert list(table["filename"]) == [name for name in TRAIN if name != TRAIN[2]]
    levels = [load_volume(paths.volume_path("train", name)).mean() for name in table["filename"]]
    np.testing.assert_allclose(table["grey_level"], levels)
    assert list(table["frames"]) == [5, 6, 8, 9, 10] and set(table["project_id"]) == {"A"}


def widen_split(column, cell):
    """A column of the split that some recipes choose rows by, with a bad cell in a stalled row of another tier."""
    table = pd.read_csv(paths.split_csv(), dtype=str).assign(tier1=["True", "False"] * 3)
    table[column] = "0"
    table.loc[1, column] = cell
    table.to_csv(paths.split_csv(), index=False)


def drop_last(lines):
    return lines[:-1]


def damage(data):
    path = paths.volume_path("train", TRAIN[2])
    path.write_bytes(path.read_bytes()[:-1])


def exchange(data):
    one, other = (paths.volume_path("train", name) for name in TRAIN[:2])
    other.write_bytes(one.read_bytes())


def resave(data):
    volume = np.zeros((5, 20, 30, 3), np.uint8)  # the size of the index, other pixels
    save_volume(paths.volume_path("test", TEST[0]), volume)


def quarantine(lines):
    return [*lines[:-1], f"{TRAIN[5]},0,0,0,0,0,0,0,0,0,,quarantined,cut off"]


def same_content(subset, place, of=0):
    """Give a row of an index the content of another of train's rows."""

    def copy(data):
        sizes = paths.roi_index("train").read_text().splitlines()[1 + of].partition(",")[2]
        name = (TRAIN if subset == "train" else TEST)[place]
        change(paths.roi_index(subset), lambda lines: [*lines[: place + 1], f"{name},{sizes}", *lines[place + 2 :]])
        source = paths.volume_path("train", TRAIN[of])
        paths.volume_path(subset, name).write_bytes(source.read_bytes())

    return copy


CASES = {
    "label missing": (
        lambda data: change(data / "train_labels.csv", drop_last),
        "train videos without a label (1): 100005.mp4",
    ),
    "video missing": (
        lambda data: change(data / "train_labels.csv", lambda lines: [*lines, "300000.mp4,1"]),
        "labels without a train video (1): 300000.mp4",
    ),
    "label twice": (
        lambda data: change(data / "train_labels.csv", lambda lines: [*lines, lines[1]]),
        "input/train_labels.csv, line 8: filename '100000.mp4' stands there a second time",
    ),
    "metadata missing": (
        lambda data: change(data / "train_metadata.csv", drop_last),
        "labelled train videos without metadata (1): 100005.mp4",
    ),
    "other frames": (
        lambda data: change(
            data / "train_metadata.csv", lambda lines: [line.replace(",10,", ",11,") for line in lines]
        ),
        "train videos with more or fewer frames than the metadata says (1): 100005.mp4 (has 10, num_frames is 11); put",
    ),
    "no number of frames": (
        lambda data: change(data / "test_metadata.csv", lambda lines: [*lines[:-1], f"{TEST[1]},many"]),
        "input/test_metadata.csv, line 3: num_frames 'many' is not a number; correct it",
    ),
    "tier 1 nowhere": (
        lambda data: (
            paths.split_csv().unlink()
            or change(data / "train_metadata.csv", lambda lines: [line.replace("True", "no") for line in lines])
        ),
        "the labelled volumes of tier 1 without a video of class (2): flowing, stalled; correct tier1, or take",
    ),
    "not extracted": (
        lambda data: (data / "train" / "300000.mp4").touch(),
        "train videos that were not extracted (1): 300000.mp4; run: python preproc_data/r01_extract_roi.py train",
    ),
    "damaged": (damage, "train volumes that cannot be used (1): 100002.mp4 (ends before its checksum"),
    "exchanged": (exchange, "100001.mp4 (holds (5, 20, 30) frames, height, width; the index says (6, 20, 30))"),
    "changed": (resave, "test volumes that cannot be used (1): 200000.mp4 (changed since its extraction)"),
    "volume missing": (
        lambda data: paths.volume_path("test", TEST[1]).unlink(),
        "test volumes that cannot be used (1): 200001.mp4 (is not there)",
    ),
    "volume unknown": (
        lambda data: save_volume(paths.volume_path("train", "9.mp4"), np.zeros((1, 1, 1, 3), np.uint8)),
        "train volumes without a row in the index (1): 9.mp4; delete them from modified_data/roi_parts/train",
    ),
    "quarantined": (
        lambda data: change(paths.roi_index("train"), quarantine),
        "train videos quarantined (1): 100005.mp4 (cut off)",
    ),
    "test in train": (
        lambda data: change(data / "submission_format.csv", lambda lines: [*lines, "100001.mp4,0"]),
        "test names among the training names (1): 100001.mp4",
    ),
    "test content in train": (
        same_content("test", 0),
        "crops that are in train and in test (2): 100000.mp4, 200000.mp4",
    ),
    "content twice": (same_content("train", 2), "equal crops under several names (2): 100000.mp4, 100002.mp4"),
    "content twice, and other content in test": (
        lambda data: [same_content("train", 2)(data), same_content("test", 0, of=4)(data)],
        "equal crops under several names (2): 100000.mp4, 100002.mp4",
    ),
    "format short": (
        lambda data: change(data / "submission_format.csv", drop_last),
        "test metadata without a row in submission_format (1): 200001.mp4",
    ),
    "test metadata short": (
        lambda data: change(data / "test_metadata.csv", drop_last),
        "submission_format names without test metadata (1): 200001.mp4",
    ),
    "test volume not made": (
        lambda data: change(paths.roi_index("test"), drop_last),
        "submission_format names without a test volume (1): 200001.mp4",
    ),
    "fold of one class": (
        lambda data: change(
            paths.split_csv(), lambda lines: [line.replace("3.mp4,1,1", "3.mp4,1,0") for line in lines]
        ),
        "the split cannot be trained on (1): fold 1 has no stalled clip; run: python",
    ),
    "split contradicts": (
        lambda data: change(paths.split_csv(), lambda lines: [line.replace("4.mp4,0", "4.mp4,1") for line in lines]),
        "split rows that contradict train_labels.csv (1): 100004.mp4",
    ),
    "split of others": (
        lambda data: change(paths.split_csv(), lambda lines: [*lines, "300000.mp4,0,1"]),
        "split rows without a volume (1): 300000.mp4",
    ),
}

CASES |= {
    f"split with a bad {column}": (
        lambda data, column=column, cell=cell: widen_split(column, cell),
        f"kfold_split_5_42.csv, line 3: {column} '{cell}' is n",
    )
    for column, cell in (("crowd_score", ""), ("crowd_score", "high"), ("micro", "x"))
}


@pytest.mark.parametrize(("harm", "finding"), CASES.values(), ids=CASES.keys())
def test_each_harm_is_found(data, harm, finding):
    harm(data)
    found = findings()
    assert any(finding in line for line in found), found


def test_all_groups_hold_labelled_videos_whose_volume_passed(data):
    damage(data)
    change(data / "train_labels.csv", drop_last)
    change(paths.split_csv(), lambda lines: [*lines, "300000.mp4,0,1"])
    groups = {name: set(rows["filename"]) for name, rows in labelled_groups(verify(None, workers=0)).items()}
    assert groups == {
        "all": {TRAIN[0], TRAIN[1], TRAIN[3], TRAIN[4]},
        "fold -1": {TRAIN[4]},
        "fold 0": {TRAIN[0], TRAIN[1]},
        "fold 1": {TRAIN[3]},
    }


def test_the_mend_of_an_own_split_is_to_correct_it(data, root):
    path = root / "own.csv"
    path.write_text(paths.split_csv().read_text() + "200000.mp4,0,1\n")
    found = [str(finding) for finding in verify(path, workers=0).findings]
    assert f"test names in the split (1): 200000.mp4; correct {path}" in found


def test_an_empty_house_lacks_its_labels_and_volumes_and_nothing_else(root):
    found = findings()
    assert len(found) == 2 and all("is not there; " in line for line in found)


def test_labelled_videos_that_the_split_lacks_are_told(data):
    change(paths.split_csv(), drop_last)
    found = verify(None, workers=0)
    assert found.findings == []  # a split may be a part
    (note,) = (note for note in found.notes if "not in the split" in note)
    assert note.startswith("1 labelled videos, first 100005.mp4, are")
    assert note.endswith("python preproc_data/r03_gen_kfold_split.py --force")


def test_two_columns_of_labels_and_volumes_are_enough(data):
    for name in ("train_metadata", "test_metadata", "submission_format"):
        (data / f"{name}.csv").unlink()
    found = verify(None, workers=0)
    assert found.findings == []
    notes = "\n".join(found.notes)
    assert "no input/train_metadata.csv: the labels' columns are all" in notes
    assert "no input/submission_format.csv: all test videos are answered" in notes
    assert "kfold_split_5_42.csv has no column tier1: every row is of tier 1" in notes and "no test set" not in notes


def test_without_a_test_set_nothing_is_missing(data):
    for path in (data / "test_metadata.csv", data / "submission_format.csv", paths.roi_index("test")):
        path.unlink()
    shutil.rmtree(data / "test")
    found = verify(None, workers=0)
    assert found.findings == [] and "no test set: training and scores out of fold, and no answers" in found.notes


def test_a_test_name_that_is_nearly_a_videos_is_told_and_stops_no_training(data):
    change(data / "submission_format.csv", lambda lines: [line.replace("200001", "0200001") for line in lines])
    found = verify(None, workers=0).findings
    assert [finding.optional for finding in found] == [True, True]  # the metadata's row, and the volume
    assert all("0200001.mp4 (200001.mp4 differs in leading zeros)" in str(finding) for finding in found)


def test_damage_to_test_clips_stops_no_training(data):
    resave(data)
    paths.volume_path("test", TEST[1]).unlink()
    change(paths.roi_index("test"), lambda lines: [*lines[:-1], f"{TEST[1]},0,0,0,0,0,0,0,0,0,,quarantined,cut off"])
    found = verify(None, workers=0).findings
    assert len(found) == 3 and all(finding.optional for finding in found)


@pytest.mark.parametrize(
    ("video", "label", "difference"),
    [
        ("0007.mp4", "7.mp4", "leading zeros"),
        ("A.mp4", "a.mp4", "upper and lower case"),
        ("a.mp4", "a.MP4", "upper and lower case"),
        ("mouse 1.mp4", "mouse1.mp4", "spaces"),
        (
            unicodedata.normalize("NFD", "é.mp4"),
            unicodedata.normalize("NFC", "é.mp4"),
            "the Unicode form of its letters",
        ),
        ("a.avi", "a.mp4", "its suffix"),
        ("Mouse 01.mp4", "mouse1.mp4", "upper and lower case and leading zeros and spaces"),
    ],
)
def test_a_name_that_is_nearly_a_videos_is_told_with_what_differs(data, video, label, difference):
    names = [*TRAIN[:-1], video]
    make_volumes("train", names)
    (data / "train" / TRAIN[-1]).unlink()
    paths.volume_path("train", TRAIN[-1]).unlink()
    (data / "train_metadata.csv").unlink()
    change(data / "train_labels.csv", lambda lines: [*lines[:-1], f"{label},1"])
    paths.split_csv().unlink()
    what = "labels without a train video, but for one of nearly the same name (1)"
    (found,) = verify(None, workers=0).findings
    assert str(found) == f"{what}: {label} ({video} differs in {difference}); spell them alike"
    assert not found.optional


S_TIER = {  # columns of a split of six clips, and what every stage would make of them
    "one fold without tier 1": (dict(tier1=[1, 1, 0, 0, 1, 1]), "fold 1 has no flowing and no stalled clip of tier 1"),
    "one class in tier 1 of a fold": (dict(tier1=[1, 1, 1, 0, 1, 1]), "fold 1 has no stalled clip of tier 1"),
    "one class to train on": (
        dict(tier1=[1, 1, 1, 0, 1, 0], fold=[0, 0, 1, 1, 1, -1]),
        "the training rows of fold 0 have no stalled clip of tier 1",
    ),
    "none": (dict(tier1=["no"] * 6), "no row is of tier 1"),
    "other words": (
        dict(tier1=["yes", "Y", "no", "n", "t", "f"]),
        "fold 1 has no flowing and no stalled clip of tier 1",
    ),
}


@pytest.mark.parametrize(("columns", "flaw"), S_TIER.values(), ids=S_TIER)
def test_a_split_is_looked_at_as_the_last_stage_reads_it(data, root, columns, flaw):
    path = root / "own.csv"
    write_csv(path, **dict(filename=TRAIN, stalled=[0, 1] * 3, fold=[0, 0, 1, 1, -1, -1]) | columns)
    (found,) = verify(path, workers=0).findings
    assert any(name.startswith(flaw) for name in found.names) and not found.optional
    assert "correct its column tier1" in found.mend and "r03" not in found.mend


@pytest.mark.parametrize("words", [("yes", "no"), ("Y", "n"), ("1", "0")])
def test_tiers_in_other_words_are_as_good(data, root, words):
    path = root / "own.csv"
    tier1 = [words[0]] * 4 + [words[1]] * 2
    write_csv(path, filename=TRAIN, stalled=[0, 1] * 3, fold=[0, 0, 1, 1, -1, -1], tier1=tier1)
    assert verify(path, workers=0).findings == []


def test_that_the_metadata_has_tiers_which_the_split_lacks_is_said_aloud(data):
    assert any(
        note.endswith("has no column tier1: every row is of tier 1, though input/train_metadata.csv has one")
        for note in verify(None, workers=0).notes
    )


def test_a_name_that_is_no_text_is_listed_in_one_line(data):
    (data / "train" / os.fsdecode(b"caf\xe9\n.mp4")).touch()
    assert any(r"not extracted (1): 'caf\udce9\n.mp4'; run" in line for line in findings())
    with pytest.raises(InputError, match=r"input/train: the video's name .* cannot be printed; rename it"):
        plan("train")


def test_a_crop_in_doubt_is_a_note_with_its_reason_and_no_problem(data):
    change(paths.roi_index("train"), lambda lines: [*lines[:2], f'{lines[2][:-1]}"cut, by the outline",', *lines[3:]])
    checked = verify(None, workers=0)
    assert "train: 1 of 6 crops in doubt, first 100001.mp4 (cut, by the outline)" in checked.notes
    assert not checked.findings and not any("test: " in note and "doubt" in note for note in checked.notes)


def test_all_problems_are_collected(data):
    damage(data)
    change(data / "train_labels.csv", drop_last)
    change(data / "submission_format.csv", lambda lines: lines[:1])
    found = "\n".join(findings())
    for part in ("cannot be used", "without a label", "submission_format.csv: no rows after the header"):
        assert part in found


@pytest.fixture
def run_script(monkeypatch):
    """The script's main in this process; an error ends with its exit code."""
    main = main_of(SCRIPT)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--workers", "0", *arguments])
        main()

    return run


def test_script_draws_and_ends_with_the_right_code(data, run_script, capsys):
    run_script()
    assert "no problems" in capsys.readouterr().out
    folder = paths.modified_data_folder() / "verify"
    for name in ("crop_sizes.png", "class_share.png", "contact_sheet.png"):
        picture = cv2.imread(str(folder / name))
        assert picture.std() > 10, name  # something is drawn

    change(data / "train_labels.csv", lambda lines: [*lines, "300000.mp4,1"])  # a video not downloaded
    with pytest.raises(InputError, match="to go on with it alone: --keep-going"):  # exit code 2
        run_script()
    with pytest.raises(QuarantinedError):  # exit code 5
        run_script("--keep-going")
    damage(data)
    with pytest.raises(InputError, match=r"100002\.mp4 \(ends before"):
        run_script("--keep-going")
    problems = pd.read_csv(folder / "problems.csv")
    assert set(problems["optional"]) == {True, False} and len(problems) == 2


def quarantine_in_test(data):
    bad = f"{TEST[1]},0,0,0,0,0,0,0,0,0,,quarantined,cut off"
    change(paths.roi_index("test"), lambda lines: [*lines[:-1], bad])
    paths.volume_path("test", TEST[1]).unlink()


def take_all_away(data):
    """No test video was ever there."""
    paths.roi_index("test").unlink()
    shutil.rmtree(data / "test")
    shutil.rmtree(paths.roi_folder("test"))


def take_away(data):
    """A test video that is gone after its extraction, and r01 has run again."""
    (data / "test" / TEST[1]).unlink()
    change(paths.roi_index("test"), drop_last)


@pytest.mark.parametrize("with_format", [True, False])
@pytest.mark.parametrize(
    "harm",
    [
        quarantine_in_test,
        resave,
        lambda data: paths.volume_path("test", TEST[1]).unlink(),
        take_away,
        take_all_away,
        lambda data: change(data / "submission_format.csv", lambda lines: [*lines, "200007.mp4,0"]),
    ],
    ids=["quarantined", "changed", "no volume", "taken away", "all taken away", "never there"],
)
def test_a_test_video_that_cannot_be_answered_stops_nothing_that_does_without(data, harm, with_format):
    harm(data)
    if not with_format:
        (data / "submission_format.csv").unlink()
    found = verify(None, workers=0)
    assert all(finding.optional for finding in found.findings)
    index = paths.roi_index("test")
    in_index = index.exists() and index.read_text().count("\n") - 1 == len(TEST)
    # without a format nobody asks for a video that is not there
    assert bool(unanswerable(found)) == (with_format or (in_index and bool(found.findings)))


def test_training_videos_alone_may_be_left_out(data, run_script):
    change(data / "train_labels.csv", lambda lines: [*lines, "300000.mp4,1"])
    (data / "test" / "200007.mp4").touch()  # not extracted yet, and nobody asks for it
    with pytest.raises(QuarantinedError):
        run_script("--keep-going", "train")
    quarantine_in_test(data)
    with pytest.raises(InputError, match="to go on with it alone: --keep-going"):
        run_script("--keep-going", "train")
    with pytest.raises(QuarantinedError):
        run_script("--keep-going")


def test_dry_run_writes_nothing(data, run_script, capsys):
    run_script("--dry-run")
    assert "would check 8 volumes" in capsys.readouterr().out
    assert not (paths.modified_data_folder() / "verify").exists()


@pytest.mark.parametrize("lost", ["none", "a shard"])
def test_shards_note_what_is_whole_and_the_whole_looks_at_the_rest_alone(data, run_script, monkeypatch, lost):
    def files():
        folder = paths.modified_data_folder() / "verify"
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}

    cut, replaced, *_ = (paths.volume_path("train", name) for name in TRAIN)
    replaced.write_bytes(cut.read_bytes())
    with pytest.raises(InputError):
        run_script()
    single = files()
    looked, examine, whole = [], volume_checks.examine, load_volume(paths.volume_path("train", TRAIN[4]))
    monkeypatch.setattr(
        volume_checks, "examine", lambda expected: looked.append(expected.path.stem) or examine(expected)
    )
    ends = []
    for number in (1, 2):
        try:
            run_script("--shard", f"{number}/2")
        except InputError as error:
            ends.append(str(error))
    assert sorted(looked) == [*TRAIN, *TEST] and [TRAIN[1] in end for end in ends] == [True]
    tables = [Shard(2, number).file(paths.modified_data_folder() / "verify" / "train.csv") for number in (1, 2)]
    assert all(path.exists() for path in tables)
    if lost == "a shard":
        tables[0].unlink()
    looked.clear()
    save_volume(paths.volume_path("train", TRAIN[4]), whole)  # the same bytes, of another time
    with pytest.raises(InputError):
        run_script()
    again = {TRAIN[1], TRAIN[4]} | {name for name in TRAIN if lost == "a shard" and Shard(2, 1).has(name)}
    assert set(looked) == again and len(looked) == len(again)
    assert files() == single


def test_what_killed_shards_left_goes_with_the_whole_and_not_while_a_shard_is_at_work(data, run_script, monkeypatch):
    def left():
        return sorted(path.name for path in (paths.modified_data_folder() / "verify").glob("*-of-*"))

    def killed_at_the_second(expected):
        if looked:
            raise KeyboardInterrupt
        looked.append(expected)
        return examine(expected)

    looked, examine = [], volume_checks.examine
    monkeypatch.setattr(volume_checks, "examine", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        run_script("--shard", "1/1")
    monkeypatch.setattr(volume_checks, "examine", examine)
    assert left() == (litter := ["train.1-of-1.journal", "train.1-of-1.lock"])
    with volume_checks.index_of("train", Shard(1, 1)).owning():
        run_script()
        assert left() == litter
    run_script()
    assert not left()
