"""What a reader gives: frames as they left the decoder, and what the container says of its picture stream."""

from dataclasses import dataclass

import av
import numpy as np

from pipeline.types import Picture
from pipeline.video.picture import PictureConverter


@dataclass(slots=True)
class DecodedFrame:
    """One frame as it left the decoder. `picture` is made on demand: most frames are never looked at."""

    pts_ns: int
    duration_ns: int
    """How long it is shown; 0 where the file does not say."""
    frame_index: int | None
    corrupt: bool
    damage_before: bool
    """Whether a gap before this frame counts as damage rather than as a pause in the recording."""
    _frame: av.VideoFrame
    _convert: PictureConverter

    def picture(self) -> Picture:
        """The frame as it is analysed."""
        return self._convert(self._frame)

    def bgr(self) -> np.ndarray:
        """The frame as people look at it: (H, W, 3) uint8 BGR."""
        return self._convert.bgr(self._frame)


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What the container says of its picture stream."""

    width: int
    height: int
    period_ns: int | None
    """Nominal time between frames; None where it is not known."""
    end_ns: int | None
    """When the last frame should end, as the container says or libav estimates; None where neither does."""
    time_base: str
    codec: str
    is_picture: bool
    is_indexed: bool = False
    """The container has an index, so that a seek finds what it looks for."""
    other_streams: tuple[str, ...] = ()
    """The video streams that are left out, in words."""
    end_is_estimate: bool = False
    """Nothing in the file states `end_ns`."""
    claimed_ns: int | None = None
    """The longest of the lengths that the container states."""
