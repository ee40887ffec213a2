"""The report's page in a real browser, headless Chromium: it renders without errors, plays, and sorts its table."""

import json
import os
import shutil

import made_run
import numpy as np
import pytest

from stagewise.report.clips import clip_groups
from stagewise.report.evidence import gather
from stagewise.report.page import render

STAGE = made_run.STAGES[-1]
RECIPE = made_run.recipe()
FLAGS = (
    *("--headless=new", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--window-size=1200,1600"),
)
DECODED = "return [...document.querySelectorAll('video')].map((v) => [v.videoWidth, v.videoHeight, v.duration])"


def require_browser() -> None:
    """Skip, saying what to install; where the tests must be complete (CI=true), fail."""
    lacking = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    if lacking and os.environ.get("CI") == "true":
        pytest.fail(f"no {' and no '.join(lacking)}; run: apt-get install chromium chromium-driver")
    if lacking:
        pytest.skip(f"no {' and no '.join(lacking)} to look at the report with; install Chromium and its driver")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    require_browser()
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is in requirements-test.txt")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses to start for root otherwise
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """The browser with the page of a made run, opened from its file."""
    root = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STAGEWISE_ROOT", str(root))
        made_run.make_run()
        evidence = gather(RECIPE, None, None)
        (root / "report.html").write_text(render(evidence, clip_groups(evidence, 1)), encoding="utf-8")
    browser.get("about:blank")
    for log in ("browser", "performance"):
        browser.get_log(log)  # what the browser's own first page did
    browser.get((root / "report.html").as_uri())
    return browser


def column(page, number: int) -> list[str]:
    return page.execute_script(
        "return [...document.querySelectorAll('#answers tbody tr')].map((row) => row.children[arguments[0]].innerText)",
        number,
    )


def head(page, number: int):
    return page.find_elements("css selector", "#answers thead th")[number]


def click(page, element) -> None:
    """Scroll there first, clear of the contents that stay at the top, and click."""
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def test_the_page_renders_and_plays_without_an_error_and_asks_no_network(page):
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(page, 20).until(lambda page: all(width for width, _, _ in page.execute_script(DECODED)))
    videos = page.execute_script(DECODED)
    assert len(videos) == 2 and all(width and height and duration for width, height, duration in videos)
    drawn = "return [...document.querySelectorAll('svg')].map((svg) => svg.getBoundingClientRect().height)"
    heights = page.execute_script(drawn)
    assert len(heights) == 18 and min(heights) > 100
    assert [entry for entry in page.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert asked and {address.partition(":")[0] for address in asked} <= {"file", "data"}


def test_names_are_shown_as_they_are_and_nothing_in_them_runs(page):
    assert sorted(column(page, 0)) == sorted(made_run.TEST_NAMES)
    assert made_run.PROJECTS[1] in page.find_element("id", "data").text
    assert page.title == f"Stalled or flowing: {STAGE}"
    ran = "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s);"
    assert page.execute_script(f"{ran} return window.ran ?? 'refused'") == "refused"  # any script but the page's own


@pytest.mark.parametrize(("number", "kind"), [(0, "name"), (2, "number"), (4, "number")])
def test_a_click_on_a_columns_head_sorts_the_table_and_another_one_reverses_it(page, number, kind):
    other = head(page, 1)
    click(page, other.find_element("tag name", "button"))
    for order in ("ascending", "descending"):
        click(page, head(page, number).find_element("tag name", "button"))
        assert head(page, number).get_attribute("aria-sort") == order
        assert other.get_attribute("aria-sort") == "none"
        cells = column(page, number)
        if kind == "number":
            assert cells == sorted(cells, key=float, reverse=order == "descending")
        else:
            numbered = [cell for cell in cells if cell[0].isdigit()]
            assert numbered == sorted(numbered, reverse=order == "descending")
            assert len(cells) == len(made_run.TEST_NAMES)


def test_a_heads_button_works_by_keyboard(page):
    from selenium.webdriver.common.keys import Keys

    before = head(page, 3).get_attribute("aria-sort")
    head(page, 3).find_element("tag name", "button").send_keys(Keys.ENTER)
    assert head(page, 3).get_attribute("aria-sort") not in ("none", before)


def test_search_and_choice_of_answer_narrow_the_table(page):
    search = page.find_element("id", "search")
    search.send_keys("<B>")
    assert column(page, 0) == ["<b>bold.mp4"]
    assert page.find_element("id", "place").text == "1 to 1 of 1 videos"
    search.clear()
    search.send_keys(" ")
    page.find_element("css selector", "#answer option[value='1']").click()
    assert set(column(page, 5)) == {"stalled"}
    page.find_element("css selector", "#answer option[value='']").click()
    assert len(column(page, 0)) == len(made_run.TEST_NAMES)


def test_the_clips_can_be_paused(page):
    button = page.find_element("id", "play")
    paused = "return [...document.querySelectorAll('video')].map((video) => video.paused)"
    click(page, button)
    assert page.execute_script(paused) == [True, True]
    click(page, button)
    assert button.text == "Pause the clips"


def test_the_competitions_test_set_is_sorted_and_turned_over_at_once(browser, tmp_path, monkeypatch):
    monkeypatch.setenv("STAGEWISE_ROOT", str(tmp_path))
    made_run.make_run()
    count = 14_160
    names = [f"{100000 + number}.mp4" for number in range(count)]
    lost = {names[7]: "is cut off"}
    made_run.answer_test(np.random.default_rng(0).random((count - 1, 3)), names, reasons=lost, row="flowing")
    (tmp_path / "report.html").write_text(render(gather(RECIPE, None, None), []), encoding="utf-8")
    browser.get((tmp_path / "report.html").as_uri())
    assert browser.find_element("id", "place").text == "1 to 50 of 14,160 videos"
    clicked = "const start = performance.now(); arguments[0].click(); return performance.now() - start"
    button = head(browser, 4).find_element("tag name", "button")
    assert browser.execute_script(clicked, button) < 2000  # milliseconds
    lowest = column(browser, 4)
    click(browser, browser.find_element("id", "next"))
    assert browser.find_element("id", "place").text == "51 to 100 of 14,160 videos"
    assert sorted(lowest) == lowest and lowest[-1] <= column(browser, 4)[0]
    browser.find_element("css selector", "#answer option[value='null']").click()
    row = [column(browser, number) for number in range(6)]
    assert row == [[names[7]], *[["–"]] * 4, ["not answered"]]
    browser.find_element("css selector", "#answer option[value='0']").click()
    assert set(column(browser, 5)) == {"flowing"}
