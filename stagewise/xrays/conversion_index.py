"""The columns of the conversion's table, here so that a worker need not load what reads tables."""

# mask_pixels: 0 without a pneumothorax; mask_sha256: blank then; dicom_bytes: of the DICOM file, and rle_sha256: of the
# mask table's rows, by which a change of either is seen; reason: why an image is quarantined
SIZES = ("height", "width")
COUNTS = (*SIZES, "mask_pixels", "dicom_bytes")
SHA256 = ("sha256", "mask_sha256", "rle_sha256")
CONVERSION_INDEX = (
    *("filename", *SIZES, "photometric", "mask_pixels", "sha256", "mask_sha256", "status", "reason"),
    *("dicom_bytes", "rle_sha256"),
)
CONVERSION_STATUS = ("ok", "quarantined")
