"""Figures as SVG inside the page, in its fonts and colours, bright or dark; the same bytes for the same figure."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from xml.etree import ElementTree

import matplotlib
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

PANEL = (3.7, 2.6)  # inches; the page scales a figure to the width of its column
# the same in all panels, so that they stand in line; a layout engine would take as long as all the drawing
MARGINS = {"left": 0.165, "right": 0.965, "bottom": 0.17, "top": 0.975}
# Stand-ins for colours that the page's style sheet knows: it is bright or dark as its reader has it.
INK, GREY, LINE, STALLED, FLOWING = (f"#00000{digit}" for digit in range(1, 6))
FOLDS = tuple(f"#00001{digit}" for digit in range(8))
VARIABLES = {INK: "ink", GREY: "grey", LINE: "line", STALLED: "stalled", FLOWING: "flowing"} | {
    colour: f"fold-{number}" for number, colour in enumerate(FOLDS)
}
VARIABLES["#808080"] = "grey"  # matplotlib's, of axes that r41 draws too
STYLE = {
    "svg.fonttype": "none",  # text stays text: in the page's font, and found by a search
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # measured with; the page's own font is narrower
    "font.size": 8,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=(FLOWING,)),
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
}
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
KEPT_DIGITS = re.compile(r"(\d+\.\d\d)\d+")  # hundredths of a point


@dataclass(frozen=True)
class Picture:
    """A figure in the page, and what it shows, for every reader."""

    svg: str
    caption: str


@contextmanager
def style() -> Iterator[None]:
    """Figures made within are drawn for the page."""
    with matplotlib.rc_context(STYLE):
        yield


def new_axes() -> Axes:
    """One pair of axes in a figure of its own."""
    figure = Figure(figsize=PANEL)
    figure.subplots_adjust(**MARGINS)
    return figure.subplots()


def inline(axes: Axes, name: str, caption: str) -> Picture:
    """The figure of these axes. name: its own on the page, from which the ids in it are made."""
    FigureCanvasSVG(axes.figure)
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        axes.figure.savefig(text, format="svg", transparent=True, metadata=NO_METADATA)
    drawing = ElementTree.fromstring(text.getvalue())
    drawing.remove(drawing[0])  # a style sheet, whose rules would be the whole page's
    used = set(re.findall(r"#(\w+)[\")]", text.getvalue()))
    for element in drawing.iter():
        _fit_into_page(element, used)
    for attribute in ("width", "height", "version"):
        drawing.attrib.pop(attribute, None)
    drawing.attrib |= {"role": "img", "aria-label": caption}
    return Picture(ElementTree.tostring(drawing, encoding="unicode", method="html"), caption)


def _fit_into_page(element: ElementTree.Element, used: set[str]) -> None:
    """Drop what only a file of its own needs: namespaces, fonts, ids that nothing points to, digits nobody sees."""
    element.tag = element.tag.rpartition("}")[2]
    if element.get("id") not in used:
        element.attrib.pop("id", None)
    for name, value in list(element.attrib.items()):
        del element.attrib[name]
        if name == "style":
            value = re.sub(r" ?font-family: [^;]*;", "", value)
            value = re.sub("#[0-9a-f]{6}", _variable, value)
        elif name in ("d", "x", "y", "points"):
            value = KEPT_DIGITS.sub(r"\1", value).replace("\n", "")
        if not value.startswith("rotate(-0 "):
            element.set(name.rpartition("}")[2], value)
    element.tail = None
    if element.tag != "text" and element.text and element.text.isspace():
        element.text = None


def _variable(colour: re.Match) -> str:
    name = VARIABLES.get(colour.group())
    return f"var(--{name})" if name else colour.group()
