"""The report's figures: in the page's colours, small for any number of clips, and true to their captions."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib import cbook

from stagewise.report import figures, svg
from stagewise.report.training import Run


def test_a_figure_is_in_the_pages_colours_and_its_text_is_escaped():
    with svg.style():
        pictures = []
        for name in ("one", "one", "two"):
            axes = svg.new_axes()
            axes.plot([0, 1], [0, 1], color=svg.STALLED)
            axes.set_title("<script>x</script> & $1$ $2$")
            pictures.append(svg.inline(axes, name, 'what "it" shows').svg)
    assert pictures[0] == pictures[1]
    ids = [set(re.findall(r' id="(\w+)"', picture)) for picture in pictures]
    assert ids[0] and not ids[0] & ids[2]
    assert "var(--stalled)" in pictures[0] and not re.search("#0000[01]", pictures[0])
    assert "&lt;script&gt;x&lt;/script&gt; &amp; $1$ $2$" in pictures[0]
    assert 'aria-label="what &quot;it&quot; shows"' in pictures[0]


def trained_run(epochs: int, kept: tuple[int, ...], best: int) -> Run:
    history = pd.DataFrame({"epoch": range(epochs), "loss": 1.0, "val_loss": np.linspace(1, 0.1, epochs)})
    config = {"recipe": {"kept": {"monitor": "auc", "kept_epochs": list(kept)}}, "finished": True}
    return Run("a_stage", 0, config | {"best": {"epoch": best - 1}}, history)


@pytest.mark.parametrize(("epochs", "kept", "drawn"), [(1120, (515, 1115), [515, 1115]), (600, (515, 705), [515])])
def test_snapshots_are_lines_with_their_numbers_and_a_long_training_is_a_small_curve(monkeypatch, epochs, kept, drawn):
    run = trained_run(epochs, kept, best=7)
    with svg.style():
        assert len(figures.learning_curve([run], "val_loss", "", "loss").svg) < 40_000
        monkeypatch.setattr(figures, "inline", lambda axes, name, caption: axes)
        axes = figures.learning_curve([run], "val_loss", "")
    curve, dot, *lines = axes.lines
    assert len(curve.get_xdata()) == figures.MOST_POINTS and curve.get_xdata()[-1] == epochs
    assert (dot.get_xdata().item(), dot.get_ydata().item()) == (7, run.history["val_loss"][6])
    assert [line.get_xdata()[0] for line in lines] == [int(text.get_text()) for text in axes.texts] == drawn


def test_numbers_on_an_axis_within_a_decade_are_plain_text():
    with svg.style():
        picture = figures.test_probabilities(np.array([0.1] * 6 + [0.5] * 3), 0.5)
    assert "$" not in picture.svg and ">2<" in picture.svg


def test_a_curve_of_many_clips_is_thinned_and_keeps_its_ends():
    generator = np.random.default_rng(0)
    stalled = generator.random(50_000) < 0.1
    probability = np.clip(generator.normal(0.3 + 0.4 * stalled, 0.2), 0, 1)
    table = pd.DataFrame({"stalled": stalled.astype(int), "fold": 0, "probability": probability})
    with svg.style():
        curves = [figures.roc(table, 0.5), figures.precision_recall(table, 0.5)]
    assert all(len(curve.svg) < 40_000 for curve in curves)
    thin = figures._thinned(np.arange(5000.0))[0]
    assert (thin[0], thin[-1], len(thin)) == (0, 4999, figures.MOST_POINTS)


def test_the_area_under_the_drawn_precision_is_the_average_precision_of_the_caption(monkeypatch):
    generator = np.random.default_rng(0)
    table = pd.DataFrame({"stalled": [0, 1] * 20, "fold": 0, "probability": generator.random(40)})
    monkeypatch.setattr(figures, "inline", lambda axes, name, caption: (axes.lines[0], caption))
    line, caption = figures.precision_recall(table, 0.5)
    recall, precision = cbook.STEP_LOOKUP_MAP[line.get_drawstyle()](*line.get_data())
    assert f"average precision {-np.trapezoid(precision, recall):.4f}" in caption
