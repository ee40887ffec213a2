"""The report: the same page for the same files, of other people's text nothing runs, and what is missing is said."""

import base64
import json
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path

import av
import made_run
import numpy as np
import pandas as pd
import pytest
import tiny
from house import main_of

from stagewise.files import paths
from stagewise.folds import runs
from stagewise.messages.errors import InputError
from stagewise.prediction.submission import AnswerSettings, write_submission, write_tables
from stagewise.report.answers import Answers, expected_answers, read_answers, true_share
from stagewise.report.clips import LARGEST_SIDE, MOST_FRAMES, clip_groups, data_uri, panes
from stagewise.report.evidence import gather
from stagewise.report.page import render

REPOSITORY = Path(__file__).parents[1]
STAGE = made_run.STAGES[-1]
RECIPE = made_run.recipe()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A root with the files of a whole run."""
    with pytest.MonkeyPatch.context() as patched:
        root = tmp_path_factory.mktemp("made")
        patched.setenv("STAGEWISE_ROOT", str(root))
        made_run.make_run()
        return root


@pytest.fixture
def run(made, root):
    """A copy of it to change, as the present STAGEWISE_ROOT."""
    shutil.copytree(made, root, dirs_exist_ok=True)
    return root


class Page(HTMLParser):
    """Tags with their attributes, and the text, of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def html(made):
    """The page of the run, with clips."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STAGEWISE_ROOT", str(made))
        evidence = gather(RECIPE, None, None)
        return render(evidence, clip_groups(evidence, 2))


def test_the_page_is_the_same_for_the_same_files(run, html):
    evidence = gather(RECIPE, None, None)
    assert render(evidence, clip_groups(evidence, 2)) == html


def test_the_page_needs_no_other_file_and_no_network(html):
    tags = Page(html).tags
    addresses = [value for _, attributes in tags for name, value in attributes.items() if name in ("src", "href")]
    assert len([address for address in addresses if address.startswith("data:video/mp4")]) == 4
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert not re.search(r"https?:|url\([^#]|@import", html)


def test_ids_are_there_once_and_lead_somewhere(html):
    tags = Page(html).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    pointers = re.findall(r'(?:href="|url\()#([\w-]+)', html)
    assert pointers and set(pointers) <= set(ids)


def test_names_are_text_and_no_markup(html):
    page = Page(html)
    assert [tag for tag, _ in page.tags if tag in ("b", "i")] == []
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 2  # the table's data, and ours
    assert made_run.PROJECTS[1] in page.text and made_run.QUARANTINED in page.text
    block = re.search('<script type="application/json" id="answers-data">(.*?)</script>', html).group(1)
    assert json.loads(block)["columns"][0] == list(made_run.TEST_NAMES)
    assert "<" not in block


def test_commands_seeds_and_hashes_of_every_stage_and_fold_are_there(run, html):
    text = Page(html).text
    for stage in made_run.STAGES:
        for fold in made_run.FOLDS:
            assert f"python {stage}/r31_train.py --fold {fold} --seed 3" in text
    for path in (paths.split_csv(), paths.oof_csv(STAGE), paths.fold_folder(STAGE, 1) / "best.weights.h5"):
        assert paths.sha256_of(path) in text
    assert f"r41_process_oof.py --seed {made_run.SEED} --prevalence 0.003" in text


def test_what_is_missing_is_said_with_the_command_that_makes_it(run):
    (paths.submission_folder() / "submission.csv").unlink()
    paths.roi_index("test").unlink()
    paths.videos_folder("test").mkdir(parents=True)
    (paths.videos_folder("test") / "new.mp4").touch()
    shutil.rmtree(paths.fold_folder(made_run.STAGES[0], 1))
    evidence = gather(RECIPE, None, None)
    text = Page(render(evidence, [])).text
    for command in (
        f"python {STAGE}/r42_process_test.py",
        "python preproc_data/r01_extract_roi.py test",
        f"python {made_run.STAGES[0]}/r31_train.py --fold 1",
    ):
        assert f"run: {command}" in str(evidence)
        assert f"Made by {command}" in text


def test_a_parent_that_was_trained_anew_is_pointed_out(run):
    parent = paths.fold_folder(made_run.STAGES[1], 1) / "config.json"
    parent.write_text(parent.read_text().replace(f'"auc": 0.9,\n    "sha256": "{made_run.UNKNOWN}"', '"sha256": "2"'))
    (gap,) = gather(RECIPE, None, None).gaps
    assert gap.what == f"fold 1 of {STAGE} started from other weights than {made_run.STAGES[1]} holds now"
    assert gap.command.endswith("--fold 1 --seed 3 --force")


def test_answers_of_other_weights_or_folds_are_pointed_out(run):
    made_run.answer_test([0.4, 0.3, 0.2], names=["one.mp4"], folds=[2, 1, 0])
    assert gather(RECIPE, None, None).gaps == gather(RECIPE, None, [1, 0, 2]).gaps == []
    edit(settings, '"1": "', '"1": "f')()
    (gap,) = gather(RECIPE, None, None).gaps
    assert str(gap) == f"fold 1 answered the test videos with other weights than now; {R42}"
    made_run.answer_test([0.4], names=["one.mp4"], folds=[1])
    (gap,) = gather(RECIPE, None, None).gaps
    assert str(gap) == f"the test videos were answered by fold 1, not folds 0, 1, 2; {R42}"


def test_a_page_is_made_while_a_fold_is_trained(run):
    made_run.answer_out_of_fold([0, 1])
    for stage in made_run.STAGES[1:]:
        content = runs.read_config(stage, 2)
        del content["best"]
        runs.write_json(paths.fold_folder(stage, 2) / runs.CONFIG, content | {"finished": False})
    evidence = gather(RECIPE, None, None)
    assert f"not finished: fold 2 of {STAGE}" in str(evidence)
    render(evidence, [])


def test_columns_of_a_split_beyond_those_that_are_asked_for_do_no_harm(run):
    table = pd.read_csv(paths.split_csv()).assign(frames=1, status="x", height="tall")
    table.to_csv(paths.split_csv(), index=False)
    for stage in made_run.STAGES:
        for fold in made_run.FOLDS:
            content = runs.read_config(stage, fold)
            content["split"]["sha256"] = paths.sha256_of(paths.split_csv())
            runs.write_json(paths.fold_folder(stage, fold) / runs.CONFIG, content)
    render(gather(RECIPE, None, None), [])


def test_a_fold_that_is_not_trained_is_left_out_unless_it_is_asked_for(run):
    made_run.answer_out_of_fold([0, 1])
    shutil.rmtree(paths.fold_folder(STAGE, 2))
    evidence = gather(RECIPE, None, None)
    mend = f"run: python {STAGE}/r31_train.py --fold 2 --seed 3"  # as the other folds were trained
    assert f"not trained: fold 2 of {STAGE}; {mend}" in str(evidence)
    render(evidence, [])
    with pytest.raises(InputError, match=f"no trained fold 2 of {STAGE}"):
        gather(RECIPE, None, [0, 2])


def test_one_fold_alone_makes_a_page(run):
    made_run.answer_out_of_fold([1])
    made_run.answer_test([0.4], names=["one.mp4"], folds=[1])
    assert "one.mp4" in render(gather(RECIPE, None, [1]), [])


def lose(path):
    def change() -> None:
        path().unlink()

    return change


def edit(path, old: str, new: str):
    def change() -> None:
        text = path().read_text()
        assert old in text
        path().write_text(text.replace(old, new, 1))

    return change


def config():
    return paths.fold_folder(STAGE, 1) / "config.json"


def oof():
    return paths.oof_csv(STAGE)


def threshold():
    return paths.threshold_json(STAGE)


def detailed():
    return paths.test_detailed_csv(STAGE)


def settings():
    return paths.test_json(STAGE)


R41, R42 = f"run: python {STAGE}/r41_process_oof.py", f"run: python {STAGE}/r42_process_test.py"


@pytest.mark.parametrize(
    ("change", "folds", "message"),
    [
        (lose(oof), None, f"_oof.csv is not there; {R41}"),
        (lose(threshold), None, f"no threshold .*; {R41}"),
        (lose(config), [1], f"no trained fold 1 of {STAGE}"),
        (edit(config, '"finished": true', '"finished": false'), [1], "has not finished; go on with"),
        (edit(config, '"sha256": "', '"sha256": "f'), None, "was trained on another split"),
        (edit(threshold, '"threshold": 0.', '"threshold": 0.0'), None, f"does not follow from .*_oof.csv; {R41}"),
        (edit(threshold, '"seed"', '"sead"'), None, f"lacks 'seed'; {R41}"),
        (edit(oof, "True,0.", "True,7."), None, "probability .7.* is outside 0-1"),
        (edit(detailed, "0.", "0.9"), None, f"_test_detailed.csv is not as r42 wrote it; {R42}"),
        (edit(settings, '"weights"', '"waits"'), None, f"_test.json is damaged .*; {R42}"),
        (lambda: None, [0, 1], f"has clips of fold 2, .*, or {R41} --fold 0 --fold 1$"),
    ],
)
def test_files_that_do_not_belong_together_are_refused_with_the_mend(run, change, folds, message):
    change()
    with pytest.raises(InputError, match=message):
        gather(RECIPE, None, folds)


def other_stage() -> None:
    answers = pd.DataFrame({"filename": made_run.TEST_NAMES, "asked": made_run.TEST_NAMES})
    settings = AnswerSettings(0.5, {"0": made_run.UNKNOWN})
    write_submission(tiny.recipe(name="other_stage"), answers, np.full((len(answers), 1), 0.7), settings)


def joined() -> None:
    answers = pd.DataFrame({"filename": made_run.TEST_NAMES, "stalled": 1})
    runs.write_json(paths.joined_json(), {"tables": write_tables({paths.submission_csv(): answers})})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_stage, "those of other_stage are there"),
        (joined, "r61 has put joined ones there"),
        (edit(paths.submission_csv, ",0\n", ",1\n"), "it was replaced since"),
    ],
)
def test_where_the_submission_holds_other_answers_by_now_the_page_says_so_and_shows_this_stages(run, change, said):
    before = read_answers(STAGE, R42)
    assert gather(RECIPE, None, None).holds_submission
    change()
    evidence = gather(RECIPE, None, None)
    assert not evidence.holds_submission and evidence.gaps == []
    for name in ("mean", "stalled", "by_fold"):
        np.testing.assert_array_equal(getattr(evidence.answers, name), getattr(before, name))
    text = Page(render(evidence, [])).text
    assert f"subm/submission.csv does not hold these answers: {said}. To put these back: {R42[5:]}" in text
    assert paths.sha256_of(paths.submission_csv()) not in text


def test_nothing_trained_is_an_error_that_names_the_training(run):
    shutil.rmtree(paths.models_folder() / STAGE)
    with pytest.raises(InputError, match=f"run: python {STAGE}/r31_train.py --fold 0"):
        gather(RECIPE, None, None)


def test_a_dry_run_writes_nothing_and_a_second_run_the_same(run, monkeypatch, capsys):
    main = main_of(REPOSITORY / STAGE / "r51_report.py")
    report = paths.submission_folder() / "report.html"

    def r51(*arguments: str) -> bytes | None:
        monkeypatch.setattr(sys, "argv", ["r51_report.py", "--clips", "0", *arguments])
        main()
        return report.read_bytes() if report.exists() else None

    assert r51("--dry-run") is None
    assert r51() == r51() is not None
    assert "wrote subm/report.html" in capsys.readouterr().out


def test_the_competitions_test_set_of_five_folds_adds_less_than_a_megabyte():
    generator = np.random.default_rng(0)
    names = pd.Series([f"{100000 + number}.mp4" for number in range(14_160)])
    by_fold = generator.random((len(names), 5))
    by_fold[0, 1:] = np.nan  # an adaptive ensemble did not ask these
    settings = AnswerSettings(0.5, dict.fromkeys("01234", made_run.UNKNOWN))
    answers = Answers(names, by_fold, by_fold[:, 0], by_fold[:, 0] > 0.5, settings)
    columns = answers.columns()
    assert len(json.dumps(columns, separators=(",", ":"))) < 1e6
    shown = np.array(columns["columns"][1]) / 10 ** columns["decimals"]
    np.testing.assert_allclose(shown, by_fold[:, 0], atol=0.5e-4)
    assert [column[0] for column in columns["columns"][2:6]] == [None] * 4


def test_answers_of_an_adaptive_ensemble_are_read_with_their_gaps(run):
    made_run.answer_test(np.array([[0.2, np.nan, np.nan], [0.9, 0.8, 0.7]]), names=["a.mp4", "b.mp4"], passes=[1, 24])
    answers = read_answers(STAGE, R42)
    assert np.isnan(answers.by_fold).tolist() == [[False, True, True], [False] * 3]
    assert answers.stalled.tolist() == [0, 1]
    text = Page(render(gather(RECIPE, None, None), [])).text
    assert "r42_process_test.py --adaptive 0.0001 --prevalence 0.0031415926 --seed 4242424242" in text


@pytest.mark.parametrize(("row", "in_words"), [("flowing", "Called flowing"), ("blank", "Left blank")])
def test_videos_without_an_answer_are_shown_as_such_and_count_in_no_share(run, row, in_words):
    names, reasons = ["a.mp4", "<b>cut.mp4", "c.mp4"], {"<b>cut.mp4": "is cut off <i>here</i>"}
    made_run.answer_test([[0.2] * 3, [0.9] * 3], names=names, reasons=reasons, row=row)
    answers = read_answers(STAGE, R42)
    assert (answers.answered, answers.called, answers.share) == (2, 1, 0.5)
    assert [values[1] for values in answers.columns()["columns"]] == ["<b>cut.mp4", *[None] * 5]
    evidence = gather(RECIPE, None, None)
    assert "2 test videos answered, 1 not" in str(evidence)
    text = Page(render(evidence, [])).text
    assert "Of 2 test videos they call 1 stalled; 1 could not be answered." in text
    assert f"{in_words} in the submission, as --unanswered {row} asked" in text and "is cut off <i>here</i>" in text
    assert f"r42_process_test.py --unanswered {row}" in text or f"--threshold 0.5 --unanswered {row}" in text


def test_no_test_set_is_said_and_is_no_gap(run):
    shutil.rmtree(paths.submission_folder())
    paths.roi_index("test").unlink()
    evidence = gather(RECIPE, None, None)
    assert evidence.gaps == [] and "no test videos answered" in str(evidence)
    assert "There is no test set" in Page(render(evidence, [])).text


def test_expected_answers_and_the_share_behind_them_are_inverse():
    for share in (0.003, 0.3, 1.0):
        expected = expected_answers(1000, share, sensitivity=0.9, specificity=0.8)
        assert expected.low <= expected.count <= expected.high
        assert true_share(expected.count / 1000, 0.9, 0.8) == pytest.approx(share)
    assert true_share(0.0, 0.9, 0.8) == 0.0  # fewer answers than false alarms alone would be
    assert true_share(0.3, 0.5, 0.5) is None
    certain = expected_answers(10, 0.5, sensitivity=1.0, specificity=1.0)
    assert certain.count == 5.0


@pytest.mark.parametrize(("shape", "shown"), [((9, 12, 17), (9, 12, 51)), ((200, 300, 150), (MOST_FRAMES, 128, 192))])
def test_a_clip_of_any_size_is_small_on_the_page_and_plays_every_frame(shape, shown, tmp_path):
    volume = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    frames = panes(volume, np.full_like(volume, 255))
    assert frames.shape[:3] == shown and max(shown[1], shown[2] // 3) <= LARGEST_SIDE
    if frames.shape[1] == shape[1]:
        np.testing.assert_array_equal(frames[:, :, : shape[2]], volume)
    kind, _, content = data_uri(frames).partition("base64,")
    assert kind == "data:video/mp4;"
    path = tmp_path / "clip.mp4"
    path.write_bytes(base64.b64decode(content))
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == shown[0]


def test_a_clip_whose_volume_is_gone_says_so_in_its_place(run):
    evidence = gather(RECIPE, None, None)
    for volume in paths.roi_folder("train").iterdir():
        volume.unlink()
    page = Page(render(evidence, clip_groups(evidence, 1)))
    assert not [tag for tag, _ in page.tags if tag == "video"]
    assert "is not there; run: python preproc_data/r01_extract_roi.py train" in page.text
