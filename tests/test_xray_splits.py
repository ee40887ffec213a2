"""Splits of the X-rays: the house's own columns, the winner's files, and what cannot be trained on."""

import pytest
from conftest import real_file

from stagewise.data.kinds import XRAYS
from stagewise.messages.errors import InputError
from stagewise.xrays.splits import read_xray_split

ROWS = "".join(f"im{number},{number % 2},{number // 4}\n" for number in range(12))


def split(root, text):
    path = root / "my.csv"
    path.write_text(text)
    return read_xray_split(path)


def test_the_winner_s_first_folds_are_a_split():
    found = read_xray_split(real_file("siim/folds_stage1.csv.xz"))
    by_fold = found.table.groupby("fold")["positive"].agg(["size", "sum"])
    assert len(found.table) == 10679 and found.folds == [0, 1, 2, 3, 4] and found.kind is XRAYS
    assert by_fold["size"].tolist() == [2137, 2135, 2134, 2138, 2135]
    assert by_fold["sum"].tolist() == [469, 464, 484, 480, 482]
    assert found.table["filename"][0] == "1.2.276.0.7230010.3.1.4.8323329.1000.1517875165.878027"


def test_in_the_winner_s_second_folds_the_first_test_images_are_always_trained_on():
    found = read_xray_split(real_file("siim/folds_stage2.csv.xz"))
    always = found.table["fold"] == -1
    assert (len(found.table), int(always.sum())) == (12047, 1372) and found.folds == [0, 1, 2, 3, 4]
    assert int(found.table.loc[always, "positive"].sum()) == 290
    assert found.seen_note([0]).startswith("1372 of 12047 images (290 positive) are of fold -1: every net saw them")


def test_own_columns_are_read_and_more_are_carried(root):
    found = split(
        root, "Filename;positive;fold;age\n" + "".join(f"{row};1,5\n" for row in ROWS.replace(",", ";").split())
    )
    assert found.table.columns.tolist() == ["filename", "positive", "fold", "age"]
    assert found.table["filename"].tolist()[:2] == ["im0", "im1"] and found.folds == [0, 1, 2]
    assert found.command("pneumothorax/r31_train_albunet_public.py").endswith(f"--split {root / 'my.csv'}")
    assert found.check == f"python pneumothorax/r02_verify_data.py --split {root / 'my.csv'}"


def test_the_winner_s_columns_are_known_in_any_case(root):
    found = split(root, "FName,Exist_Labels,Fold\n" + ROWS)
    assert found.table.columns.tolist() == ["filename", "positive", "fold"]
    assert found.table["positive"].sum() == 6


def test_the_recipe_s_own_split_needs_no_option(root):
    path = root / "modified_data" / "xrays" / "kfold_split_5_42.csv"
    path.parent.mkdir(parents=True)
    path.write_text("filename,positive,fold\n" + ROWS)
    assert read_xray_split(None).command("r31.py") == "python r31.py"


HEADER = "filename,positive,fold\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("filename,fold\nim0,1\n", "line 1: no column positive; found filename, fold"),
        (HEADER + "im0,2,0\n", "line 2: positive '2' is neither True nor False"),
        (HEADER + ROWS + "im0,0,0\n", "line 14: filename 'im0' stands there a second time, first in line 2"),
        (HEADER + ROWS + "im0.png,0,0\n", "line 14: filename 'im0' stands there a second time, first in line 2"),
        (HEADER + ROWS + "../a,0,0\n", "line 14: filename '../a' is not a bare file name"),
        (HEADER + ROWS + "a,0,stage_3\n", "line 14: fold 'stage_3' is not a number"),
        (HEADER + ROWS + "a,0,-2\n", "line 14: fold '-2' is less than -1"),
        (HEADER + "a,0,-1\nb,1,-1\n", "has no fold to validate on"),
        (HEADER + "a,0,1\nb,1,1\n", "has fold 1 alone, so nothing is left to train on"),
        (HEADER + ROWS + "a,0,7\n", "cannot be trained on: fold 7 has no positive image"),
        (HEADER + "a,0,0\nb,1,0\nc,0,1\n", "fold 0 have no positive image, fold 1 has no positive image"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_with_line_and_mend(root, text, problem):
    with pytest.raises(InputError) as error:
        split(root, text)
    assert problem in str(error.value)
    assert str(error.value).endswith("leave --split out for the split of: python pneumothorax/r03_gen_kfold_split.py")


def test_a_split_that_is_not_there_names_the_command_that_makes_it(root):
    with pytest.raises(InputError, match=r"run: python pneumothorax/r03_gen_kfold_split\.py$"):
        read_xray_split(None)
