"""Whatever a DICOM file holds, it gives a picture or is refused with a reason, in bounded memory."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_dicoms import GREY, dicom, jpeg, kinds, with_items
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGLosslessSV1, RLELossless

from stagewise.volumes.grey_images import LARGEST_PIXELS
from stagewise.xrays.dicom import LARGEST_BYTES, DicomError, read_dicom

WHOLE = tuple(kinds())
OPENED = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"  # a sequence and its first item


def refusal(content: bytes) -> str:
    with pytest.raises(DicomError) as error:
        read_dicom(content)
    return error.value.reason


def jpeg_stream(side, mode="L"):
    made = io.BytesIO()
    Image.new(mode, (side, side)).save(made, "JPEG")
    return made.getvalue()


TWO_BYTES = np.zeros(GREY.shape, np.uint16)
CASES = {
    "is not a DICOM file": (b"", b"GIF89a" * 100, WHOLE[0][132:]),
    "has no TransferSyntaxUID": (WHOLE[0][:132],),
    "has no Rows": (dicom(Rows=None),),
    "has no PixelData, or more than 1 MiB before them": (WHOLE[0][: WHOLE[0].index(b"\xe0\x7f\x10\x00")],),
    "has no PhotometricInterpretation": (dicom(PhotometricInterpretation=None),),
    "is RGB, not one of MONOCHROME1, MONOCHROME2": (dicom(photometric="RGB"),),
    "is a colour picture (3 samples a pixel), not a grey one": (dicom(SamplesPerPixel=3),),
    "holds 7 frames, not one": (dicom(NumberOfFrames=7),),
    "has 100 bytes of pixels, where its sizes need 192 (truncated)": (dicom(PixelData=bytes(100)),),
    "has 300 bytes of pixels, where its sizes need 192": (dicom(PixelData=bytes(300)),),
    "has 65535 x 65535 pixels, where 16,777,216 are the most": (dicom(Rows=65535, Columns=65535),),
    "has 0 x 12 pixels, where 16,777,216 are the most": (dicom(Columns=0),),
    "has 1 of 8 bits a pixel, the highest 0; 8 to 16 are read": (dicom(BitsStored=1, HighBit=0),),
    "has 12 of 8 bits a pixel, the highest 11; 8 to 16 are read": (dicom(BitsStored=12, HighBit=11),),
    "has no valid RescaleSlope and RescaleIntercept, but 0.0 and 0.0": (dicom(TWO_BYTES, RescaleSlope=0),),
    "its JPEG stream is cut off": (jpeg(PixelData=encapsulate([jpeg_stream(16)[:-20]])),),
    "its JPEG stream has 9000 x 9000 pixels (L), the file 16 x 12 grey ones": (
        jpeg(PixelData=encapsulate([jpeg_stream(9000)])),
    ),
    "its JPEG stream has 16 x 16 pixels (RGB), the file 16 x 12 grey ones": (
        jpeg(PixelData=encapsulate([jpeg_stream(16, "RGB")])),
    ),
}


@pytest.mark.parametrize(
    ("reason", "content"), [(reason, content) for reason, all_ in CASES.items() for content in all_]
)
def test_what_is_no_grey_picture_is_refused_with_the_reason(reason, content):
    assert refusal(content) == reason


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLosslessSV1])
def test_a_coding_that_is_not_read_is_named_with_the_command_that_converts(syntax):
    reason = refusal(dicom(syntax=syntax, PixelData=encapsulate([bytes(100)])))
    assert syntax.name in reason and "gdcmconv --raw OLD.dcm NEW.dcm" in reason


def deflated(length):
    """A file whose data set would unpack to this many bytes."""
    before = WHOLE[0][: WHOLE[0].index(b"\x08\x00\x16\x00")]
    old, new = b"1.2.840.10008.1.2.1\0", DeflatedExplicitVRLittleEndian.encode()
    before = before.replace(struct.pack("<H", len(old)) + old, struct.pack("<H", len(new)) + new)
    packer = zlib.compressobj(wbits=-15)
    return before + packer.compress(bytes(length)) + packer.flush()


def filled(before, after):
    """A file with tags of nothing in all the room that there is before its picture."""
    place, tag = WHOLE[0].index(b"\x28\x00\x02\x00"), b"\x09\x00\x01\x10SH\0\0"
    return WHOLE[0][:place] + before + tag * (LARGEST_BYTES // len(tag) - 1000) + after + WHOLE[0][place:]


def nested(depth):
    place = WHOLE[0].index(b"\x28\x00\x02\x00")
    return WHOLE[0][:place] + OPENED * depth + WHOLE[0][place:]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (deflated(1 << 28), "Deflated Explicit VR Little Endian"),
        (with_items(dicom(), 1_000_000), "has more than 4096 items"),
        (nested(4000), "is damaged (RecursionError"),
        (WHOLE[0] + bytes(LARGEST_BYTES), "is larger than 32 MiB"),
        (jpeg(PixelData=encapsulate([jpeg_stream(12000)])), "its JPEG stream has 12000 x 12000 pixels"),
    ],
    ids=["deflated", "items", "nested", "large", "jpeg"],
)
def test_files_that_would_fill_memory_are_refused_in_little(content, reason):
    tracemalloc.start()
    try:
        assert reason in refusal(content)
        assert tracemalloc.get_traced_memory()[1] < 1 << 25
    finally:
        tracemalloc.stop()


def test_only_so_much_is_read_before_the_picture():
    reason = "has no PixelData, or more than 1 MiB before them"
    assert refusal(filled(b"", b"")) == reason
    assert refusal(filled(OPENED, b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0")).startswith("is damaged")


def test_some_items_are_no_harm():
    assert np.array_equal(read_dicom(with_items(dicom(), 100)).grey, GREY)


def check(content: bytes) -> None:
    try:
        found = read_dicom(content)
    except DicomError as error:
        assert error.reason.isprintable() and len(error.reason) < 1000
        return
    assert found.grey.dtype == np.uint8 and found.grey.ndim == 2 and 0 < found.grey.size <= LARGEST_PIXELS


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=5))
def test_changed_bytes(content, changes):
    changed = bytearray(content)
    for place, value in changes:
        changed[place % len(changed)] = value
    check(bytes(changed))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(WHOLE), st.integers(0, 4000), st.binary(max_size=30))
def test_cut_off_and_gone_on_with_anything(content, place, more):
    check(content[: place % len(content)] + more)


@pytest.mark.parametrize("content", WHOLE)
def test_a_file_that_is_cut_off_anywhere_gives_no_picture(content):
    delimiter = 4 * content.endswith(b"\xfe\xff\xdd\xe0\0\0\0\0")  # of which the length of nothing may be missing
    for length in range(len(content) - delimiter):
        refusal(content[:length])
