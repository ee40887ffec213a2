"""Which clips are shown: sure in the order of being sure, by the folds that never saw them, or by name."""

import numpy as np
import pandas as pd
import pytest
import tiny

from stagewise.data.splits import Split
from stagewise.files import paths
from stagewise.messages.errors import InputError
from stagewise.prediction.examples import Example, choose, surest
from stagewise.prediction.inference import InferencePlan
from stagewise.prediction.submission import AnswerSettings, write_submission

STAGE = "net_d121_stage1"
RECIPE = tiny.recipe()
TABLE = pd.DataFrame(
    [
        ("a.mp4", 1, 0, 0.99),
        ("b.mp4", 1, 1, 0.9),
        ("c.mp4", 0, 0, 0.001),
        ("d.mp4", 0, 1, 0.01),
        ("e.mp4", 0, 1, 0.02),
        ("f.mp4", 1, 0, 0.2),
        ("g.mp4", 1, 1, 0.6),
        ("h.mp4", 0, 0, 0.7),
        ("i.mp4", 0, 1, 0.95),
    ],
    columns=["filename", "stalled", "fold", "probability"],
)


def names(examples: list[Example]) -> str:
    return "".join(example.filename[0] for example in examples)


def test_sure_answers_come_stalled_and_flowing_in_turn_the_surest_first():
    assert names(surest(TABLE, 0.65, 9, right=True)) == "acbde"
    assert names(surest(TABLE, 0.65, 9, right=False)) == "ifhg"
    assert names(surest(TABLE, 0.65, 3, right=False)) == "ifh"
    assert names(surest(TABLE, 0.7, 9, right=False)) == "ifg"  # on the threshold is flowing, which "h" is
    assert surest(TABLE, 0.65, 0, right=True) == []
    flowing = TABLE[TABLE["stalled"] == 0]
    assert names(surest(flowing, 0.96, 2, right=True)) == "cd"  # a class that is missing gives up its turns
    assert surest(flowing, 0.96, 2, right=False) == []


def test_a_training_clip_is_shown_by_the_fold_that_never_saw_it():
    for example in surest(TABLE, 0.65, 9, right=True):
        row = TABLE[TABLE["filename"] == example.filename].iloc[0]
        assert (example.subset, example.folds, example.stalled) == ("train", (row["fold"],), row["stalled"])


def test_a_title_says_label_answer_probability_and_who_says_so():
    train = Example("train", "$a$.mp4", (3,), 0.25, 1)
    assert train.title(0.5) == (
        "$a$.mp4: stalled, called flowing: wrong\nprobability 0.2500, threshold 0.50; fold 3, which never saw it"
    )
    test = Example("test", "a.mp4", (0, 2), 0.75, None)
    assert test.title(0.5) == "a.mp4: called stalled\nprobability 0.7500, threshold 0.50; map of folds 0, 2"


@pytest.fixture
def plan(root):
    """The table as a plan, with its out-of-fold answers, and answers to the test clips z.mp4 and a.mp4."""
    paths.oof_csv(STAGE).parent.mkdir()
    TABLE.assign(unflipped=0.5).sample(frac=1, random_state=0).to_csv(paths.oof_csv(STAGE), index=False)
    names, weights = pd.Series(["z.mp4", "a.mp4"]), {"0": "0" * 64, "1": "1" * 64}
    asked = pd.DataFrame({"filename": names, "asked": names})
    write_submission(RECIPE, asked, np.array([[0.2, 0.4], [0.7, 0.9]]), AnswerSettings(0.5, weights))
    for name in names:
        paths.volume_path("test", name).parent.mkdir(parents=True, exist_ok=True)
        paths.volume_path("test", name).touch()
    configs, hashes = [{}, {}], list(weights.values())
    clips = TABLE[["filename", "stalled", "fold"]]
    return InferencePlan(RECIPE, [0, 1], configs, [], hashes, Split(paths.split_csv(), "", clips), clips, ())


def test_videos_of_one_stem_do_not_share_a_heat_map():
    assert {videos_of(name, STAGE)[0] for name in ("a.mp4", "a.avi")} == {
        "a_gradcam_block1.mp4",
        "a.avi_gradcam_block1.mp4",
    }


def videos_of(name: str, stage: str) -> list[str]:
    return [path.name for path in Example("test", name, (0,), 0.5, None).video_paths(stage, "gradcam", 1)]


def test_nets_of_one_folder_do_not_share_a_heat_map():
    mc3, r3d = (videos_of("a.mp4", f"third_place_vote_{net}") for net in ("mc3", "r3d"))
    assert mc3 == ["a_mc3_gradcam_block1.mp4", "a_mc3_gradcam_block1.gif"]
    assert r3d == ["a_r3d_gradcam_block1.mp4", "a_r3d_gradcam_block1.gif"]
    for alone in ("net_d121_stage3_tier1", "second_place_r101_run2"):
        assert videos_of("a.mp4", alone) == ["a_gradcam_block1.mp4", "a_gradcam_block1.gif"]


def test_names_are_of_training_or_test_clips_and_each_clip_is_shown_once(plan):
    examples = choose(plan, 0.65, ["z.mp4", "test/a.mp4", "train/a.mp4", "i.mp4", "z.mp4"], worst=2, sure=1)
    assert [(example.subset, example.filename) for example in examples] == [
        ("test", "z.mp4"),
        ("test", "a.mp4"),
        ("train", "a.mp4"),
        ("train", "i.mp4"),
        ("train", "f.mp4"),
    ]
    assert examples[0] == Example("test", "z.mp4", (0, 1), pytest.approx(0.3), None)
    assert examples[2] == Example("train", "a.mp4", (0,), 0.99, 1)


def test_a_name_without_suffix_is_that_of_the_one_video_that_has_it(plan):
    for name, subset in (("z", "test"), ("i", "train"), ("test/a", "test"), ("train/a", "train")):
        (example,) = choose(plan, 0.65, [name], worst=0, sure=0)
        assert (example.subset, example.filename) == (subset, f"{name[-1]}.mp4")
    folder = paths.videos_folder("train")
    folder.mkdir(parents=True)
    for name in ("i.mp4", "i.avi"):
        (folder / name).touch()
    with pytest.raises(InputError, match=r"^i may be i.avi or i.mp4: write it with its suffix"):
        choose(plan, 0.65, ["i"], worst=0, sure=0)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ([], "nothing to show: give names of clips, --worst N or --sure N"),
        (["a.mp4"], "a.mp4 is a training and a test clip; give train/a.mp4 or test/a.mp4"),
        (["a"], "a is a training and a test clip; give train/a or test/a"),
        (["y"], rf"y is neither a clip of folds 0, 1 in .*run: python {STAGE}/r42"),
        (["y.mp4"], rf"y.mp4 is neither a clip of folds 0, 1 in .*oof.csv nor in subm/.*run: python {STAGE}/r42"),
        (["test/b.mp4"], "test/b.mp4 is neither"),
        (["elsewhere/b.mp4"], "elsewhere/b.mp4 is neither"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_the_mend(plan, asked, message):
    with pytest.raises(InputError, match=message):
        choose(plan, 0.65, asked, worst=0, sure=0)


def test_a_probability_of_other_weights_than_those_of_the_map_is_refused(plan):
    message = rf"{STAGE}_test.csv was not answered with the present weights of fold 1; run: python {STAGE}/r42"
    plan.hashes[1] = "2" * 64
    with pytest.raises(InputError, match=message):
        choose(plan, 0.65, ["z.mp4"], worst=0, sure=0)
    choose(plan, 0.65, ["train/a.mp4"], worst=0, sure=0)


def test_a_test_clip_is_shown_though_the_submission_is_another_stages_by_now(plan):
    paths.submission_csv().write_text("filename,stalled\nz.mp4,1\n")
    assert choose(plan, 0.65, ["z.mp4"], worst=0, sure=0)[0].probability == pytest.approx(0.3)


def test_answers_that_are_not_written_down_and_volumes_that_are_not_there_are_named(plan):
    paths.volume_path("test", "z.mp4").unlink()
    with pytest.raises(InputError, match=r"no volume z.mp4.pklz .*r01_extract_roi.py test"):
        choose(plan, 0.65, ["z.mp4"], worst=0, sure=0)
    TABLE[1:].assign(unflipped=0.5).to_csv(paths.oof_csv(STAGE), index=False)
    with pytest.raises(InputError, match=f"lacks 1 clips of the split, first a.mp4; run: python {STAGE}/r41"):
        choose(plan, 0.65, ["b.mp4"], worst=0, sure=0)
    paths.oof_csv(STAGE).unlink()
    with pytest.raises(InputError, match=f"oof.csv is not there; run: python {STAGE}/r41"):
        choose(plan, 0.65, [], worst=1, sure=0)
