"""Faces with whatever is known of them: what every reader returns and every task learns from.

Shapes: F faces, N = 68 landmarks, C = 8 expression classes in the order of `engines.EXPRESSIONS`.
What is not known of a face is NaN.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.errors import TrainingError

CIRCUMPLEX = np.array(
    [
        [0.00, 0.00],  # neutral
        [0.81, 0.51],  # happiness
        [-0.63, -0.27],  # sadness
        [0.40, 0.67],  # surprise
        [-0.64, 0.60],  # fear
        [-0.60, 0.35],  # disgust
        [-0.51, 0.59],  # anger
        [-0.45, 0.25],  # contempt: not in the study, ours
    ]
)
"""(C, 2) valence and arousal of each expression: Russell & Mehrabian 1977, table 1."""

FLIP = np.array(
    [
        *range(16, -1, -1),  # jaw
        *range(26, 16, -1),  # brows
        *(27, 28, 29, 30),  # ridge of the nose
        *range(35, 30, -1),  # under the nose
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),  # eyes
        *range(54, 47, -1),  # outer lips, upper
        *range(59, 54, -1),  # outer lips, lower
        *range(64, 59, -1),  # inner lips, upper
        *(67, 66, 65),  # inner lips, lower
    ]
)
"""(N,) which landmark becomes which in a mirror image (68-point order)."""


class EncodedPictures(Sequence[np.ndarray]):
    """Pictures that stay compressed and are decoded each time one is asked for."""

    def __init__(
        self,
        encoded: pa.ChunkedArray,
        names: Sequence[str],
        widths: np.ndarray,
        *,
        colour: bool,
        rows: np.ndarray | None = None,
        mirrored: bool = False,
    ):
        """`encoded`: compressed pictures; `names`: what messages call them; `widths` (F,): theirs, px; `rows`: those
        that count, in this order."""
        self._encoded, self._names, self._widths, self._colour, self._mirrored = (
            encoded,
            names,
            widths,
            colour,
            mirrored,
        )
        self._rows = np.arange(len(encoded)) if rows is None else rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> np.ndarray:  # type: ignore[override]  # slices: `take`
        row = int(self._rows[index])
        image = decode_picture(self._encoded[row].as_buffer(), self._names[row], colour=self._colour)
        return np.ascontiguousarray(image[:, ::-1]) if self._mirrored else image

    @property
    def widths(self) -> np.ndarray:
        """(F,) px, without decoding."""
        return np.asarray(self._widths[self._rows])

    def take(self, rows: np.ndarray) -> "EncodedPictures":
        """These rows, in this order; nothing is copied or decoded."""
        return self._with(self._rows[rows], self._mirrored)

    def mirrored(self) -> "EncodedPictures":
        """The same pictures as a mirror shows them."""
        return self._with(self._rows, not self._mirrored)

    def contents(self) -> Iterator[bytes]:
        """Each picture as it is stored."""
        return (self._encoded[int(row)].as_py() for row in self._rows)

    def _with(self, rows: np.ndarray, mirrored: bool) -> "EncodedPictures":
        return EncodedPictures(
            self._encoded, self._names, self._widths, colour=self._colour, rows=rows, mirrored=mirrored
        )


@dataclass(frozen=True, slots=True)
class FaceSet:
    """Faces and their labels, one row per face; made by `FaceSet.of`."""

    images: Sequence[np.ndarray]
    """F pictures uint8, (H, W) luma or (H, W, 3) RGB; may be decoded when asked for."""
    landmarks: np.ndarray
    """(F, N, 2) float32 px; NaN where none were found."""
    boxes: np.ndarray
    """(F, 4) float32 px, x1 y1 x2 y2: about as large as the 68 landmarks are apart; NaN where unknown."""
    expression: np.ndarray
    """(F, C) float32 probabilities; NaN where unknown."""
    votes: np.ndarray
    """(F, C + 2) int: annotators' votes per class, then unknown and not-a-face, all that were cast; -1: none were."""
    affect: np.ndarray
    """(F, 2) float32 valence and arousal in -1..1; NaN where unknown."""
    persons: np.ndarray
    """(F,) str: who it is, "" where unknown."""
    names: np.ndarray
    """(F,) str: what the picture is called in its data set, "" where it has no name."""

    @classmethod
    def of(
        cls,
        images: Sequence[np.ndarray],
        *,
        landmarks: np.ndarray | None = None,
        boxes: np.ndarray | None = None,
        expression: np.ndarray | None = None,
        votes: np.ndarray | None = None,
        affect: np.ndarray | None = None,
        persons: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
    ) -> "FaceSet":
        """A set of these pictures; labels that are not given are unknown."""
        count = len(images)

        def or_unknown(values: np.ndarray | None, *shape: int) -> np.ndarray:
            filled = np.full((count, *shape), np.nan, np.float32) if values is None else values.astype(np.float32)
            if filled.shape != (count, *shape):
                raise ValueError(f"labels of shape {filled.shape} for {count} faces, expected {(count, *shape)}")
            return filled

        return cls(
            images,
            or_unknown(landmarks, 68, 2),
            or_unknown(boxes, 4),
            or_unknown(expression, 8),
            np.full((count, 10), -1, np.int64) if votes is None else votes,
            or_unknown(affect, 2),
            np.array([""] * count if persons is None else persons, str),
            np.array([""] * count if names is None else names, str),
        )

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Sequence[int] | np.ndarray) -> "FaceSet":
        """These rows, in this order."""
        keep = np.asarray(rows, np.int64)
        rest = (getattr(self, field.name)[keep] for field in fields(self)[1:])
        if isinstance(self.images, EncodedPictures):
            return FaceSet(self.images.take(keep), *rest)
        return FaceSet([self.images[row] for row in keep], *rest)

    def without(self, other: "FaceSet") -> "FaceSet":
        """These faces less those whose very picture is in `other` too: FER2013 holds many pictures twice."""
        known = set(_contents(other.images))
        return self.take([row for row, content in enumerate(_contents(self.images)) if content not in known])

    def mirrored(self) -> "FaceSet":
        """The same faces as a mirror shows them."""
        images: Sequence[np.ndarray]
        if isinstance(self.images, EncodedPictures):
            images, widths = self.images.mirrored(), self.images.widths
        else:
            images = [np.ascontiguousarray(image[:, ::-1]) for image in self.images]
            widths = np.array([image.shape[1] for image in images])
        last = widths[:, None].astype(np.float32) - 1
        landmarks, boxes = self.landmarks[:, FLIP], self.boxes[:, [2, 1, 0, 3]]
        landmarks[..., 0] = last - landmarks[..., 0]
        boxes[:, ::2] = last - boxes[:, ::2]
        return replace(self, images=images, landmarks=landmarks, boxes=boxes)

    def hold_back(self, share: float) -> tuple["FaceSet", "FaceSet"]:
        """The faces to train on, and about `share` of them kept out of it.

        Which side a face falls on depends on the person, or where nobody is named on the picture: the same people and
        copies of one picture stay together, and every run holds back the same ones.
        """
        each = zip(self.persons.tolist(), _contents(self.images), strict=True)
        held = np.array([zlib.crc32(person.encode() or content) < int(share * 2**32) for person, content in each], bool)
        return self.take(np.flatnonzero(~held)), self.take(np.flatnonzero(held))


def _contents(images: Sequence[np.ndarray]) -> Iterator[bytes]:
    """Of each picture, bytes that are equal where two pictures of one reader are."""
    return images.contents() if isinstance(images, EncodedPictures) else (image.tobytes() for image in images)


def weak_affect(expression: np.ndarray) -> np.ndarray:
    """(F, 2) valence and arousal: each expression's place on the circumplex, weighted by its probability (F, C).

    A weak label: agreement with it checks the plumbing more than the truth.
    """
    return (expression @ CIRCUMPLEX).astype(np.float32)


def has_weak_affect(faces: FaceSet) -> bool:
    """Whether valence and arousal are only guessed from the expressions."""
    rated = np.isfinite(faces.affect).all(1)
    return bool(rated.any() and np.allclose(faces.affect[rated], weak_affect(faces.expression[rated]), atol=1e-4))


def read_columns(path: Path, columns: list[str], split: str) -> pa.Table:
    """The rows of one split of a Parquet file; TrainingError says which file or column is missing or broken."""
    if not path.is_file():
        raise TrainingError(f"{path}: no such file; give the folder that holds the data with --data")
    try:
        if missing := {*columns, "split"} - set(pq.read_schema(path).names):
            raise TrainingError(f"{path}: has no column {', '.join(sorted(missing))}")
        table = pq.read_table(path, columns=columns, filters=[("split", "=", split)])
    except (OSError, pa.ArrowException) as exc:
        raise TrainingError(f"{path}: is no Parquet file that can be read, make it anew: {exc}") from exc
    if table.num_rows == 0:
        raise TrainingError(f"{path}: no rows with split {split!r}")
    return table


def decode_picture(content: bytes | pa.Buffer, where: str, *, colour: bool = False) -> np.ndarray:
    """A compressed picture as (H, W) uint8 luma, or (H, W, 3) RGB."""
    flag = cv2.IMREAD_COLOR_RGB if colour else cv2.IMREAD_GRAYSCALE
    image = cv2.imdecode(np.frombuffer(content, np.uint8), flag)
    if image is None:
        raise TrainingError(f"{where}: not a readable picture")
    return image


def landmarks_px(fractions: list[list[float] | None], images: list[np.ndarray]) -> np.ndarray:
    """(F, N, 2) px from fractions of width and height; the pixel at fraction 0 is centred at -0.5."""
    out = np.full((len(images), 68, 2), np.nan, np.float32)
    for row, (points, image) in enumerate(zip(fractions, images, strict=True)):
        if points is not None:
            out[row] = np.array(points, np.float32).reshape(68, 2) * image.shape[::-1] - 0.5
    return out


def in_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """A picture (S, S) or (S, S, 3) as (S, S, channels): grey three times for a colour network, luma for a grey one."""
    if channels == 1:
        return (image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[..., None]
    return image if image.ndim == 3 else np.repeat(image[..., None], channels, 2)
