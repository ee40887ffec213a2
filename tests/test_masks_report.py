"""The report on masks: it holds what the other scripts wrote, says what is missing, and draws in a browser."""

import json
import re
import sys
from html import unescape

import made_masks
import pytest
from made_masks import NETS, PART, QUARANTINED, stage_of
from test_report_in_browser import browser  # noqa: F401

from stagewise.files import paths, xray_paths
from stagewise.folds import runs
from stagewise.masks.answering import answer_test
from stagewise.masks.out_of_fold import answer_out_of_fold
from stagewise.masks.submission import read_answers
from stagewise.messages.errors import InputError, QuarantinedError
from stagewise.recipes.pneumothorax import EXPERIMENTS
from stagewise.report.mask_evidence import gather
from stagewise.report.mask_making import make_report

LOCAL = ("--net", NETS[0], "--workers", "0", "--engine", "keras")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two folds, answered out of fold and on test images; the page is below the root."""
    root = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STAGEWISE_ROOT", str(root))
        made_masks.make_data()
        made_masks.make_trainings(NETS[0], weights=lambda recipe, seed: f"{recipe.name} {seed}".encode())
        made_masks.answer(NETS[0])
        patched.setattr(sys, "argv", ["r41.py", *LOCAL])
        answer_out_of_fold(EXPERIMENTS, "doc")
        patched.setattr(sys, "argv", ["r42.py", *LOCAL, "--unanswered", "empty"])
        with pytest.raises(QuarantinedError):
            answer_test(EXPERIMENTS, "doc")
        patched.setattr(sys, "argv", ["r51.py"])
        make_report(EXPERIMENTS, "doc")
        yield root


@pytest.fixture
def here(run, monkeypatch):
    monkeypatch.setenv("STAGEWISE_ROOT", str(run))
    return run


@pytest.fixture
def html(here) -> str:
    return xray_paths.report().read_text(encoding="utf-8")


def test_scores_and_rules_are_those_of_r41(html):
    found = json.loads(xray_paths.rule_json(stage_of(NETS[0])).read_text())
    for candidate in found["candidates"].values():
        for group in candidate["dice"].values():
            assert f"{group['other_folds']:.4f}" in html
    triplet = found["candidates"]["triplet"]["rule"]
    assert f"triplet ({triplet['top']:g}, {triplet['area']}, {triplet['bottom']:g})" in html


def test_every_fold_its_kept_epochs_and_the_share_of_positives_are_there(html):
    for epoch in made_masks.SNAPSHOTS:
        assert html.count(f">{epoch} of 4") == len(made_masks.FOLDS)
    assert "80 % of an epoch's images have a pneumothorax" in unescape(html)
    assert html.count('aria-label="Dice of all validation images, part after part') == 1


def test_commands_hashes_seeds_and_what_was_set_aside_are_there(html):
    evidence = gather(EXPERIMENTS, None, None, None, None)
    for run in evidence.trained:
        assert run.best["sha256"] in html and unescape(html).count(run.command) == 1
    assert evidence.answers.settings.made_by in unescape(html)
    for path in (xray_paths.oof_csv(evidence.stage), xray_paths.submission_csv(), xray_paths.split_csv()):
        assert paths.sha256_of(path) in html
    assert f">{QUARANTINED}<" not in html and f"<td>{QUARANTINED}</td>" in unescape(html)
    assert "<b>here</b>" not in html and "&lt;b&gt;here&lt;/b&gt;" in html


def test_images_are_inside_the_page_and_it_is_the_same_for_the_same_files(html, monkeypatch):
    addresses = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert addresses and all(address.startswith(("data:image/png;base64,", "#")) for address in addresses)
    assert len([address for address in addresses if address.startswith("data:")]) >= 4
    monkeypatch.setattr(sys, "argv", ["r51.py"])
    make_report(EXPERIMENTS, "doc")
    assert xray_paths.report().read_text(encoding="utf-8") == html


def test_what_is_missing_or_of_other_weights_is_said_with_its_command(here, monkeypatch):
    submission, told = xray_paths.submission_csv(), xray_paths.answers_json().read_text()
    weights = {made: {**of, "0": "f" * 64} for made, of in read_answers("mend").settings.weights.items()}
    runs.write_json(xray_paths.answers_json(), {**json.loads(told), "weights": weights})
    assert "answered by other weights" in str(gather(EXPERIMENTS, None, None, None, None))
    xray_paths.answers_json().unlink()
    evidence = gather(EXPERIMENTS, None, None, None, None)
    gap = f"no answers to the test images; run: python pneumothorax/r42_process_test.py --net {NETS[0]} --part {PART}"
    assert gap in str(evidence)
    xray_paths.answers_json().write_text(told)
    kept = submission.read_bytes()
    submission.write_bytes(kept + b"x,-1\n")
    with pytest.raises(InputError, match="is not the one"):
        gather(EXPERIMENTS, None, None, None, None)
    submission.write_bytes(kept)


@pytest.mark.parametrize("changed", ["seed", "candidates"])
def test_a_rule_that_does_not_follow_from_the_counts_is_refused(here, changed):
    path = xray_paths.rule_json(stage_of(NETS[0]))
    kept = path.read_text()
    found = json.loads(kept)
    if changed == "seed":
        found["seed"] += 1
    else:
        found["candidates"]["doublet"]["dice"]["all"]["own"] -= 0.01
    path.write_text(json.dumps(found))
    with pytest.raises(InputError, match=r"does not follow from .*_oof.csv; run: python pneumothorax/r41"):
        gather(EXPERIMENTS, None, None, None, None)
    path.write_text(kept)


def test_the_page_renders_without_an_error_and_asks_no_network(browser, here):  # noqa: F811
    browser.get("about:blank")
    for log in ("browser", "performance"):
        browser.get_log(log)  # what the browser's own first page did
    browser.get(xray_paths.report().as_uri())
    loaded = (
        "return [...document.querySelectorAll('img')].map((img) => { img.loading = 'eager'; return img.src.length })"
    )
    assert len(browser.execute_script(loaded)) >= 4
    heights = "return [...document.querySelectorAll('svg')].map((svg) => svg.getBoundingClientRect().height)"
    drawn = browser.execute_script(heights)
    assert len(drawn) == 7 and min(drawn) > 100
    assert browser.title == f"Pneumothorax: {stage_of(NETS[0])}"
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert asked and {address.partition(":")[0] for address in asked} <= {"file", "data"}
