"""HLG, PQ, full and limited range: the brightness and the colours of the SDR picture that they were made from."""

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange

from pipeline.faces.pixels import detector_input
from pipeline.video.decode import VideoReader
from tests.hdr import HLG, PQ, write_hdr


def patches(width=256, height=128):
    """Greys from black to white above skin, hair and wall colours."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2] = np.linspace(0, 255, width).round().astype(np.uint8)[None, :, None]
    colours = [(70, 90, 140), (130, 150, 200), (160, 190, 225), (40, 60, 110), (200, 170, 150), (90, 140, 90)]
    for index, colour in enumerate(colours):
        image[height // 2 :, index * width // 6 : (index + 1) * width // 6] = colour
    return image


def seen(path):
    """(H, W, 3) RGB as a colour network sees the first picture, and BGR as people do."""
    with VideoReader(path) as reader:
        frame = next(reader.frames())
        picture = frame.picture()
        side = max(picture.width, picture.height)
        rgb, _ = detector_input(picture, channels=3, long_side_px=side, multiple_px=1)
        return rgb.astype(float), frame.bgr().astype(float)


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("transfer", [HLG, PQ])
def test_an_hdr_picture_has_the_brightness_and_the_colours_of_its_sdr_copy(tmp_path, transfer, full_range):
    image = patches()
    path = write_hdr(tmp_path / "hdr.mp4", [image] * 3, transfer, full_range=full_range)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert (frame.color_trc, frame.format.name) == (transfer, "yuv420p10le")
        assert (frame.color_range == 2) == full_range
    rgb, bgr = seen(path)
    expected = image.astype(float)
    kept = expected.max(-1) < 0.9 * 255  # what is brighter makes room for what is brighter than white
    luma = [0.2126, 0.7152, 0.0722]
    difference = np.abs(rgb @ luma - expected[..., ::-1] @ luma)
    assert difference[kept].max() < 12
    assert difference[kept].mean() < 2
    assert (rgb @ luma)[~kept].min() > 215
    for found in (rgb[..., ::-1], bgr):
        assert np.abs(found - expected)[kept].mean() < 5


def test_hdr_is_turned_as_the_file_says(tmp_path):
    image = patches()
    rgb, bgr = seen(write_hdr(tmp_path / "hdr.mp4", [image] * 3, HLG, rotation=90))
    for found in (rgb[..., ::-1], bgr):
        assert found.shape == (256, 128, 3)
        assert np.abs(found - np.rot90(image)).mean() < 5


def test_what_is_brighter_than_white_stays_in_order(tmp_path):
    image = np.full((64, 256, 3), 255, np.uint8)
    levels = []
    for white in (203, 406, 812):
        path = write_hdr(tmp_path / f"{white}.mp4", [image] * 3, PQ, white_nits=white)
        levels.append(seen(path)[0].mean())
    assert 235 < levels[0] < levels[1] < levels[2] <= 255


@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [("libx264", "yuv420p"), ("libx265", "yuv420p10le"), ("ffv1", "yuv444p"), ("mjpeg", "yuvj422p")],
)
def test_full_range_is_taken_for_what_it_is(tmp_path, codec, pix_fmt):
    image = patches()
    with av.open(str(tmp_path / "full.mkv"), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"crf": "8"} if codec.startswith("libx26") else {})
        stream.width, stream.height, stream.pix_fmt = image.shape[1], image.shape[0], pix_fmt
        stream.codec_context.color_range = ColorRange.JPEG
        frame = av.VideoFrame.from_ndarray(image, format="bgr24")
        frame = frame.reformat(format=pix_fmt, dst_color_range=ColorRange.JPEG)
        frame.color_range = ColorRange.JPEG
        container.mux([*stream.encode(frame), *stream.encode(None)])
    for found in (seen(tmp_path / "full.mkv")[0][..., ::-1], seen(tmp_path / "full.mkv")[1]):
        assert np.abs(found - image).mean() < 5
