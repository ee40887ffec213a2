"""The recipe's split, groups that stay together, and split files that are refused with line and mend."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from conftest import real_file
from sklearn.model_selection import KFold

from stagewise.data.fold_making import STALLED, FoldMaking, gen_kfold_split, ways_out
from stagewise.data.split_checks import require_learnable
from stagewise.data.split_flaws import flaws
from stagewise.data.splits import read_split
from stagewise.files import paths
from stagewise.messages.errors import InputError
from stagewise.recipes.rows import Tier1AndSurelyStalled


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


def test_stratified_folds_are_those_of_the_second_places_notebook(micro):
    # StratifiedKFold(10, shuffle, seed 314159) by project and label: 240 clips in fold 0, 70 of them stalled
    split = gen_kfold_split(micro, FoldMaking(10, 314159, stratify=("project_id", "stalled")))
    first = split[split["fold"] == 0]
    assert len(first) == 240 and first["stalled"].sum() == 70
    assert first["filename"].tolist()[:2] == ["104353.mp4", "108285.mp4"]


def test_stratified_folds_hold_as_many_of_each_class(micro):
    counts = gen_kfold_split(micro, FoldMaking(7, stratify=STALLED)).groupby("fold")["stalled"].agg(["size", "sum"])
    assert (counts.max() - counts.min() <= 1).all()


def test_groups_can_be_spread_by_other_columns_than_the_label(micro):
    table = micro.assign(half=micro["filename"].str[-5].astype(int) % 2)
    split = gen_kfold_split(table, FoldMaking(3, group="project_id", stratify=("stalled", "half")))
    assert split.groupby("project_id")["fold"].nunique().max() == 1


def rare(stalled: int, clips: int = 30, **columns) -> pd.DataFrame:
    """The first clips stalled, which seed 42 puts together into some folds."""
    names = [f"{100000 + number}.mp4" for number in range(clips)]
    return pd.DataFrame({"filename": names, "stalled": [1] * stalled + [0] * (clips - stalled), **columns})


WAYS = {  # rows, and the options that then help
    "rare class": (rare(6), ["--stratify"]),
    "rarer than the folds": (rare(3), ["--folds 3 --stratify"]),
    "tier 1": (rare(12, tier1=([True] * 6 + [False] * 6) + [True] * 18), ["--stratify stalled,tier1"]),
    "projects": (rare(6, project_id=[*"ABCDEF", *"ABCDEF" * 4]), ["--stratify", "--group project_id"]),
    "one alone": (rare(1), []),
    "one of tier 1 alone": (rare(6, tier1=[True] + [False] * 5 + [True] * 24), []),
}


@pytest.mark.parametrize(("table", "options"), WAYS.values(), ids=WAYS)
def test_the_ways_out_that_are_named_lead_out(table, options):
    assert flaws(gen_kfold_split(table, FoldMaking()), range(5))
    ways = ways_out(table, FoldMaking())
    plain_folds = [way for way in ways if way == FoldMaking(way.folds)]
    assert [way.command.partition(".py ")[2] for way in ways if way not in plain_folds] == options
    for way in ways:
        assert not flaws(gen_kfold_split(table, way), range(way.folds))
    for fewer in plain_folds:
        assert all(flaws(gen_kfold_split(table, FoldMaking(more)), range(more)) for more in range(fewer.folds + 1, 5))


def test_a_mend_is_named_only_where_it_helps(root):
    path = paths.split_csv()
    path.parent.mkdir()
    gen_kfold_split(rare(6), FoldMaking()).to_csv(path, index=False)
    split = read_split(None)
    with pytest.raises(
        InputError, match=r"cannot be trained on: fold . has no stalled clip.*; run: \S* \S*r03\S*"
    ) as error:
        require_learnable(split, split.folds)
    assert "--stratify --force" in str(error.value) and ".py --force" not in str(error.value)
    table = split.table.assign(tier1=False)
    with pytest.raises(
        InputError, match=r"correct tier1 in the training tables, or take the column out.*r03.*--force$"
    ):
        require_learnable(replace(split, table=table.assign(stalled=[0, 1] * 15, fold=list(range(5)) * 6)), split.folds)
    own = replace(split, path=root / "own.csv")
    with pytest.raises(InputError, match=r"; correct it, so that every fold has clips of both classes$"):
        require_learnable(own, own.folds)


def test_a_fold_that_is_not_asked_for_stops_nothing(root):
    split = read_split(write(root, "filename,stalled,fold\na.mp4,0,0\nb.mp4,1,0\nc.mp4,1,1\nd.mp4,0,-1\n"))
    require_learnable(split, [0])
    with pytest.raises(InputError, match="fold 1 has no flowing clip"):
        require_learnable(split, [0, 1])


@pytest.mark.parametrize("column", ["project_id", "nothing"])
@pytest.mark.parametrize("option", ["group", "stratify"])
def test_a_column_to_split_by_is_there_and_filled(option, column):
    making = FoldMaking(2, group=column) if option == "group" else FoldMaking(2, stratify=(column,))
    with pytest.raises(InputError, match=rf"{column} in the training tables.*give one of them with --{option}, filled"):
        gen_kfold_split(rare(6, project_id=[*"ABC", "", *"AB" * 13]), making)


@pytest.mark.parametrize("making", [FoldMaking(group="project_id"), FoldMaking(stratify=STALLED)])
def test_fewer_alike_than_folds_are_refused_without_a_warning(making, recwarn):
    table = rare(4, 8, project_id=[*"ABCDEFGH"])
    with pytest.raises(InputError, match=r"4 videos, the most that are alike in stalled, cannot fill 5 folds"):
        gen_kfold_split(table, making)
    gen_kfold_split(rare(1, 8, project_id=[*"ABCDEFGH"]), making)
    assert not recwarn.list


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
    assert read_split(path).of_tier1().table["filename"].tolist() == ["a.mp4", "c.mp4"]


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


def test_without_a_column_tier1_every_row_is_of_it_and_that_is_said(root):
    split = read_split(write(root, "filename,stalled,fold,tier1\na.mp4,0,0,\nb.mp4,1,1,\n"))
    assert split.tier1.all() and split.note == "own.csv has no column tier1: every row is of tier 1"
    assert split.of_tier1().table["filename"].tolist() == ["a.mp4", "b.mp4"]
    with_tiers = read_split(write(root, "filename,stalled,fold,tier1\na.mp4,0,0,yes\nb.mp4,1,1,n\n"))
    assert with_tiers.tier1.tolist() == [True, False] and not with_tiers.note


FOLDS = {  # stalled of the clips in each fold, of tier 1 and of the others, and what is missing for some stage
    "whole": ({0: ("01", "01"), 1: ("01", "01")}, []),
    "others lack a class, which tier 1 has": ({0: ("01", "0"), 1: ("01", "1")}, []),
    "no stalled clip in a fold": ({0: ("01", ""), 1: ("01", ""), 2: ("00", "")}, ["fold 2 has no stalled clip"]),
    "both classes swapped": (
        {0: ("1", ""), 1: ("0", "")},
        [
            "fold 0 has no flowing clip",
            "the training rows of fold 0 have no stalled clip",
            "the training rows of fold 1 have no flowing clip",
            "fold 1 has no stalled clip",
        ],
    ),
    "no tier 1 in a fold": (
        {0: ("01", ""), 1: ("01", ""), 2: ("", "01")},
        ["fold 2 has no flowing and no stalled clip of tier 1"],
    ),
    "one class of tier 1 in a fold": (
        {0: ("01", ""), 1: ("01", ""), 2: ("11", "0")},
        ["fold 2 has no flowing clip of tier 1"],
    ),
    "tier 1 in one fold": (
        {0: ("01", ""), 1: ("", "01"), -1: ("0", "1")},
        [
            "the training rows of fold 0 have no stalled clip of tier 1",
            "fold 1 has no flowing and no stalled clip of tier 1",
        ],
    ),
    "no tier 1": ({0: ("", "01"), 1: ("", "01")}, ["no row is of tier 1, and the last stage reads those alone"]),
}


@pytest.mark.parametrize(("clips", "missing"), FOLDS.values(), ids=FOLDS)
def test_what_a_fold_lacks_for_a_stage_of_all_rows_or_of_tier_1_alone(clips, missing):
    rows = [
        (fold, int(stalled), tier == 0)
        for fold, tiers in clips.items()
        for tier, labels in enumerate(tiers)
        for stalled in labels
    ]
    table = pd.DataFrame(rows, columns=["fold", "stalled", "tier1"])
    assert flaws(table, [fold for fold in clips if fold >= 0]) == missing
    if table["tier1"].all():
        assert flaws(table.drop(columns="tier1"), [fold for fold in clips if fold >= 0]) == missing


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


SCORED = """filename,stalled,fold,tier1,crowd_score
a.mp4,1,0,True,0.1
b.mp4,0,0,True,0.1
c.mp4,1,1,False,0.6
d.mp4,1,1,False,0.61
e.mp4,0,1,False,0.9
f.mp4,1,1,True,
"""


def test_of_other_tiers_the_stalled_clips_above_the_crowd_score_are_taken(root):
    path = root / "split.csv"
    path.write_text(SCORED)
    rows = Tier1AndSurelyStalled(crowd_score=0.6).of(read_split(path))
    assert rows.table["filename"].tolist() == ["a.mp4", "b.mp4", "d.mp4", "f.mp4"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text.replace("crowd_score", "score"), "no column crowd_score, by which 2 stalled clips .* run: "),
        (lambda text: text.replace("0.61", "1.61"), "split.csv, line 5: crowd_score '1.61' is outside 0-1"),
    ],
    ids=["no column", "no score"],
)
def test_without_their_crowd_score_it_is_refused(root, spoil, message):
    path = root / "split.csv"
    path.write_text(spoil(SCORED))
    with pytest.raises(InputError, match=message):
        Tier1AndSurelyStalled(crowd_score=0.6).of(read_split(path))
