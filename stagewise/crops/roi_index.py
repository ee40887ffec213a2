"""The columns of the extraction's table, here so that a worker need not load what reads tables."""

ROI_SIZES = ("frames", "height", "width", "y0", "x0", "y1", "x1", "frames_with_outline", "video_bytes")
# reason: why a video is quarantined; of one that is ok, why its box was in doubt, else blank
# etag: what the bucket called the object that the volume is of, blank for one of a file
LATER = ("etag",)  # at the end; an index of before has no such column, and is read as if it were blank
ROI_INDEX = ("filename", *ROI_SIZES, "sha256", "status", "reason", *LATER)
ROI_STATUS = ("ok", "quarantined")
