"""What fuzzing found in the readers of tables: every file is a table or an InputError that names it."""

import gzip

import pytest

from stagewise.data.splits import read_split
from stagewise.messages.errors import InputError

TABLE = b"filename,stalled,fold\n100000.mp4,0,0\n100001.mp4,1,0\n"
PACKED = gzip.compress(TABLE)
FOUND = {
    "nothing but blank lines under blank names": ("split.csv", b"\t" + b"\r" * 14),
    "a wrong checksum": ("split.csv.gz", PACKED[:-8] + bytes(4) + PACKED[-4:]),
    "a wrong length": ("split.csv.gz", PACKED[:-4] + bytes(4)),
    "bytes behind the end": ("split.csv.gz", PACKED + b"x" * 20),
}


@pytest.mark.parametrize(("name", "content"), FOUND.values(), ids=FOUND)
def test_a_file_that_is_no_table_is_named(root, name, content):
    (root / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"^{name}"):
        read_split(root / name)
