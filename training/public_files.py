"""Networks of others that can be fetched: where they are, which file exactly, under which terms.

Nothing of them is part of this package. The SHA-256 of YuNet is its publisher's (Git LFS pointer in opencv/opencv_zoo).
EmoNet publishes none: those of its files are what two unconnected public records say of them (a Git LFS pointer and a
script that downloads from EmoNet's own address), and their sizes fit the two networks.
"""

from dataclasses import dataclass

EMONET_LICENCE = "CC BY-NC-ND 4.0: non-commercial, no derivatives, not to be passed on"
_EMONET = "https://raw.githubusercontent.com/face-analysis/emonet/master/pretrained"
_OPENCV_ZOO = "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models"


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicFile:
    """One file."""

    what: str
    url: str
    sha256: str
    size_bytes: int
    licence: str
    must_accept: bool = False
    """Its terms are narrow: whoever fetches it says first that they accept them."""

    @property
    def file_name(self) -> str:
        """What it is called where it lies."""
        return self.url.rsplit("/", 1)[1]


PUBLIC_FILES = {
    "emonet_8": PublicFile(
        what="EmoNet, the paper's EmoFAN, 8 classes",
        url=f"{_EMONET}/emonet_8.pth",
        sha256="52918cffba56f31886e6959f6837266a5f7ef5c0a552baf4c6dabe1e8fa9bc97",
        size_bytes=56_087_163,
        licence=EMONET_LICENCE,
        must_accept=True,
    ),
    "emonet_5": PublicFile(
        what="EmoNet, the paper's EmoFAN, 5 classes",
        url=f"{_EMONET}/emonet_5.pth",
        sha256="1d8fac689dc04fc65a8a25c050bd5888e1fc794fcf71c2b20a1f2e6b78d933dd",
        size_bytes=56_085_615,
        licence=EMONET_LICENCE,
        must_accept=True,
    ),
    "yunet": PublicFile(
        what="YuNet, a face detector",
        url=f"{_OPENCV_ZOO}/face_detection_yunet/face_detection_yunet_2023mar.onnx",
        sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        size_bytes=232_589,
        licence="MIT",
    ),
}
