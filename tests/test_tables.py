"""Tables: the real ones are read, and a bad one is an error that names file, line and mend."""

import gzip
import time
import tracemalloc

import pandas as pd
import pytest
from conftest import real_file

from stagewise.data.columns import booleans, probabilities, require_values, whole_numbers
from stagewise.data.splits import read_split
from stagewise.data.tables import (
    read_labels,
    read_metadata,
    read_oof_table,
    read_roi_index,
    read_submission_format,
    read_table,
    videos_to_answer,
)
from stagewise.files import paths
from stagewise.messages.errors import InputError


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
    assert pd.to_numeric(metadata["num_frames"]).between(17, 434).all()
    assert pd.to_numeric(metadata["crowd_score"]).between(0, 1).all()
    assert {"url", "micro", "nano"} <= set(metadata.columns)


def test_real_test_tables_name_the_same_videos():
    metadata = read_metadata(real_file("stallcatchers/test_metadata.csv.xz"), "test")
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
        ("", "is not a CSV table"),
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
        ('filename,stalled\n"a.mp4,1\n', "is not a CSV table"),
    ],
)
def test_bad_labels_are_named(table, text, problem):
    with pytest.raises(InputError, match=f"^labels.csv.*{problem}.*; put the competition's own file there"):
        read_labels(table(text, "labels.csv"))


@pytest.mark.parametrize(
    "text",
    [
        "\ufefffilename,stalled\r\na.mp4,1\r\nb.mp4,0\r\n",  # a spreadsheet's "CSV UTF-8"
        "\ufefffilename;stalled\r\na.mp4;1\r\nb.mp4;0\r\n",  # the same, where the comma is for decimals
        "filename\tstalled\na.mp4\t1\nb.mp4\t0\n",
        "filename,stalled\ra.mp4,1\rb.mp4,0",
        "filename;stalled\ra.mp4;1\rb.mp4;0",
        '"filename","stalled"\n"a.mp4","1"\n"b.mp4","0"\n',
        "filename, stalled\na.mp4, 1\nb.mp4, 0\n",
        "filename,stalled,,\na.mp4,1,,\nb.mp4,0,,\n,,,\n\n",  # empty columns and rows of a spreadsheet
        ",filename,stalled\n0,a.mp4,1\n1,b.mp4,0\n",  # pandas' index
        "stalled,filename\n1.0,a.mp4\n0.0,b.mp4\n",
        "sep=;\r\nfilename;stalled\r\na.mp4;1\r\nb.mp4;0\r\n",  # Excel's first line
        "\ufeffsep=,\nfilename,stalled\na.mp4,1\nb.mp4,0\n",
        '"sep=|"\nfilename|stalled\na.mp4|1\nb.mp4|0\n',
        "filename;stalled\na.mp4;1,0\nb.mp4;0,0\n",
        "Filename, STALLED\na.mp4,1\nb.mp4,0\n",
        "filename,stalled\na,1\nb,0\n",
        "filename,stalled\na.mp4,True\nb.mp4,FALSE\n",
        "filename,stalled\na.mp4,stalled\nb.mp4,Flowing\n",
        "filename,stalled,tier1,project_id\na.mp4,yes,,\nb.mp4,no,,\n",  # blank columns that nobody asks for
    ],
)
def test_what_can_be_read_in_one_way_alone_is_read(table, text):
    path = table("")
    path.write_bytes(text.encode())
    labels = read_labels(path)
    assert labels[["filename", "stalled"]].to_dict("list") == {"filename": ["a.mp4", "b.mp4"], "stalled": [1, 0]}
    assert len(labels.columns) == 2


def test_other_columns_are_carried_along(table):
    labels = read_labels(table("filename,animal,stalled\na.mp4,mouse 7,1\nb.mp4,,0\n"))
    assert labels["animal"].tolist() == ["mouse 7", ""]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\nfilename,stalled\na.mp4,1\n", "is not a CSV table: line 1 is blank"),
        ('filename,stalled,note\na.mp4,1,"x\ny"\n', "is not a CSV table: line 2 has a quoted cell that goes on"),
        ('filename,stalled\n"a.mp4,1\nb.mp4",0\n', "is not a CSV table: line 2 has a quoted cell that goes on"),
        ("filename,stalled\na.mp4,1\nb.mp4,0,7\n", "is not a CSV table: line 3 has 3 cells under 2 names"),
        ("sep=|;\nfilename;stalled\na.mp4;1\n", "is not a CSV table: line 1 is|line 1: no column filename, stalled"),
        ("filename,\x1b[2Jb\na.mp4,1\n", r"no column stalled; found filename, '\\x1b\[2Jb'"),
        ("Filename,FILENAME,stalled\na.mp4,a.mp4,1\n", "line 1: no column filename; found Filename, FILENAME, stalled"),
        ("filename,stalled\na.mp4,1\nb.mp4,maybe\n", r"line 3: .* is not a number; it must be 1 .stalled. or 0"),
        ("filename,stalled\na.mp4,1\na.mp4,1\n", "line 3: .* a second time, first in line 2"),
        ("filename,stalled\na.mp4,1\na.mp4,0\n", "line 3: .* a second time, first in line 2"),
        ('filename,stalled\na.mp4,"1,0"\n', "line 2: stalled '1,0' is not a number"),
        ("filename;stalled\na.mp4;0\nb.mp4;1,000\n", "line 3: stalled '1,000' may be thousands or have decimals"),
        ("filename,stalled\na.mp4,1\na,0\n", "line 3: filename 'a' stands there a second time, first in line 2"),
        ("sep=;\nfilename;stalled\na.mp4;1\na.mp4;1\n", "line 4: .* a second time, first in line 3"),
        ("sep=;\nfilename;stalled\na.mp4;1\nb.mp4;7\n", "line 4: stalled '7' is not one of 0, 1"),
        ("sep=;\nfile;stalled\na.mp4;1\n", "line 2: no column filename; found file, stalled"),
        ("sep=;\nfilename;stalled\na.mp4;1;5\n", "is not a CSV table: line 3 has 3 cells under 2 names"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(table, text, problem):
    with pytest.raises(InputError, match=f"^labels.csv.*{problem}.*; put the competition's own file there, or correct"):
        read_labels(table(text, "labels.csv"))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../x.mp4", "is not a bare file name"),
        ("/etc/x.mp4", "is not a bare file name"),
        ("..\\x.mp4", "is not a bare file name"),
        ("=cmd|' /C calc'!A0", "is not a bare file name"),
        ("=1+1.mp4", "begins with =, which spreadsheets take for a formula"),
        ("+1.mp4", "begins with +, which spreadsheets take for a formula"),
        ("-rf.mp4", "begins with -, which spreadsheets take for a formula"),
        ("@SUM(1).mp4", "begins with @, which spreadsheets take for a formula"),
        (".hidden.mp4", "begins with a dot or a space"),
        (" a.mp4", "begins with a dot or a space"),
        ("a\x1b[31m.mp4", "has a character that cannot be printed"),
        ("a\u202e4pm.mp4", "has a character that cannot be printed"),  # shown backwards
        ("a\u200b.mp4", "has a character that cannot be printed"),
        ("a\x00.mp4", "has a character that cannot be printed"),
        ("100000 ", "does not end in .mp4"),
        ("notes.txt", "does not end in .mp4"),
        ("a.mp4 ", "does not end in .mp4"),
        ("a.mp4.pklz", "does not end in .mp4"),
        ("é" * 99 + ".mp4", "is longer than 200 bytes"),
    ],
)
def test_a_name_that_no_video_may_have_is_refused_by_every_reader(table, name, problem):
    rows = {
        read_labels: f"filename,stalled\nb.mp4,1\n{name},1\n",
        read_metadata: f"filename,project_id,num_frames,crowd_score,tier1\nb.mp4,A,1,0,1\n{name},A,1,0,1\n",
        read_roi_index: HEADER + GOOD + GOOD.replace("a.mp4", name),
        read_split: f"filename,stalled,fold\nb.mp4,1,0\n{name},1,1\n",
    }
    for reader, text in rows.items():
        with pytest.raises(InputError) as error:
            reader(table(text))
        assert f"table.csv, line 3: filename {name!r} {problem}" in str(error.value)
        assert str(error.value).isprintable()


def test_names_that_only_look_dangerous_are_read_as_they_are(table):
    names = [
        "<img src=x onerror=alert(1)>.mp4",
        'say "x".mp4',
        "a;b,c.mp4",
        "$^$.MP4",
        "日本 é.mp4",
        "a=1.mp4",
        "x..mp4",
    ]
    quoted = "".join('"{}",1\n'.format(name.replace('"', '""')) for name in names)
    assert read_labels(table("filename,stalled\n" + quoted))["filename"].tolist() == names


def test_a_table_that_unpacks_to_too_much_is_refused(root, monkeypatch):
    path = root / "split.csv.gz"
    path.write_bytes(gzip.compress(bytes(1 << 26), 1))
    monkeypatch.setattr("stagewise.files.csv_text.LARGEST_BYTES", 1 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"split\.csv\.gz holds more than 1 MiB of text"):
            read_split(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 23  # bytes at the peak
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", [f"{',' * 9}\n" + "\n" * 200 + "x", "filename\n" + "x\n" * 2000])
def test_a_table_of_too_many_cells_is_refused(table, monkeypatch, content):
    monkeypatch.setattr("stagewise.files.csv_text.LARGEST_CELLS", 1000)
    with pytest.raises(InputError, match="has more than 1,000 cells; put"):
        read_labels(table(content))


def test_a_million_blank_lines_at_the_end_take_no_time(table):
    start = time.monotonic()
    assert len(read_labels(table("filename,stalled\na.mp4,1\n" + ",\n" * 1_000_000))) == 1
    assert time.monotonic() - start < 5  # a look at each of them from the end took minutes


@pytest.mark.parametrize("text", ["\t\n\x00", "\t", ",\n,\nx", "\n\n", " ", "\ufeff"])
def test_a_table_with_no_names_of_columns_is_refused(table, text):
    with pytest.raises(InputError, match=r"is not a CSV table|no column filename"):
        read_labels(table(text))


def test_no_gzip_under_the_name_of_one_and_a_folder_are_refused(root):
    (root / "split.csv.gz").write_text("filename,stalled,fold\n")
    (root / "folder.csv").mkdir()
    with pytest.raises(InputError, match=r"split\.csv\.gz cannot be read: Not a gzipped file"):
        read_split(root / "split.csv.gz")
    with pytest.raises(InputError, match=r"folder\.csv is a folder"):
        read_split(root / "folder.csv")


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_text_in_another_encoding_is_refused_with_its_line(root, encoding):
    path = root / "split.csv"
    path.write_bytes("filename,stalled,fold\né.mp4,1,0\n".encode(encoding))
    with pytest.raises(InputError, match=r"line [12] is not UTF-8 text \(save it as CSV UTF-8\); "):
        read_split(path)


def test_a_table_that_is_no_text_or_not_there(table, root):
    path = table("")
    path.write_bytes(b"filename,stalled\n\xff\xfe.mp4,1\n")
    with pytest.raises(InputError, match="is not a CSV table"):
        read_labels(path)
    with pytest.raises(InputError, match=r"other\.csv is not there; mend it"):
        read_table(root / "other.csv", ("filename",), "mend it")


def test_a_cut_off_compressed_table(root):
    path = root / "metadata.csv.xz"
    path.write_bytes(real_file("stallcatchers/test_metadata.csv.xz").read_bytes()[:5000])
    with pytest.raises(InputError, match="cannot be read"):
        read_metadata(path, "test")


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (("True", "False"), (True, False)),
        (("yes", " NO "), (True, False)),
        (("y", "N"), (True, False)),
        (("1", "0.0"), (True, False)),
    ],
)
def test_booleans_are_words_or_numbers(table, words, values):
    path = table("filename,tier1\na.mp4,{}\nb.mp4,{}\n".format(*words))
    assert tuple(read_metadata(path)["tier1"]) == values


def test_a_comma_in_a_quoted_name_of_a_column_parts_nothing(table):
    labels = read_labels(table('filename;stalled;"notes, and more"\na.mp4;1;x\nb.mp4;0;"y, z"\n'))
    assert labels["stalled"].tolist() == [1, 0] and labels["notes, and more"].tolist() == ["x", "y, z"]


def test_decimal_commas_beside_semicolons_are_read(table):
    path = table("filename;belief;frames\na;0,5;12\nb;1,000;12,0\nc;.25;7\n")
    frame = read_table(path, ("filename",), "mend it")
    assert probabilities(frame, "belief", path, "mend it").tolist() == [0.5, 1, 0.25]
    assert whole_numbers(frame, "frames", path, "mend it").tolist() == [12, 12, 7]


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


HEADER = "filename,frames,height,width,y0,x0,y1,x1,frames_with_outline,video_bytes,sha256,status,reason\n"
GOOD = f"a.mp4,9,8,7,1,2,9,9,9,5000,{'0' * 64},ok,\n"


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_columns_that_are_asked_for_are_found_in_any_case_and_a_missing_one_is_told_with_all_that_are_there(
    table, delimiter
):
    path = table("filename,URL,Tier1,project_id\na.mp4,s3,yes,A\n".replace(",", delimiter))
    metadata = read_metadata(path, only=("tier1", "project_id"))
    assert metadata.to_dict("records") == [{"filename": "a.mp4", "tier1": True, "project_id": "A"}]
    with pytest.raises(InputError, match="no column stalled, fold; found filename, URL, tier1, project_id; "):
        read_split(path, only=())


def test_columns_of_the_index_that_are_not_asked_for_are_looked_at_all_the_same(table):
    assert list(read_roi_index(table(HEADER + GOOD), ("filename", "frames"))) == ["filename", "frames"]
    with pytest.raises(InputError, match="line 2: sha256 'x' is not a sha256"):
        read_roi_index(table(HEADER + GOOD.replace("0" * 64, "x")), ("filename", "frames"))


def test_roi_index(table):
    index = read_roi_index(table(HEADER + GOOD + "b.mp4,0,0,0,0,0,0,0,0,0,,quarantined,cut off\n"))
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


@pytest.fixture
def videos(root):
    """Makes empty files in input/train and input/test."""

    def make(subset, *names):
        paths.videos_folder(subset).mkdir(parents=True, exist_ok=True)
        for name in names:
            (paths.videos_folder(subset) / name).touch()

    return make


def test_a_name_without_suffix_is_that_of_the_video_that_is_there(videos, table):
    videos("train", "1.avi", "2.MP4", "mouse.1.mov", "3.mp4", "3.avi", "4.txt")
    videos("test", "5.mkv")
    read_roi = HEADER + GOOD.replace("a.mp4", "6.webm")
    paths.roi_index("train").parent.mkdir(parents=True)
    paths.roi_index("train").write_text(read_roi)  # videos that were taken away after r01
    names = ["1", "2", "mouse.1", "3.avi", "3.mp4", "4", "5", "6", "7.mp4"]
    found = ["1.avi", "2.MP4", "mouse.1.mov", "3.avi", "3.mp4", "4.mp4", "5.mp4", "6.webm", "7.mp4"]
    rows = {
        read_labels: "filename,stalled\n" + "".join(f"{name},1\n" for name in names),
        read_metadata: "filename,tier1\n" + "".join(f"{name},1\n" for name in names),
        read_split: "filename,stalled,fold\n" + "".join(f"{name},1,{k % 2}\n" for k, name in enumerate(names)),
        lambda path: read_oof_table(path, "mend it"): "filename,stalled,fold,probability,unflipped\n"
        + "".join(f"{name},1,0,0.5,0.5\n" for name in names),
    }
    for reader, text in rows.items():
        read = reader(table(text))
        assert getattr(read, "table", read)["filename"].tolist() == found


def test_a_name_without_suffix_that_two_videos_fit_is_refused_with_both(videos, table):
    videos("train", "100000.mp4", "100000.avi")
    with pytest.raises(InputError, match=r"line 2: filename '100000' may be 100000\.avi or 100000\.mp4: write it with"):
        read_labels(table("filename,stalled\n100000,1\n"))


def test_the_answers_can_be_written_with_the_names_that_were_asked_for(videos):
    videos("test", "1.avi")
    (paths.input_folder() / "submission_format.csv").write_text("Filename\n2.mp4\n1\n")
    assert videos_to_answer().to_dict("list") == {"filename": ["2.mp4", "1.avi"], "asked": ["2.mp4", "1"]}


@pytest.mark.parametrize("text", ["filename,stalled\nb.mp4,0\na.mp4,\n", "filename\nb.mp4\na.mp4\n"])
def test_the_videos_to_answer_are_the_formats_in_its_order_whatever_its_label_says(root, text):
    paths.input_folder().mkdir()
    (paths.input_folder() / "submission_format.csv").write_text(text)
    assert videos_to_answer().to_dict("list") == {"filename": ["b.mp4", "a.mp4"], "asked": ["b.mp4", "a.mp4"]}


def test_without_a_format_all_test_videos_are_to_be_answered_by_name(root):
    assert videos_to_answer().columns.tolist() == ["filename", "asked"] and videos_to_answer().empty
    paths.videos_folder("test").mkdir(parents=True)
    (paths.videos_folder("test") / ".gitkeep").touch()
    assert videos_to_answer().empty
    (paths.videos_folder("test") / "a.mp4").touch()
    with pytest.raises(InputError, match=r"roi_parts/test\.csv is not there; run: python .*r01_extract_roi\.py test"):
        videos_to_answer()
    paths.roi_index("test").parent.mkdir(parents=True)
    bad = "a.mp4,0,0,0,0,0,0,0,0,0,,quarantined,cut off\n"
    paths.roi_index("test").write_text(HEADER + GOOD.replace("a.mp4", "b.mp4") + bad)
    assert videos_to_answer()["filename"].tolist() == ["a.mp4", "b.mp4"]
