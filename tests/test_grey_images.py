"""Grey images come back as they were written, and nothing damaged is taken for one."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from stagewise.files import paths
from stagewise.volumes.grey_images import GreyImageError, load_grey, load_mask, save_grey

IMAGE = np.random.default_rng(0).integers(0, 256, (37, 53), np.uint8)


@pytest.fixture
def path(root):
    made = root / "modified_data" / "xrays" / "train" / "a.png"
    save_grey(made, IMAGE)
    return made


@settings(deadline=None)  # files are written
@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_every_image_comes_back(tmp_path_factory, image):
    path = tmp_path_factory.mktemp("grey") / "a.png"
    assert save_grey(path, image) == paths.sha256_of(path)
    again = load_grey(path)
    assert again.dtype == np.uint8 and again.flags.c_contiguous and again.flags.writeable
    assert np.array_equal(again, image)


@settings(deadline=None)  # files are written
@given(st.data())
def test_any_changed_bit_and_any_cut_is_seen(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("grey") / "a.png"
    save_grey(path, IMAGE)
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    with pytest.raises(GreyImageError):
        load_grey(path)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, pixels, form=(8, 0, 0, 0, 0)):
    """A PNG whose checksums fit, whatever it holds."""
    header = struct.pack(">IIBBBBB", width, height, *form)
    chunks = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(pixels)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no PNG"),
        (b"\xff\xd8\xff\xe0", "is no PNG"),
        (png(2, 2, bytes(5)), "does not hold the 6 bytes of its pixels"),
        (png(2, 2, bytes(7)), "does not hold the 6 bytes of its pixels"),
        (png(2, 2, bytes(1 << 24)), "does not hold the 6 bytes of its pixels"),
        (png(1 << 16, 1 << 16, bytes(5)), "has 65536 x 65536 pixels, where 16,777,216 are the most"),
        (png(0, 2, b""), "has 0 x 2 pixels, where 16,777,216 are the most"),
        (png(2, 2, bytes(10), (16, 0, 0, 0, 0)), "is not grey of 8 bits, row by row"),
        (png(2, 2, bytes(14), (8, 2, 0, 0, 0)), "is not grey of 8 bits, row by row"),
        (png(2, 2, bytes(6)) + b"\0", "has bytes after its end"),
    ],
)
def test_what_is_no_grey_image_is_refused_with_the_reason_and_the_command(path, content, reason):
    path.write_bytes(content)
    with pytest.raises(GreyImageError) as error:
        load_grey(path)
    shown = "image modified_data/xrays/train/a.png"
    assert str(error.value) == f"{shown}: {reason}; run: python pneumothorax/r01_convert_dicom.py train"


def test_colour_of_another_program_is_refused(path):
    cv2.imwrite(str(path), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(GreyImageError, match="is not grey of 8 bits"):
        load_grey(path)


def test_a_missing_image_is_named(path):
    path.unlink()
    with pytest.raises(GreyImageError, match="is not there"):
        load_grey(path)


def test_masks_have_their_image_s_size_and_two_levels(root):
    path = root / "modified_data" / "xrays" / "masks" / "a.png"
    mask = (IMAGE > 127) * np.uint8(255)
    save_grey(path, mask)
    assert np.array_equal(load_mask(path, IMAGE.shape), mask)
    with pytest.raises(GreyImageError, match=r"different sizes, 53 x 37 and 37 x 53 pixels; run: .*dicom.py train$"):
        load_mask(path, IMAGE.shape[::-1])
    mask[3, 4] = 254
    save_grey(path, mask)
    with pytest.raises(GreyImageError, match="has a pixel of 254"):
        load_mask(path, IMAGE.shape)


@pytest.mark.parametrize("image", [IMAGE[None], IMAGE.astype(float), IMAGE[:0]])
def test_other_arrays_are_not_written(root, image):
    with pytest.raises(ValueError, match="is not a grey image"):
        save_grey(root / "a.png", image)
    assert not list(root.iterdir())
