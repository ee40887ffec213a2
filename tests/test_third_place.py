"""The third place's page holds the winner's numbers; its rows, its start, its frames and its vote are the winner's."""

import json
import runpy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tiny
from conftest import real_file
from made_torch_files import write_state
from test_torch_names import state_of

from stagewise.augment import Flip, OneOf, ResizePlanes, Turn
from stagewise.data.splits import Split, read_split
from stagewise.files import paths
from stagewise.joining.rules import winners_vote
from stagewise.messages.commands import REPOSITORY, TRAIN, script_of
from stagewise.messages.errors import InputError
from stagewise.recipes.kept import LastBestEpoch
from stagewise.recipes.recipe import OF_TRAINING_ALONE, trained_recipe
from stagewise.recipes.rows import MicroAndOfEachProject
from stagewise.recipes.sampling import EachClipOnce
from stagewise.recipes.starts import RandomStart, TorchFile
from stagewise.recipes.vote import MC3, PRESETS, R2PLUS1D, R3D, THRESHOLDS, VOTE
from stagewise.training.plans import plan_training
from stagewise.training.stage import train_stage
from stagewise.training.torch_starts import torch_start

NETS = {"third_place_vote_r2plus1d": R2PLUS1D, "third_place_vote_mc3": MC3, "third_place_vote_r3d": R3D}
ROWS = MicroAndOfEachProject(most=500, seed=42)


@pytest.fixture(scope="module")
def stages():
    return [runpy.run_path(str(REPOSITORY / script_of(name, TRAIN)))["STAGE"] for name in NETS]


def test_the_winners_numbers():
    assert [net.parameters for net in (R2PLUS1D, MC3, R3D)] == [31_300_638, 11_490_753, 33_166_785]
    assert (VOTE.batch_size, VOTE.net.input_shape, VOTE.net.batch_norm_momentum) == (1, (None, 112, 112), None)
    assert (VOTE.rows, VOTE.sampling, VOTE.answer.views) == (ROWS, EachClipOnce(), 1)
    quarters = [Turn(number, p=1) for number in (1, 2, 3)]
    flips = [Flip(axis=1, p=1), Flip(axis=2, p=1), Turn(2, p=1)]
    assert VOTE.augmentation == (
        ResizePlanes((112, 112), "area"),
        OneOf(tuple(quarters), p=0.25),
        OneOf(tuple(flips), p=0.25),
    )
    assert VOTE.prepared.transforms == VOTE.augmentation[:1] and VOTE.prepared.lengths == ()


def test_the_stages_differ_by_their_nets_alone(stages):
    for stage, (name, net) in zip(stages, NETS.items(), strict=True):
        assert (stage.name, stage.net) == (name, net)
        assert isinstance(stage.start, TorchFile) and net.family in stage.start.file
        assert replace(stage, name="", net=VOTE.net, start=VOTE.start) == VOTE


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_keeps_the_stages_and_their_kinds_of_net(stages, preset):
    for stage in stages:
        made = PRESETS[preset](stage)
        assert (made.name, made.preset, made.net.family) == (stage.name, preset, stage.net.family)
        assert made.augmentation[0].size == made.net.input_shape[1:]
        again = trained_recipe(stage, json.loads(json.dumps(made.as_dict())), "fold 0")
        assert replace(again, **{name: getattr(made, name) for name in OF_TRAINING_ALONE}) == made


def split_of(table: pd.DataFrame) -> Split:
    return Split(paths.split_csv(), "", table)


def test_the_rows_are_as_many_as_the_winners_and_drawn_by_their_project_and_seed_alone():
    table = pd.read_csv(real_file("stallcatchers/train_metadata.csv.xz")).assign(fold=0)
    table["micro"] = table["micro"].astype(str)
    chosen = ROWS.of(split_of(table)).table
    assert len(chosen) == 7931
    others = chosen[chosen["micro"] == "False"]["project_id"].value_counts()
    assert others.to_dict() == {**dict.fromkeys("ACDEFGHIJKM", 500), "L": 32}
    small = table[table["tier1"]].sample(3000, random_state=1).reset_index(drop=True)
    few = MicroAndOfEachProject(most=10, seed=1)
    taken = few.of(split_of(small)).table["filename"]
    assert list(taken) == [name for name in small["filename"] if name in set(taken)]
    without = few.of(split_of(small[small["project_id"] != "A"].reset_index(drop=True))).table["filename"]
    of_a = set(small.loc[small["project_id"] == "A", "filename"])
    assert list(without) == [name for name in taken if name not in of_a]
    shuffled = small.sample(frac=1, random_state=2).reset_index(drop=True)
    assert set(few.of(split_of(shuffled)).table["filename"]) == set(taken)
    assert list(replace(few, seed=2).of(split_of(small)).table["filename"]) != list(taken)


def test_without_a_micro_set_its_place_is_the_stalled_clips_and_that_is_said():
    table = pd.DataFrame({"filename": [f"{n}.mp4" for n in range(900)], "stalled": 0, "fold": 0, "project_id": "A"})
    table.loc[::9, "stalled"] = 1
    split = split_of(table)
    chosen = ROWS.of(split).table
    assert (chosen["stalled"].sum(), len(chosen)) == (100, 600)
    assert "no column micro: the stalled rows of tier 1 and 500 others a project are taken" in ROWS.note(split)
    assert "no column micro, project_id: all rows" in ROWS.note(split_of(table.drop(columns="project_id")))
    assert ROWS.note(split_of(table.assign(micro="True"))) == ""


def test_a_wrong_cell_is_named_by_its_line_whatever_rows_stand_before_it(root):
    path = root / "own.csv"
    rows = ("1.mp4,0,0,0,A,0", "2.mp4,0,0,0,A,0", "3.mp4,1,0,1,A,oops", "4.mp4,0,1,1,A,1")
    path.write_text("\n".join(("filename,stalled,fold,tier1,project_id,micro", *rows)))
    with pytest.raises(InputError, match=r"own.csv, line 4: micro 'oops'"):
        ROWS.of(read_split(path))


def test_a_batch_of_clips_that_are_never_padded_has_one(root):
    tiny.write_split()
    with pytest.raises(InputError, match="vote_stage1 never pads its clips, so that a batch has one, not 2"):
        plan_training(tiny.vote_recipe(batch_size=2), read_split(None), 0, seed=1)


def test_the_next_nets_training_starts_as_this_one_did(root, monkeypatch, capsys):
    tiny.write_split()
    stage = replace(tiny.vote_recipe(name="third_place_vote_mc3"), start=VOTE.start)
    for following, options in (("third_place_vote/r33_train_r3d.py", " --init random"), ("join/r61_join.py", "")):
        plan = plan_training(replace(stage, start=RandomStart()), read_split(None), 0, seed=42)
        monkeypatch.setattr("stagewise.training.stage._train", lambda *_, plan=plan: [plan])
        monkeypatch.setattr("sys.argv", ["r32.py", "--init", "random", "--fold", "0"])
        train_stage(stage, {"full": lambda recipe: recipe}, "", following)
        assert capsys.readouterr().out.endswith(f"next: python {following}{options}{' --fold 0' * bool(options)}\n")


def test_rows_of_no_known_project_are_all_those_of_tier_1():
    table = pd.DataFrame({"filename": [f"{n}.mp4" for n in range(900)], "stalled": 0, "fold": 0})
    assert len(ROWS.of(split_of(table)).table) == 900
    assert len(ROWS.of(split_of(table.assign(tier1=table.index % 2 == 0))).table) == 450


@pytest.mark.parametrize(
    ("monitor", "scores", "best"),
    [("mcc_at_half", (0.1, 0.7, 0.3, 0.7, 0.6), 3), ("loss", (0.4, 0.2, 0.3, 0.2, 0.9), 3)],
)
def test_of_equally_good_epochs_the_last_is_the_best(monitor, scores, best):
    kept, best_score, found = LastBestEpoch(monitor), -np.inf, None
    for epoch, score in enumerate(scores):
        if kept.improves(score, best_score):
            best_score, found = score, epoch
    assert found == best


@pytest.mark.parametrize(
    ("probabilities", "answer"),
    [  # of R(2+1)D, MC3 and the third one
        ((0.96, 0.91, 0.10), True),
        ((0.99, 0.89, 0.79), False),
        ((0.95, 0.10, 0.80), True),
        ((0.94, 0.90, 0.80), True),
    ],
)
def test_the_winners_vote_is_two_of_three_at_their_thresholds_or_above(probabilities, answer):
    joint = winners_vote(list(THRESHOLDS.values())).fit(np.array([0, 1]), np.array([probabilities] * 2))
    assert (joint.of(np.array([probabilities])) > joint.threshold).tolist() == [answer]


@pytest.mark.parametrize("renamed", [False, True])
def test_a_torch_file_becomes_the_start_of_the_net_that_its_tensors_are_of(root, tmp_path, renamed):
    nets = [replace(net, blocks=(1, 1), widths=(4, 6), stem_middle=3) for net in NETS.values()]
    known = [
        (net, TorchFile("kinetics", f"{net.family}.weights.h5", f"https://host/{net.family}.pth"), name)
        for name, net in zip(NETS, nets, strict=True)
    ]
    for net, start, stage in known:
        state = state_of(net, outputs=400)
        path = write_state(tmp_path / ("weights.pth" if renamed else f"{net.family}.pth"), state)
        found = torch_start(path, known)
        assert found[:2] == (start, stage)
        kernel = found[2].get_layer("layer1_0_conv1_0" + "_0" * (net.family == "r2plus1d")).kernel
        torch_name = "layer1.0.conv1.0" + ".0" * (net.family == "r2plus1d") + ".weight"
        np.testing.assert_array_equal(kernel, state[torch_name].transpose(2, 3, 4, 1, 0))
    spoilt = dict(list(state.items())[1:])
    with pytest.raises(
        InputError, match=r"weights.pth is no r2plus1d .* a recipe starts from https://host/r2plus1d.pth"
    ):
        torch_start(write_state(tmp_path / "weights.pth", spoilt), known)
