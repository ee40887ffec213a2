"""The report's figures: in the page's colours, small for any number of clips, and true to their captions."""

import re

import numpy as np
import pandas as pd
from matplotlib import cbook

from stagewise.report import figures, svg


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
