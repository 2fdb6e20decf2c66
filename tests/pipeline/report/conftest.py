"""A results folder to make reports of."""

from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.report.made_up import Someone, Video, ticks, write_record, write_video


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Three videos and a picture: two people, nobody, only someone brief, two faces."""
    out = tmp_path / "results"
    write_record(out, failed=[{"stream_id": "broken.mp4~0", "error": "broken.mp4: not a video\nline two"}])
    before, after = ticks(0, 3), ticks(4, 10)
    write_video(
        out,
        Video(
            stream_id="two people.mp4~11111111",
            people=[
                Someone(t_s=before + after, valence=np.linspace(-0.5, 0.5, 90)),
                Someone(t_s=ticks(2, 8), valence=[0.3] * 60, quality=1 << 3, grade=1, expression="sadness"),
                Someone(t_s=ticks(5, 5.2), valence=[0.9] * 2, brief=True),
            ],
            cuts_s=(8.0,),
            missing_s=(3.5, 4.0),
        ),
    )
    write_video(out, Video(stream_id="nobody.mp4~22222222"))
    write_video(
        out, Video(stream_id="brief.mp4~33333333", people=[Someone(t_s=[1.0, 1.1], valence=[0.1, 0.1], brief=True)])
    )
    faces = [Someone(t_s=[0.0], valence=[0.8]), Someone(t_s=[0.0], valence=[-0.4], quality=1, grade=0)]
    write_video(out, Video(stream_id="group.jpg~44444444", people=faces, picture=True, length_s=0.04))
    return out
