"""Which decoders may see a video: each one is C code that reads foreign bytes, and so one more way in."""

import av

from stagewise.messages.errors import InputError

# What cameras, microscopes, ImageJ and browsers write, by FFmpeg's names. No decoder here has a frame that is not shown
# as a part of its own (VP8 has), so that frames can be counted against the container.
CODECS = (
    *("h264", "hevc", "mpeg4", "mjpeg", "vp9", "av1", "mpeg1video", "mpeg2video"),
    *("ffv1", "huffyuv", "ffvhuff", "rawvideo", "png"),
)
DECODERS = {"av1": "libdav1d"}  # FFmpeg's own av1 decoder needs a graphics card; the others have their codec's name


def chosen(text: str) -> tuple[str, ...]:
    """The codecs of a list with commas. Raises InputError for a name under which FFmpeg decodes no video."""
    codecs = tuple(name.strip() for name in text.split(","))
    for name in codecs:
        try:
            known = av.codec.Codec(DECODERS.get(name, name), "r").type == "video"
        except ValueError:  # av's UnknownCodecError
            known = False
        if not known:
            raise InputError(f"--codecs: no video codec {name!r}; those read by default are {','.join(CODECS)}")
    return codecs


def whitelist(codecs: tuple[str, ...]) -> str:
    """FFmpeg's `codec_whitelist`: no other decoder is opened, not even for a look at the first frames."""
    return ",".join(DECODERS.get(name, name) for name in codecs)
