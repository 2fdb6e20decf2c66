"""Overlays of turned and mirrored videos: as a player shows them, with every face where it is then."""

from itertools import islice

import av
import numpy as np
import pandas as pd
import pytest

from pipeline.config import load_config
from pipeline.overlay import write_overlay
from pipeline.results.read import read_results
from pipeline.runs.run import run
from pipeline.sources.find import find_sources
from tests.exif import as_stored
from tests.media import write_video
from tests.pipeline.video.test_orientation import MATRICES

COUNT = 10


@pytest.fixture(scope="module")
def upright(drawn_video):
    """Half a second of drawn people, and the truth about them."""
    with av.open(str(drawn_video)) as container:
        images = [frame.to_ndarray(format="bgr24") for frame in islice(container.decode(video=0), COUNT)]
    return images, pd.read_parquet(drawn_video.with_suffix(".truth.parquet"))


def overlaid(path, folder, **settings):
    """Pictures of the video with hidden faces, and the points."""
    config = load_config(None, {"sampling.fps": "native", "networks.threads": 1, **settings})
    result = run(find_sources([path]), folder / "results", config, in_process=True)
    assert not result.failed
    write_overlay(path, folder / "results", folder / "hidden.mp4", blur_faces=True)
    with av.open(str(folder / "hidden.mp4")) as container:
        pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    return pictures, read_results(folder / "results")


def check(images, truth, pictures, points):
    """Upright pictures, in which the faces and nothing else is covered."""
    assert len(pictures) == len(images)
    for number, (image, picture) in enumerate(zip(images, pictures, strict=True)):
        image = image[: picture.shape[0]]
        assert picture.shape == image.shape
        changed = np.abs(picture.astype(int) - image).max(-1)
        rows = truth[truth["frame_index"] == number]
        known = np.zeros(image.shape[:2], bool)
        for box in rows[["x1", "y1", "x2", "y2"]].to_numpy():
            x1, y1, x2, y2 = box.round().astype(int)
            grow_x, grow_y = (x2 - x1) // 2, (y2 - y1) // 2
            assert changed[max(y1, 0) : y2, max(x1, 0) : x2].mean() > 16
            known[max(y1 - grow_y, 0) : y2 + grow_y, max(x1 - grow_x, 0) : x2 + grow_x] = True
        assert changed[~known].mean() < 8
    assert points["track_id"].nunique() == 2


@pytest.mark.parametrize("orientation", [2, 5, 7])
def test_faces_are_hidden_where_a_player_shows_them(tmp_path, upright, orientation):
    images, truth = upright
    stored = [as_stored(image, orientation) for image in images]
    path = write_video(tmp_path / "turned.mp4", stored, fps=20, matrix=MATRICES[orientation])
    check(images, truth, *overlaid(path, tmp_path))


@pytest.mark.parametrize("rotate", [90, 180])
def test_faces_are_hidden_in_footage_turned_by_the_user(tmp_path, upright, rotate):
    images, truth = upright
    path = write_video(tmp_path / "lost.mp4", [np.rot90(image, rotate // 90) for image in images], fps=20)
    check(images, truth, *overlaid(path, tmp_path, **{"sampling.rotate": rotate}))
