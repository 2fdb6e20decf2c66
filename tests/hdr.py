"""SDR pictures as HLG and PQ video, converted in light (ITU-R BT.2100, BT.2408), for comparison with the SDR ones."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange

PQ, HLG = 16, 18
_BT2020 = 9
_BT709_TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def as_hdr(image: np.ndarray, transfer: int, *, full_range: bool = False, white_nits: float = 203) -> np.ndarray:
    """BGR pixels (even sides) as 10-bit I420 planes, one below the other: (1.5 H, W) uint16."""
    light = (image[..., ::-1] / 255.0) ** 2.4 @ _BT709_TO_2020.T
    if transfer == PQ:
        power = (np.maximum(light, 0) * white_nits / 10_000) ** (2610 / 16384)
        rgb = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    else:  # undo the screen's gamma of 1.2, which follows the luminance of the pixel
        light = light * white_nits / 1000
        luminance = np.maximum(light @ [0.2627, 0.6780, 0.0593], 1e-9)[..., None]
        scene = light * luminance ** (1 / 1.2 - 1)
        log = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
        rgb = np.where(scene <= 1 / 12, np.sqrt(3 * np.maximum(scene, 0)), log)
    y = rgb @ [0.2627, 0.6780, 0.0593]
    u, v = (rgb[..., 2] - y) / 1.8814, (rgb[..., 0] - y) / 1.4746
    low, y_span, c_span = (0, 1023, 1023) if full_range else (64, 876, 896)
    half = y.shape[1] // 2, y.shape[0] // 2
    chroma = [cv2.resize(plane, half, interpolation=cv2.INTER_AREA).reshape(-1, y.shape[1]) for plane in (u, v)]
    return np.vstack([y * y_span + low, *[plane * c_span + 512 for plane in chroma]]).round().astype(np.uint16)


def write_hdr(
    path: Path,
    images: Iterable[np.ndarray],
    transfer: int,
    *,
    fps: int = 30,
    full_range: bool = False,
    rotation: int = 0,
    **more: float,
) -> Path:
    """Encode BGR pictures as 10-bit HEVC with the tags of HLG or PQ."""
    with av.open(str(path), "w") as container:
        options = {"crf": "8", "preset": "ultrafast", "x265-params": "log-level=none:bframes=0"}
        stream = container.add_stream("libx265", rate=fps, options=options)
        stream.pix_fmt = "yuv420p10le"
        if rotation:
            stream.set_display_rotation(rotation)
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace = transfer, _BT2020, _BT2020
        context.color_range = ColorRange.JPEG if full_range else ColorRange.MPEG
        for index, image in enumerate(images):
            if index == 0:
                stream.height, stream.width = image.shape[:2]
            planes = as_hdr(image, transfer, full_range=full_range, **more)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p10le")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            frame.color_trc, frame.color_primaries, frame.colorspace = transfer, _BT2020, _BT2020
            frame.color_range = context.color_range
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
