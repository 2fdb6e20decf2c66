"""What tests of runs share."""

import pytest

from tests.media import squares, write_video


@pytest.fixture
def clips(tmp_path):
    """A folder with good videos and everything that is not one."""
    folder = tmp_path / "clips"
    write_video(folder / "good.mp4", squares(40))
    write_video(folder / "sub" / "also good.mp4", squares(20))
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("I am no video\n" * 100)
    write_video(folder / "cut.mp4", squares(60))
    (folder / "cut.mp4").write_bytes((folder / "cut.mp4").read_bytes()[:900])
    return folder
