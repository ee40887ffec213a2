"""The recipe's split, groups that stay together, and split files that are refused with line and mend."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import real_file
from sklearn.model_selection import KFold

from stagewise import paths
from stagewise.errors import InputError
from stagewise.fold_making import FoldMaking, gen_kfold_split
from stagewise.splits import read_split


@pytest.fixture
def micro():
    return pd.read_csv(real_file("stallcatchers/micro_labels.csv"))


def write(root, text: str):
    path = root / "own.csv"
    path.write_text(text)
    return path


def test_split_of_the_real_labels_is_scikit_learns(micro):
    split = gen_kfold_split(micro, FoldMaking())
    for fold, (_, held_out) in enumerate(KFold(5, shuffle=True, random_state=42).split(micro)):
        assert (split["fold"].to_numpy()[held_out] == fold).all()
    assert split["filename"].tolist() == micro["filename"].tolist()


def test_split_is_scikit_learns_on_all_metadata():
    metadata = pd.read_csv(real_file("stallcatchers/train_metadata.csv.xz"), usecols=["filename"])
    split = gen_kfold_split(metadata, FoldMaking())
    expected = list(KFold(5, shuffle=True, random_state=42).split(metadata))[3][1]
    assert (split.index[split["fold"] == 3] == expected).all()


def test_grouped_folds_share_no_project(micro):
    split = gen_kfold_split(micro, FoldMaking(4, group="project_id"))
    assert split.groupby("project_id")["fold"].nunique().max() == 1
    sizes, largest = split["fold"].value_counts(), split["project_id"].value_counts().max()
    assert sorted(sizes.index) == [0, 1, 2, 3]
    assert sizes.max() <= max(largest, 1.2 * len(split) / 4)  # no fold is large that one large project does not fill


def test_more_folds_than_groups_are_refused(micro):
    with pytest.raises(InputError, match="cannot fill 99 folds"):
        gen_kfold_split(micro, FoldMaking(99, group="project_id"))


def test_own_split_may_have_any_folds_and_rows_that_are_always_trained(root):
    split = read_split(write(root, "filename,stalled,fold,note\na.mp4,0,7,x\nb.mp4,1,-1,y\nc.mp4,1,2,z\n"))
    assert split.folds == [2, 7]
    assert split.chosen_folds(None) == [2, 7]
    assert split.chosen_folds([7, 7]) == [7]
    assert split.table["note"].tolist() == ["x", "y", "z"]


def test_tier1_keeps_its_rows_alone(root):
    path = write(root, "filename,stalled,fold,tier1\na.mp4,0,0,True\nb.mp4,1,0,False\nc.mp4,1,1,1\n")
    assert read_split(path, tier1_only=True).table["filename"].tolist() == ["a.mp4", "c.mp4"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("filename,stalled\na.mp4,0\n", "line 1: no column fold"),
        ("filename,stalled,fold\na.mp4,0,0\nb.mp4,2,1\n", "line 3: stalled '2' is not one of 0, 1"),
        ("filename,stalled,fold\na.mp4,0,0\nb.mp4,1,-2\n", "line 3: fold '-2' is less than -1"),
        ("filename,stalled,fold\na.mp4,0,zero\n", "line 2: fold 'zero' is not a number"),
        ("filename,stalled,fold\na.mp4,0,0\na.mp4,1,1\n", "line 3: filename 'a.mp4' stands there a second time"),
        ("filename,stalled,fold\na.mp4,0,-1\n", "no fold to validate on"),
        ("filename,stalled,fold\na.mp4,0,3\nb.mp4,1,3\n", "has fold 3 alone, so nothing is left to train on"),
    ],
)
def test_bad_splits_are_refused_with_line_and_mend(root, text, message):
    with pytest.raises(InputError, match=message) as error:
        read_split(write(root, text))
    assert "r03_gen_kfold_split.py" in str(error.value)


def test_a_fold_without_tier1_is_refused_where_tier1_alone_counts(root):
    path = write(root, "filename,stalled,fold,tier1\na.mp4,0,0,True\nb.mp4,1,1,False\nc.mp4,1,2,1\nd.mp4,1,-1,1\n")
    assert read_split(path).folds == [0, 1, 2]
    with pytest.raises(InputError, match="has no tier 1 clip to validate fold 1 on; correct it, or"):
        read_split(path, tier1_only=True)


def test_one_fold_will_do_beside_rows_that_are_always_trained(root):
    assert read_split(write(root, "filename,stalled,fold\na.mp4,0,3\nb.mp4,1,-1\n")).folds == [3]


def test_the_mend_of_an_own_split_never_overwrites_it(root):
    with pytest.raises(InputError) as error:
        read_split(write(root, "filename,stalled,fold\na.mp4,7,0\n"))
    assert "--force" not in str(error.value)
    with pytest.raises(InputError, match=r"run: python preproc_data/r03_gen_kfold_split\.py --output other\.csv$"):
        read_split(Path("other.csv"))
    paths.split_csv().parent.mkdir()
    paths.split_csv().write_text("filename,stalled,fold\na.mp4,7,0\n")
    with pytest.raises(InputError, match=r"run: python preproc_data/r03_gen_kfold_split\.py --force$"):
        read_split(None)


def test_a_seed_beyond_scikit_learns_is_refused(micro):
    with pytest.raises(InputError, match="give one up to 4294967295 with --seed"):
        gen_kfold_split(micro, FoldMaking(seed=2**32))


def test_missing_split_names_the_command(root):
    with pytest.raises(InputError, match="r03_gen_kfold_split"):
        read_split(None)
    assert not paths.split_csv().exists()


def test_unknown_fold_is_refused_with_the_folds_there_are(root):
    split = read_split(write(root, "filename,stalled,fold\na.mp4,0,0\nb.mp4,1,1\n"))
    with pytest.raises(InputError, match=r"has no fold 5; its folds are 0, 1"):
        split.chosen_folds([0, 5])
