"""A table is read part by part only where that gives what reading the whole text gives, to the cell."""

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from stagewise.files import csv_plain, csv_text
from stagewise.files.names import ORDINARY, SUFFIXES, name_problem
from stagewise.messages.errors import InputError

MACHINES = "filename,size,reason\na.mp4,1,\nb.mp4,22,x y\n"


def both_ways(path, text, only=None, numbers=()):
    """The table part by part, or None; and whole, or None where it is refused."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    plain = csv_plain.read_plain(path, only, numbers, csv_text.LARGEST_BYTES, csv_text.LARGEST_CELLS)
    try:
        return plain, csv_text._read_any(path, "mend", "absent")
    except InputError:
        return plain, None


@pytest.mark.parametrize("rows", [2, csv_plain.CHUNK_ROWS, 2 * csv_plain.CHUNK_ROWS + 1])
@pytest.mark.parametrize("end", ["\n", ""])
def test_what_machines_write_is_read_part_by_part(tmp_path, rows, end):
    text = "filename,size,etag\n" + "\n".join(f"{number}.mp4,{number},ä{number}" for number in range(rows)) + end
    plain, whole = both_ways(tmp_path / "a.csv", text)
    pd.testing.assert_frame_equal(plain, whole)
    assert plain.attrs == whole.attrs
    only = ("filename", "size")
    plain, _ = both_ways(tmp_path / "a.csv", text, only, ("size",))
    assert tuple(plain.columns) == only and plain["size"].dtype == "int64"
    assert (plain["size"].astype(str) == whole["size"]).all() and (plain["filename"] == whole["filename"]).all()


def test_names_that_stand_in_two_tables_are_held_once(tmp_path):
    first, second = (both_ways(tmp_path / "a.csv", MACHINES + more)[0] for more in ("", "c.mp4,3,\n"))
    assert all(name is again for name, again in zip(first["filename"], second["filename"], strict=False))


@pytest.mark.parametrize(
    "text",
    [
        *(MACHINES.replace("\n", end) for end in ("\r\n", "\r")),
        *(MACHINES.replace("22", cell) for cell in ("2.5", "", "x", "1_0", "inf", "1e19", "1e400", "9" * 16, "9" * 30)),
        *(MACHINES + more for more in ("\n", ",,\n", "c.mp4,3,x,y\n", 'c.mp4,3,"x\ny"\n', 'c.mp4,3,"x\n')),
        *(MACHINES.replace(old, new) for old, new in ((",", ";"), ("size", "a b"), ("size", "reason"), ("size", ""))),
        *("\ufeff" + MACHINES, "sep=,\n" + MACHINES, MACHINES.encode() + b"\xff,1,\n", "", "filename\n"),
        MACHINES.replace("a.mp4,1,", "a.mp4,1,x,y"),
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_the_other_way(tmp_path, text):
    assert both_ways(tmp_path / "a.csv", text, None, ("size",))[0] is None


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.lists(st.text('a1",; \té', max_size=5), max_size=5).map("\n".join))
@example(text="filename,a\nx")
@example(text='filename,a\n"x",1\nb,"1,2"\n')
def test_no_text_reads_in_two_ways(tmp_path, text):
    plain, whole = both_ways(tmp_path / "a.csv", "a,b\n" + text)
    if plain is not None:
        pd.testing.assert_frame_equal(plain, whole)


@given(
    name=st.text("aZ0_-.=+@ /\\é\n\u212a\u202e", max_size=4),
    suffix=st.sampled_from([*SUFFIXES, ".MP4", ".m\u212av", ""]),
)
@example(name="a" * 151, suffix=".mp4")
def test_an_ordinary_name_has_no_problem(name, suffix):
    assert not (ORDINARY.fullmatch(name + suffix) and name_problem(name + suffix))
