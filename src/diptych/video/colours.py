"""Between the numbers of a film and RGB: which matrix and range they have, and how they are tagged.

Untagged films are taken as players take them: BT.709 from 720 lines on, else BT.601. Transfer and primaries are carried on as
tags; RGB is never converted between them, so what a film showed as red a translation shows so too.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from diptych.video.frames import BT601, BT709, Colours

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.codeccontext import VideoCodecContext

UNSPECIFIED = (0, 2)
"""Code points of H.273 that say nothing: 2, and 0 where FFmpeg leaves a field empty. As a matrix, 0 is RGB itself."""
HIGH_DEFINITION = 720
SCALERS = {6: 5, 10: 9}
"""Matrices that FFmpeg's scaler knows under another number."""


def stated_colours(frame: "VideoFrame") -> Colours:
    """What the file says, and players' rule where it says nothing."""
    usual = BT709 if frame.height >= HIGH_DEFINITION or frame.width >= 1280 else BT601
    full = frame.color_range == 2 or frame.format.name.startswith("yuvj")
    found = (int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc))
    tags = [usual[place] if tag in UNSPECIFIED else tag for place, tag in enumerate(found, 1)]
    return Colours(2 if full and not frame.format.is_rgb else 1, *tags)


def to_rgb(frame: "VideoFrame", colours: Colours, deep: bool) -> npt.NDArray[Any]:
    """(height, width, 3) uint8, or uint16 where ``deep``, as the frame is stored: not turned."""
    form = "rgb48" if deep else "rgb24"
    if frame.format.is_rgb:
        return frame.to_ndarray(format=f"{form}le" if deep else form)
    return frame.to_ndarray(
        format=f"{form}le" if deep else form,
        src_colorspace=SCALERS.get(colours.matrix, colours.matrix),
        src_color_range=colours.range,
    )


def to_yuv(rgb: npt.NDArray[np.uint8], colours: Colours) -> "VideoFrame":
    """(height, width, 3) as a frame of yuv420p in the film's matrix and range, tagged."""
    from av import VideoFrame

    frame = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    frame = frame.reformat(
        format="yuv420p",
        dst_colorspace=SCALERS.get(colours.matrix, colours.matrix),
        dst_color_range=colours.range,
        dst_color_primaries=colours.primaries,
        dst_color_trc=colours.transfer,
    )
    frame.colorspace = colours.matrix
    return frame


def tag(context: "VideoCodecContext", colours: Colours) -> None:
    """Say in the stream what its numbers are: browsers show other colours of untagged ones."""
    context.color_range, context.colorspace = colours.range, colours.matrix
    context.color_primaries, context.color_trc = colours.primaries, colours.transfer
