"""The report: the same page for the same files, of other people's text nothing runs, and what is missing is said."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import made_run
import pandas as pd
import pytest

from stagewise import paths
from stagewise.errors import InputError
from stagewise.report.clips import clip_groups
from stagewise.report.evidence import gather
from stagewise.report.page import render

REPOSITORY = Path(__file__).parents[1]
STAGE = made_run.STAGES[-1]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A root with the files of a whole run."""
    with pytest.MonkeyPatch.context() as patched:
        root = tmp_path_factory.mktemp("made")
        patched.setenv("STAGEWISE_ROOT", str(root))
        made_run.make_run(root)
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


def test_the_page_is_the_same_for_the_same_files_and_needs_no_network(run):
    pages = [render(gather(STAGE, None, None), clip_groups(gather(STAGE, None, None), 2)) for _ in range(2)]
    assert pages[0] == pages[1]
    tags = Page(pages[0]).tags
    addresses = [value for _, attributes in tags for name, value in attributes.items() if name in ("src", "href")]
    assert len([address for address in addresses if address.startswith("data:video/mp4")]) == 4
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert not re.search("https?:|url\\([^#]|@import", pages[0])
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {address[1:] for address in addresses if address.startswith("#")} <= set(ids)


def test_names_are_text_and_no_markup(run):
    html = render(gather(STAGE, None, None), [])
    page = Page(html)
    assert [tag for tag, _ in page.tags if tag in ("b", "i", "img")] == []
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 2  # the table's data, and our own
    assert made_run.PROJECTS[1] in page.text and "bad<i>.mp4" in page.text
    block = re.search('<script type="application/json" id="answers-data">(.*?)</script>', html).group(1)
    assert json.loads(block)["columns"][0] == list(made_run.TEST_NAMES)
    assert "<" not in block


def test_every_stage_fold_hash_and_command_is_there(run):
    text = Page(render(gather(STAGE, None, None), [])).text
    for stage in made_run.STAGES:
        for fold in made_run.FOLDS:
            assert f"python {stage}/r31_train.py --fold {fold} --seed 3" in text
    for path in (paths.split_csv(), paths.oof_csv(STAGE), paths.fold_folder(STAGE, 1) / "best.weights.h5"):
        assert paths.sha256_of(path) in text
    assert f"r41_process_oof.py --fold 0 --fold 1 --fold 2 --seed {made_run.THRESHOLD_SEED} --prevalence 0.003" in text


def test_what_is_missing_is_said_with_the_command_that_makes_it(run):
    (paths.submission_folder() / "submission.csv").unlink()
    paths.roi_index("test").unlink()
    shutil.rmtree(paths.fold_folder(made_run.STAGES[0], 1))
    evidence = gather(STAGE, None, None)
    text = Page(render(evidence, [])).text
    for command in (
        f"{STAGE}/r42_process_test.py",
        "r01_extract_roi.py test",
        f"{made_run.STAGES[0]}/r31_train.py --fold 1",
    ):
        assert f"python {command}" in text.replace("preproc_data/", "") and command in str(evidence).replace(
            "preproc_data/", ""
        )


def test_folds_that_are_not_trained_are_left_out_unless_they_were_asked_for(run):
    with_folds(lambda table: table[table["fold"] != 2])
    shutil.rmtree(paths.fold_folder(STAGE, 2))
    assert f"fold 2 of {STAGE} is not trained; run: python {STAGE}/r31_train.py --fold 2" in str(
        gather(STAGE, None, None)
    )
    with pytest.raises(InputError, match=f"no trained fold 2 of {STAGE}"):
        gather(STAGE, None, [0, 2])


def with_folds(change) -> None:
    """r41's files anew, of a changed table of its answers."""
    from stagewise.inference import plan_out_of_fold
    from stagewise.threshold import write_threshold

    table = change(pd.read_csv(paths.oof_csv(STAGE)))
    table.to_csv(paths.oof_csv(STAGE), index=False)
    write_threshold(plan_out_of_fold(STAGE, None, sorted(set(table["fold"]))), table, 5, 0.003)
