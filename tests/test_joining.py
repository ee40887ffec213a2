"""r61 on the tables that r41 and r42 write: what it takes, writes and refuses."""

import json
import sys
from pathlib import Path

import made_run
import made_stages
import numpy as np
import pandas as pd
import pytest
from house import REPOSITORY, main_of

from stagewise.files import paths
from stagewise.messages.errors import InputError
from stagewise.recipes.vote import THRESHOLDS
from stagewise.scores.score import is_stalled

SCRIPT, VOTE = REPOSITORY / "join" / "r61_join.py", REPOSITORY / "third_place_vote" / "r61_vote.py"
TABLE = made_stages.clips(projects=40)
GOOD, OTHER = (made_stages.guesses(TABLE["stalled"], 2.0, seed) for seed in (1, 2))
TEST = np.random.default_rng(0).random((2, made_stages.VIDEOS))  # of both stages


@pytest.fixture
def r61(root, monkeypatch, capsys):
    """The script's output."""

    def r61(*arguments: str, script: Path = SCRIPT) -> str:
        capsys.readouterr()
        monkeypatch.setattr("stagewise.scores.paired.RESAMPLES", 50)
        monkeypatch.setattr(sys, "argv", ["r61", *arguments])
        main_of(script)()
        return capsys.readouterr().out

    return r61


@pytest.fixture
def two_stages(root):
    """Tables of the stages `first` and `second`, which belong together; returns the videos as they were asked for."""
    asked = made_stages.ask()
    for stage, probability, test in (("first", GOOD, TEST[0]), ("second", OTHER, TEST[1])):
        made_stages.write_stage(stage, TABLE, probability, test)
    return asked


def submission() -> pd.DataFrame:
    return pd.read_csv(paths.submission_csv())


def how() -> dict:
    return json.loads(paths.joined_json().read_text())


def test_the_submission_has_the_formats_order_and_how_it_was_made(r61, two_stages):
    told = r61("first", "second", "--method", "mean")
    assert "240 clips of 40 projects out of fold, 80 stalled, folds 0, 1, 2, 3; 12 test videos" in told
    made = how()
    assert (made["method"], made["weights"], made["why"]) == (
        "mean",
        {"first": 0.5, "second": 0.5},
        "as --method mean asked",
    )
    assert submission()["filename"].tolist() == two_stages
    assert submission()["stalled"].tolist() == is_stalled(TEST.mean(axis=0), made["threshold"]).astype(int).tolist()
    np.testing.assert_allclose(pd.read_csv(paths.test_csv(paths.JOINED))["probability"], TEST.mean(axis=0))
    for path, sha256 in made["made_from"].items():
        assert paths.sha256_of(paths.root() / path) == sha256
    assert {"modified_data/first_oof.csv", "subm/second_test.csv"} < made["made_from"].keys()
    assert made["tables"]["submission.csv"] == paths.sha256_of(paths.submission_csv())
    scores = made["scores"]["mean"]
    line = next(line.split() for line in told.splitlines() if line.startswith("  mean "))
    assert [line[1], line[6], line[11]] == [f"{scores[name]:.4f}" for name in ("roc_auc", "mcc", "mcc_on_own_clips")]
    assert made["scores"].keys() == {"first", "second", "mean", "ranks", "1-of-2", "2-of-2", "weighted", "stacking"}


def test_the_formats_spelling_is_repeated(r61, root):
    asked = made_stages.ask("{}")
    for stage in ("first", "second"):
        made_stages.write_stage(stage, TABLE, GOOD)
    r61("first", "second")
    assert pd.read_csv(paths.submission_csv(), dtype=str)["filename"].tolist() == asked


@pytest.mark.parametrize("method", [None, "second", "2-of-2", "weighted", "stacking"])
def test_the_order_of_the_stages_changes_nothing(r61, two_stages, method):
    options = ("--method", method) if method else ()
    told = r61("first", "second", *options)
    files = (paths.submission_csv(), paths.test_csv(paths.JOINED), paths.joined_json())
    written = [path.read_bytes() for path in files]
    assert r61("second/", "first", *options) == told
    assert written == [path.read_bytes() for path in files]
    assert method in (None, how()["method"])


def test_a_stage_of_noise_beside_a_good_one_leaves_its_answers_as_they_are(r61, root):
    made_stages.ask()
    made_stages.write_stage("good", TABLE, GOOD, TEST[0])
    made_stages.write_stage("noise", TABLE, np.random.default_rng(0).random(len(TABLE)), TEST[1])
    assert "taken: good, the simplest within the interval of the best" in r61("noise", "good")
    threshold = json.loads(paths.threshold_json("good").read_text())["threshold"]
    assert how()["weights"] == {"good": 1, "noise": 0} and how()["threshold"] == threshold
    assert submission()["stalled"].tolist() == is_stalled(TEST[0], threshold).astype(int).tolist()


def test_votes_are_by_each_stages_own_threshold(r61, two_stages):
    r61("first", "second", "--method", "2-of-2")
    own = {s: json.loads(paths.threshold_json(s).read_text())["threshold"] for s in ("first", "second")}
    assert how()["thresholds"] == own
    by_hand = (TEST[0] > own["first"]) & (TEST[1] > own["second"])
    assert submission()["stalled"].tolist() == by_hand.astype(int).tolist()


@pytest.mark.parametrize(("row", "cell"), [("flowing", "0"), ("blank", "")])
def test_unanswered_videos_have_the_row_that_r42_chose(r61, root, row, cell):
    asked = made_stages.ask()
    for stage, probability in (("first", GOOD), ("second", OTHER)):
        made_stages.write_stage(stage, TABLE, probability, unanswered=row)
    assert "11 test videos, 1 more not answered" in r61("first", "second")
    assert paths.submission_csv().read_text().splitlines()[-1] == f"{asked[-1]},{cell}"
    assert len(submission()) == len(asked) and submission()["stalled"][:-1].notna().all()


def test_a_dry_run_checks_everything_and_writes_nothing(r61, two_stages):
    before = paths.submission_csv().read_bytes()
    told = r61("first", "second", "--dry-run")
    assert "would read modified_data/first_oof.csv" in told and "would write subm/joined_test.csv" in told
    assert paths.submission_csv().read_bytes() == before and not paths.joined_json().exists()


def test_what_r41_and_r42_really_write_is_joined(r61, root):
    made_run.make_run()
    own, copy = made_run.STAGES[-1], "copy"
    (paths.models_folder() / copy).mkdir()
    for path in (paths.oof_csv, paths.threshold_json, paths.test_csv, paths.test_detailed_csv, paths.test_json):
        text = path(own).read_text()
        path(copy).write_text(text.replace(f'"{own}_test', f'"{copy}_test'))
    r42s = submission()
    assert f"taken: {copy}, " in r61(own, copy)
    threshold = json.loads(paths.threshold_json(own).read_text())["threshold"]
    means = pd.read_csv(paths.test_csv(own))["probability"]
    assert submission()["filename"].tolist() == sorted(r42s["filename"])  # there is no submission_format.csv
    by_name = dict(zip(r42s["filename"], is_stalled(means, threshold).astype(int), strict=True))
    assert submission()["stalled"].tolist() == [by_name[name] for name in submission()["filename"]]


def test_stages_that_hold_out_other_clips_are_scored_on_the_common_ones_where_that_is_asked(r61, two_stages):
    made_stages.write_stage("second", TABLE[:200], OTHER[:200], TEST[1])
    with pytest.raises(
        InputError, match=r"first_oof.csv has 40 clips that modified_data/second_oof.csv lacks.*--common"
    ):
        r61("first", "second")
    assert "200 clips of 40 projects" in r61("second", "first", "--common")


def harm_fold(stage: str) -> None:
    made_stages.write_stage(stage, TABLE.assign(fold=3 - TABLE["fold"]), OTHER)


def harm_label(stage: str) -> None:
    made_stages.write_stage(stage, TABLE.assign(stalled=1 - TABLE["stalled"]), 1 - OTHER)


def harm_weights(stage: str) -> None:
    text = paths.threshold_json(stage).read_text()
    paths.threshold_json(stage).write_text(text.replace(made_stages.weights_of(stage, [2])["2"], "f" * 64))


def harm_folds(stage: str) -> None:
    """r42 by fewer folds than r41 scored."""
    few = TABLE[TABLE["fold"] < 3]
    made_stages.write_stage(stage, few, OTHER[TABLE["fold"] < 3])
    made_stages.write_out_of_fold(stage, TABLE, OTHER)


def harm_probability(stage: str) -> None:
    TABLE.assign(probability=GOOD, unflipped=GOOD).to_csv(paths.oof_csv(stage), index=False)


def harm_score(stage: str) -> None:
    path = paths.threshold_json(stage)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"roc_auc": 0.0}))


def harm_answers(stage: str) -> None:
    text = paths.test_csv(stage).read_text()
    paths.test_csv(stage).write_text(text.replace("0.", "0.0", 1))


def remove(path):
    return lambda stage: path(stage).unlink()


@pytest.mark.parametrize(
    "other",
    ["net_d121_stage2_auc", "second_place_r101_run1", "secnod"],
    ids=["on the way to the last", "whose folder has an r41 for another", "misspelt"],
)
def test_what_has_no_r41_is_refused_with_the_stages_that_have_one(r61, two_stages, other):
    answering = ", ".join(("net_d121_stage3_tier1", "second_place_r101_run2", *THRESHOLDS))
    with pytest.raises(InputError, match=f"^{other} is no stage that answers; those that do are {answering}$"):
        r61("first", other)


R41, R42 = "run: python second/r41_process_oof.py", "python second/r42_process_test.py"
FIRST_NET, *_, LAST_NET = sorted(THRESHOLDS)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (remove(paths.oof_csv), f"second_oof.csv is not there; {R41}"),
        (remove(paths.threshold_json), f"no threshold models/second/threshold.json; {R41}"),
        (remove(paths.test_csv), f"second has no answers to the test videos.*; run: {R42}"),
        (remove(paths.test_json), f"second has no answers to the test videos.*; run: {R42}"),
        (
            harm_fold,
            r"100000.mp4 has fold 0 in modified_data/first_oof.csv, and 3 in .*; run both on one split and the same ",
        ),
        (harm_label, r"100000.mp4 has stalled \d in modified_data/first_oof.csv, and \d in modified_data/second_oof"),
        (harm_weights, f"threshold.json was not chosen with the present weights of fold 2; {R41} && {R42}"),
        (harm_folds, f"second_test.json is of folds 0, 1, 2, models/second/.* of folds 0, 1, 2, 3; {R41} && {R42}"),
        (harm_probability, f"threshold.json was not chosen from modified_data/second_oof.csv as it is now; {R41}"),
        (harm_score, f"threshold.json was not chosen from modified_data/second_oof.csv as it is now; {R41}"),
        (harm_answers, f"subm/second_test.csv is not as r42 wrote it; run: {R42}"),
        (
            lambda stage: made_stages.write_stage(stage, TABLE, OTHER, adaptive={"bound": 1e-4}),
            f"second_test.csv was answered with --adaptive, .*; run without it: {R42}",
        ),
        (
            lambda stage: made_stages.write_stage(stage, TABLE, OTHER, unanswered="blank"),
            f"1 videos, .* are in one of .* alone; answer again, alike: .* && {R42}",
        ),
        (lambda stage: made_stages.ask("9{}.mp4"), f"other test videos are asked for than .*; run: .* && {R42}"),
    ],
)
def test_what_does_not_belong_together_is_refused_with_the_command(r61, two_stages, harm, message):
    for net in THRESHOLDS:
        made_stages.write_stage(net, TABLE, OTHER, TEST[1])
    for stage in ("second", LAST_NET):
        harm(stage)
    for names in (("first", "second"), ("second", "first")):
        with pytest.raises(InputError, match=message):
            r61(*names)
    for name, net in (("first", FIRST_NET), ("second", LAST_NET)):
        message = message.replace(f"python {name}/", "python third_place_vote/").replace(name, net)
    with pytest.raises(InputError, match=message.replace(".py", ".py --net r3d")):
        r61(script=VOTE)
    assert not paths.joined_json().exists()


def test_rows_of_unanswered_videos_that_differ_are_refused(r61, root):
    made_stages.ask()
    made_stages.write_stage("first", TABLE, GOOD, unanswered="flowing")
    made_stages.write_stage("second", TABLE, OTHER, unanswered="blank")
    with pytest.raises(InputError, match=r"row flowing from first and blank from second; .*the same --unanswered"):
        r61("first", "second")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["first"], "first is alone; name two stages or more"),
        (["first", "second", "first/"], "first is named twice"),
        (
            ["first", "second", "--method", "magic"],
            "no way to join called magic; take one of single, first, second, mean",
        ),
        (["first", "second", "--method", "3-of-2"], "no way to join called 3-of-2"),
    ],
)
def test_a_command_line_that_joins_nothing_is_refused(r61, two_stages, arguments, message):
    with pytest.raises(InputError, match=message):
        r61(*arguments)


ONE_FOLD = TABLE.assign(fold=0)  # all that a split of -1 rows but for one fold's holds out
NOT_COMPARED = "ways to join are not compared out of fold: outside fold 0 there are 0 clips, 0 stalled"


@pytest.fixture
def one_fold(root):
    """Tables of `first` and `second`, and of the nets that vote, of one fold; returns the nets' test probabilities."""
    made_stages.ask()
    seeds = {"first": 1, "second": 2} | {net: 3 + number for number, net in enumerate(THRESHOLDS)}
    test = {stage: np.random.default_rng(seed).random(made_stages.VIDEOS) for stage, seed in seeds.items()}
    for stage, seed in seeds.items():
        made_stages.write_stage(stage, ONE_FOLD, made_stages.guesses(TABLE["stalled"], 2.0, seed), test[stage])
    return np.stack([test[net] for net in THRESHOLDS])


@pytest.mark.parametrize("words", [(), ("--method", "single")], ids=["by the comparison", "the best stage"])
def test_one_fold_is_too_few_to_choose_among_ways_out_of_fold(r61, one_fold, words):
    message = "^outside fold 0 there are 0 clips, .*--method NAME, with one of first, second, mean, ranks, 2-of-2, "
    with pytest.raises(InputError, match=message):
        r61("first", "second", *words)
    assert not paths.joined_json().exists()


@pytest.mark.parametrize("method", ["second", "mean", "ranks", "2-of-2", "weighted", "stacking"])
def test_a_way_that_is_named_is_fitted_to_one_fold_alone_and_its_scores_are_not_told(r61, one_fold, method):
    told = r61("first", "second", "--method", method)
    made = how()
    assert NOT_COMPARED in told and f"taken: {method}, as --method {method} asked" in told
    assert "less the best stage's" not in told
    assert NOT_COMPARED.endswith(made["not_compared"]) and list(made["scores"]) == [made["method"]] == [method]
    assert f"{method}: MCC {made['scores'][method]['mcc_on_own_clips']:.4f} on these clips" in told
    for stage, probability in (("first", GOOD), ("second", OTHER)):  # the same clips, dealt out to folds
        made_stages.write_stage(stage, TABLE, probability)
    assert NOT_COMPARED not in r61("first", "second", "--method", method)
    assert how()["not_compared"] is None and fitted(how()) == fitted(made)


def fitted(made: dict) -> dict:
    return {name: made.get(name) for name in ("threshold", "weights", "ranks_among", "thresholds", "coefficients")}


def test_the_votes_own_way_is_not_said_to_have_been_asked_for(r61, one_fold):
    for words, why in (((), "the recipe's own way"), (("--method", "2-of-3"), "as --method 2-of-3 asked")):
        assert f"taken: 2-of-3, {why}\n" in r61(*words, script=VOTE)
        assert (how()["method"], how()["why"]) == ("2-of-3", why)


@pytest.mark.parametrize("words", [(), ("--method", "winner")])
def test_nets_of_one_fold_vote(r61, one_fold, words):
    """As a winner trained, who held little out."""
    assert NOT_COMPARED in r61(*words, "--dry-run", script=VOTE)
    assert NOT_COMPARED in r61(*words, script=VOTE)
    own = [json.loads(paths.threshold_json(net).read_text())["threshold"] for net in THRESHOLDS]
    thresholds = list(THRESHOLDS.values()) if words else own
    votes = (one_fold > np.array(thresholds)[:, None]).sum(axis=0)
    assert submission()["stalled"].tolist() == (votes >= 2).astype(int).tolist()


def test_what_learns_from_clips_is_refused_where_a_class_lacks(r61, root):
    made_stages.ask()
    for number, net in enumerate(THRESHOLDS):  # which have 80 flowing clips in common
        table = ONE_FOLD.drop(columns="project_id").sort_values("stalled", ignore_index=True)
        held = table.index < 160 if number else table.index >= 80
        made_stages.write_stage(net, table[held], made_stages.guesses(table["stalled"], 2.0, number)[held])
    message = "^of 80 clips 0 are stalled, and 2-of-3 is fitted to .*r41_process_oof.*, or add --method winner, which "
    with pytest.raises(InputError, match=message):
        r61("--common", script=VOTE)
    assert "winner: MCC 0.0000 on these clips" in r61("--common", "--method", "winner", script=VOTE)


def test_the_split_that_a_stage_was_trained_on_is_in_its_commands(r61, two_stages, monkeypatch):
    monkeypatch.setattr("stagewise.folds.runs.begun_folds", lambda stage: [0])
    monkeypatch.setattr("stagewise.folds.runs.read_config", lambda stage, fold: {"split": {"file": "my split.csv"}})
    paths.oof_csv("second").unlink()
    with pytest.raises(InputError, match=r"run: python second/r41_process_oof.py --split 'my split.csv'"):
        r61("first", "second")
