"""Pictures of DICOM files: real ones, and made ones of every kind that is read."""

import io

import numpy as np
import pytest
from conftest import real_file
from made_dicoms import GREY, dicom, jpeg
from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian

from stagewise.xrays.dicom import read_dicom

REAL = "siim/1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm"


def test_the_real_file_is_read_as_pydicom_reads_it():
    path = real_file(REAL)
    found = read_dicom(path)
    assert found.photometric == "MONOCHROME2" and found.grey.shape == (1024, 1024)
    assert np.array_equal(found.grey, dcmread(path).pixel_array)


def test_the_real_file_s_twin_has_white_where_that_has_black():
    twin, real = read_dicom(real_file("siim/Fake_MONOHR1.dcm")), read_dicom(real_file(REAL))
    assert twin.photometric == "MONOCHROME1"
    assert np.array_equal(twin.grey, 255 - real.grey)  # the same numbers are stored in both


@pytest.mark.parametrize("syntax", [{}, {"syntax": ImplicitVRLittleEndian}])
@pytest.mark.parametrize("inverted", [False, True])
def test_eight_bits_are_taken_as_they_are_and_inverted_ones_give_the_same_picture(syntax, inverted):
    content = dicom(255 - GREY if inverted else GREY, "MONOCHROME1" if inverted else "MONOCHROME2", **syntax)
    assert np.array_equal(read_dicom(content).grey, GREY)


def test_a_window_does_not_change_eight_bits():
    assert np.array_equal(read_dicom(dicom(WindowCenter=10, WindowWidth=5)).grey, GREY)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_jpeg_is_read_as_pydicom_reads_it(photometric):
    content = jpeg(photometric=photometric)
    stored = dcmread(io.BytesIO(content)).pixel_array
    assert np.array_equal(read_dicom(content).grey, 255 - stored if photometric == "MONOCHROME1" else stored)


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("kind", [np.uint16, np.int16])
def test_deeper_pixels_without_a_window_are_spread_over_their_own_range(bits, kind):
    values = np.linspace(0, 2 ** (bits - 1) - 1, GREY.size).round().astype(kind).reshape(GREY.shape)
    values -= kind(100) if kind is np.int16 else kind(0)
    grey = read_dicom(dicom(values, stored=bits)).grey
    assert (grey.min(), grey.max()) == (0, 255)
    span = values.max().astype(float) - values.min()
    assert np.array_equal(grey, np.rint((values.astype(float) - values.min()) / span * 255))


def test_a_window_chooses_what_is_seen_after_the_rescale():
    values = np.arange(GREY.size, dtype=np.uint16).reshape(GREY.shape) * 20  # 0 to 3820
    window = dict(RescaleSlope=0.5, RescaleIntercept=-100, WindowCenter=["600.5", "1"], WindowWidth=["401", "1"])
    grey = read_dicom(dicom(values, stored=12, **window)).grey  # from 400 to 800
    rescaled = values * 0.5 - 100
    assert (grey[rescaled <= 400] == 0).all() and (grey[rescaled >= 800] == 255).all()
    assert grey[rescaled == 600] == 128  # half of 255, rounded to even


def test_bits_above_the_highest_one_are_no_part_of_the_picture():
    values = (GREY.astype(np.uint16) << 4) | 0xF000
    assert np.array_equal(read_dicom(dicom(values, stored=12)).grey, read_dicom(dicom(values & 0xFFF, stored=12)).grey)


def test_a_rescale_of_eight_bits_counts():
    flipped = read_dicom(dicom(RescaleSlope=-1, RescaleIntercept=255)).grey
    span = int(GREY.max()) - int(GREY.min())
    assert np.array_equal(flipped, np.rint((GREY.max().astype(float) - GREY) / span * 255))


def test_a_picture_of_one_level_is_black():
    assert not read_dicom(dicom(np.full(GREY.shape, 700, np.uint16), stored=12)).grey.any()


def test_an_odd_number_of_bytes_is_filled_up():
    assert np.array_equal(read_dicom(dicom(GREY[:3, :5].copy())).grey, GREY[:3, :5])
