"""Tables that hypothesis makes up: harmless variations read the same, and nothing else passes or crashes."""

import csv
import tempfile
from pathlib import Path

import hypothesis
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from stagewise.data.splits import ALWAYS_TRAINED, read_split
from stagewise.data.tables import read_labels, read_metadata, read_roi_index
from stagewise.files.names import name_problem
from stagewise.messages.errors import InputError

set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "hypothesis")  # its caches, else a folder in the repository
FIXED = settings(
    derandomize=True,  # the same tables in every run
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # every example writes its file anew
)
IN_ONE_LINE = st.characters(exclude_categories=("Cc", "Cs"))
STEMS = st.text(st.characters(categories=("L", "N"), include_characters=" _-()<>\"'&,;"), min_size=1, max_size=12)
NAMES = st.builds("{}{}".format, STEMS, st.sampled_from([".mp4", ".MP4"])).filter(lambda name: not name_problem(name))
LARGEST_FOLD = 5
BAD_NUMBERS = st.sampled_from(["", " ", "nan", "NaN", "inf", "2.5", "-7", "0,5", "1_0", "x", "0x1", "1 1", "９"])
BAD_CELLS = {
    "filename": st.sampled_from(
        ["", "../x.mp4", "/x.mp4", "C:\\x.mp4", "=1+1.mp4", "@x.mp4", "x ", "x.mp4 ", "\x1b.mp4"]
    ),
    "stalled": BAD_NUMBERS | st.sampled_from(["2", "-1", "stall"]),
    "fold": BAD_NUMBERS | st.sampled_from(["-2", "1e300", "True"]),
}


@st.composite
def splits(draw) -> pd.DataFrame:
    """A split with two folds or more, and a column of any text."""
    names = draw(st.lists(NAMES, min_size=2, max_size=8, unique=True))
    count = len(names)
    folds = draw(st.lists(st.integers(ALWAYS_TRAINED, LARGEST_FOLD), min_size=count - 2, max_size=count - 2))
    stalled = draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    notes = draw(st.lists(st.text(IN_ONE_LINE, max_size=8), min_size=count, max_size=count))
    return pd.DataFrame({"filename": names, "stalled": stalled, "fold": [0, 1, *folds], "note": notes})


@st.composite
def harmless_ways(draw) -> dict:
    """How the same table can be written."""
    return {
        "sep": draw(st.sampled_from([",", ";", "\t"])),
        "lineterminator": draw(st.sampled_from(["\n", "\r\n", "\r"])),
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig"])),
        "quoting": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])),
        "index": draw(st.booleans()),
        "columns": draw(st.permutations(["filename", "stalled", "fold", "note"])),
        "header_spaces": draw(st.booleans()),
        "as_floats": draw(st.booleans()),
        "decimal_commas": draw(st.booleans()),  # beside other delimiters than the comma
        "first_line": draw(st.booleans()),  # Excel's, which names the delimiter
        "words": draw(st.sampled_from([{}, {0: "False", 1: "True"}, {0: "flowing", 1: "Stalled"}])),  # for labels
        "name_case": draw(st.sampled_from([str.lower, str.upper, str.title])),  # of the columns that are asked for
        "blank_lines": draw(st.integers(0, 3)),
    }


def write(path, table: pd.DataFrame, ways: dict) -> None:
    ways = dict(ways)
    blank, decimal = ways["lineterminator"] * ways.pop("blank_lines"), ways.pop("decimal_commas")
    table = table.astype({"stalled": float, "fold": float}) if ways.pop("as_floats") else table
    table = table.assign(stalled=table["stalled"].replace(ways.pop("words")))
    table, case, spaces = table[ways.pop("columns")], ways.pop("name_case"), " " * ways.pop("header_spaces")
    header = [f"{spaces}{name if name == 'note' else case(name)}{spaces}" for name in table.columns]
    first = f"sep={ways['sep']}{ways['lineterminator']}" if ways.pop("first_line") else ""
    text = table.to_csv(None, header=header, decimal="," if decimal and ways["sep"] != "," else ".", **ways)
    path.write_bytes((first + text + blank).encode(ways["encoding"]))


def line(row: int, ways: dict) -> int:
    """The line of the file that a row of the table stands in."""
    return row + 2 + ways["first_line"]


@FIXED
@hypothesis.given(splits(), harmless_ways())
def test_every_harmless_way_of_writing_a_table_reads_the_same(root, table, ways):
    path = root / "split.csv"
    write(path, table, ways)
    read = read_split(path).table
    pd.testing.assert_frame_equal(read[table.columns], table, check_dtype=False)
    assert set(read.columns) == set(table.columns)


@FIXED
@hypothesis.given(splits(), harmless_ways(), st.data())
def test_one_bad_cell_is_refused_with_its_line(root, table, ways, data):
    path = root / "split.csv"
    row = data.draw(st.integers(0, len(table) - 1))
    column = data.draw(st.sampled_from(list(BAD_CELLS)))
    table = table.astype(str)
    table.loc[row, column] = data.draw(BAD_CELLS[column])
    write(path, table, {**ways, "as_floats": False, "words": {}})
    with pytest.raises(InputError, match=f"^split.csv, line {line(row, ways)}: {column} .*; correct it, or "):
        read_split(path)


@FIXED
@hypothesis.given(splits(), harmless_ways(), st.data())
def test_a_name_that_stands_there_twice_is_refused_with_both_lines(root, table, ways, data):
    path = root / "split.csv"
    first, second = sorted(data.draw(st.permutations(range(len(table))))[:2])
    table.loc[second, "filename"] = table.loc[first, "filename"]
    write(path, table, ways)
    told = rf"^split.csv, line {line(second, ways)}: .* second time, first in line {line(first, ways)}"
    with pytest.raises(InputError, match=told):
        read_split(path)


LINES = st.lists(
    st.lists(st.text(st.sampled_from("a.mp4019-=\"' \t\0é"), max_size=6) | NAMES, max_size=5).map(",".join), max_size=6
)
HEADED = st.builds(lambda end, lines: end.join(["filename,stalled,fold", *lines]), st.sampled_from("\r\n"), LINES)


@FIXED
@hypothesis.given(
    st.binary(max_size=60) | (st.text(max_size=60) | HEADED).map(lambda text: text.encode(errors="replace"))
)
def test_any_bytes_are_a_valid_split_or_an_error_with_a_mend(root, content):
    path = root / "split.csv"
    path.write_bytes(content)
    try:
        split = read_split(path)
    except InputError as error:
        assert str(error).startswith("split.csv") and "r03_gen_kfold_split.py" in str(error)
        return
    assert split.table["stalled"].isin((0, 1)).all() and (split.table["fold"] >= ALWAYS_TRAINED).all()
    assert split.table["filename"].is_unique and not any(map(name_problem, split.table["filename"]))
    assert split.folds


@pytest.mark.parametrize("reader", [read_labels, read_metadata, read_roi_index])
@FIXED
@hypothesis.given(st.binary(max_size=60) | LINES.map("\n".join).map(str.encode))
def test_any_bytes_are_no_more_than_an_error_to_the_other_readers(root, reader, content):
    path = root / "train.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"^train\.csv.*; (put|run: python)"):
        reader(path)
