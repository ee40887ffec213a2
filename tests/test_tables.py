"""Tables: the real ones are read, and a bad one is an error that names file, line and mend."""

import pytest
from conftest import real_file

from stagewise.errors import InputError
from stagewise.tables import (
    TEST_METADATA,
    booleans,
    read_labels,
    read_metadata,
    read_roi_index,
    read_submission_format,
    read_table,
    require_values,
    whole_numbers,
)


@pytest.fixture
def table(root):
    def write(text, name="table.csv"):
        path = root / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_real_train_metadata():
    metadata = read_metadata(real_file("stallcatchers/train_metadata.csv.xz"))
    assert len(metadata) == 573_048
    assert metadata["tier1"].dtype == bool and metadata["tier1"].sum() == 540_242
    assert metadata["num_frames"].between(17, 434).all() and metadata["crowd_score"].between(0, 1).all()
    assert {"url", "micro", "nano"} <= set(metadata.columns)


def test_real_test_tables_name_the_same_videos():
    metadata = read_metadata(real_file("stallcatchers/test_metadata.csv.xz"), TEST_METADATA)
    submission = read_submission_format(real_file("stallcatchers/submission_format.csv.xz"))
    assert len(metadata) == 14_160 and set(metadata["filename"]) == set(submission["filename"])


def test_real_labels():
    assert read_labels(real_file("stallcatchers/micro_labels.csv"))["stalled"].sum() == 706


def test_text_stays_as_it_is(table):
    frame = read_table(table("\ufefffilename,code\n001,NA\nnan,1e5\n\n\n"), ("filename", "code"), "mend it")
    assert frame.to_dict("list") == {"filename": ["001", "nan"], "code": ["NA", "1e5"]}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is no CSV table"),
        ("filename,stalled\n", "no rows"),
        ("file,stalled\na.mp4,1\n", "line 1: no column filename; found file, stalled"),
        ("filename,stalled,stalled\na.mp4,1,0\n", "line 1: column 'stalled' stands there twice"),
        ("filename,stalled\na.mp4,1\nb.mp4,0\na.mp4,1\n", "line 4: filename 'a.mp4' stands there a second time"),
        ("filename,stalled\na.mp4,1\n  ,0\n", "line 3: filename '  ' is blank"),
        ("filename,stalled\na.mp4,1\n\nb.mp4,0\n", "line 3: filename '' is blank"),
        ("filename,stalled\na.mp4,1\nb.mp4\n", "line 3: stalled '' is blank"),
        ("filename,stalled\na.mp4,1\nb.mp4,0,7\n", "line 3"),
        ("filename,stalled\na.mp4,1\nb.mp4,2\nc.mp4,3\n", "line 3: stalled '2' is not one of 0, 1 .and 1 more"),
        ("filename,stalled\na.mp4,nan\n", "line 2: stalled 'nan' is not a number"),
        ("filename,stalled\na.mp4,0.5\n", "line 2: stalled '0.5' is not a whole number"),
        ("filename,stalled\n../a.mp4,1\n", "line 2: filename '../a.mp4' is not a bare file name"),
        ('filename,stalled\n"a.mp4,1\n', "is no CSV table"),
    ],
)
def test_bad_labels_are_named(table, text, problem):
    with pytest.raises(InputError, match=f"^labels.csv.*{problem}.*; put the competition's own file there"):
        read_labels(table(text, "labels.csv"))


def test_a_table_that_is_no_text_or_not_there(table, root):
    path = table("")
    path.write_bytes(b"filename,stalled\n\xff\xfe.mp4,1\n")
    with pytest.raises(InputError, match="is no CSV table"):
        read_labels(path)
    with pytest.raises(InputError, match=r"other\.csv is not there; mend it"):
        read_table(root / "other.csv", ("filename",), "mend it")


def test_a_cut_off_compressed_table(root):
    path = root / "metadata.csv.xz"
    path.write_bytes(real_file("stallcatchers/test_metadata.csv.xz").read_bytes()[:5000])
    with pytest.raises(InputError, match="cannot be read"):
        read_metadata(path, TEST_METADATA)


def test_columns_become_values(table):
    path = table("filename,flag,count\na,True,3\nb,0,-1.0\nc,false,7\n")
    frame = read_table(path, ("filename",), "mend it")
    assert booleans(frame, "flag", path, "mend it").tolist() == [True, False, False]
    assert whole_numbers(frame, "count", path, "mend it").tolist() == [3, -1, 7]
    with pytest.raises(InputError, match=r"line 3: count '-1\.0' is less than 0; mend it"):
        whole_numbers(frame, "count", path, "mend it", minimum=0)
    with pytest.raises(InputError, match=r"line 2: count '3' is neither True nor False \(and 2 more lines\); mend it"):
        booleans(frame, "count", path, "mend it")
    with pytest.raises(InputError, match="line 4: flag 'false' is not one of True, 0; mend it"):
        require_values(frame, "flag", ("True", "0"), path, "mend it")


HEADER = "filename,frames,height,width,y0,x0,y1,x1,frames_with_outline,sha256,status,reason\n"
GOOD = f"a.mp4,9,8,7,1,2,9,9,9,{'0' * 64},ok,\n"


def test_roi_index(table):
    index = read_roi_index(table(HEADER + GOOD + "b.mp4,0,0,0,0,0,0,0,0,,quarantined,cut off\n"))
    assert index["status"].tolist() == ["ok", "quarantined"] and index["frames"].tolist() == [9, 0]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (GOOD.replace("ok", "done"), "status 'done'"),
        (GOOD.replace("0" * 64, "0" * 63), "sha256"),
        (GOOD.replace(",9,8", ",0,8"), "frames '0' is less than 1"),
        (GOOD.replace(",9,8", ",x,8"), "frames 'x' is not a number"),
    ],
)
def test_bad_roi_index(table, row, problem):
    with pytest.raises(InputError, match=f"line 2: {problem}.*run: python preproc_data/r01_extract_roi.py train"):
        read_roi_index(table(HEADER + row, "train.csv"))
