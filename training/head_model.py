"""The mean head of `pipeline.tracks.head_model`, measured from landmarks alone.

Tomasi & Kanade 1992: the landmarks of many faces, each centred and of unit size, are stacked as rows x1 y1 x2 y2 ...;
the three leading factors of that matrix are the heads' orientations times one rigid shape. What remains open, a linear
map, is fixed by asking that orientations are rotations, that the head is symmetric, and that the median face looks
straight ahead.

    python -m training.head_model DATA_FOLDER     prints the 68 points
"""

import sys
from pathlib import Path

import numpy as np

from pipeline.tracks import pose
from training.data.faceset import FLIP
from training.data.newsfaces import read_newsfaces


def measure(landmarks: np.ndarray) -> np.ndarray:
    """(68, 3) mean head from landmarks (F, 68, 2): x right, y down, z away, in distances of the outer eye corners."""
    mirrored = landmarks[:, FLIP] * [-1, 1]
    centred = np.concatenate([landmarks, mirrored])
    centred = centred - centred.mean(1, keepdims=True)
    centred /= np.sqrt((centred**2).sum((1, 2), keepdims=True))
    rows = centred.transpose(0, 2, 1).reshape(-1, 68)
    u, s, vt = np.linalg.svd(rows, full_matrices=False)
    motion, shape = u[:, :3] * np.sqrt(s[:3]), np.sqrt(s[:3])[:, None] * vt[:3]
    shape = np.linalg.inv(_metric(motion[0::2], motion[1::2])) @ shape
    return _upright(shape).T


def _metric(right: np.ndarray, down: np.ndarray) -> np.ndarray:
    """The (3, 3) map C for which right @ C and down @ C (F, 3) are orthogonal and equally long, in least squares."""

    def products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Coefficients of the six entries of C C^T in a C C^T b."""
        outer = a[:, :, None] * b[:, None, :]
        outer = outer + outer.transpose(0, 2, 1)
        i, j = np.triu_indices(3)
        return outer[:, i, j] / np.where(i == j, 2, 1)

    same = products(right, right) - products(down, down)
    size = (products(right, right) + products(down, down)).mean(0, keepdims=True) * len(right)
    system = np.concatenate([same, products(right, down), size])
    entries = np.linalg.lstsq(system, np.append(np.zeros(len(system) - 1), 2 * len(right)), rcond=None)[0]
    square = np.zeros((3, 3))
    square[np.triu_indices(3)] = entries
    square = square + np.triu(square, 1).T
    values, vectors = np.linalg.eigh(square)
    return vectors @ np.diag(np.sqrt(np.maximum(values, 1e-9)))


def _upright(shape: np.ndarray) -> np.ndarray:
    """The shape (3, 68) with the line of the eyes along x and the line from nose bridge to chin across it."""
    x = shape[:, 45] - shape[:, 36]
    x /= np.linalg.norm(x)
    y = shape[:, 8] - shape[:, 27]
    y -= x * (y @ x)
    y /= np.linalg.norm(y)
    out = np.stack([x, y, np.cross(x, y)]) @ shape
    out /= np.linalg.norm(out[:, 45] - out[:, 36])
    out -= out[:, [36, 45]].mean(1, keepdims=True)
    if out[2, 30] > 0:  # depth is known up to its sign; the nose points at the camera
        out[2] *= -1
    return np.stack([(out[0] - out[0, FLIP]) / 2, (out[1] + out[1, FLIP]) / 2, (out[2] + out[2, FLIP]) / 2])


def face_ahead(head: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Tip the head (68, 3) so that the median pitch of `landmarks` (F, 68, 2) is zero."""
    size = np.full((len(landmarks), 2), 4 * (landmarks.max() - landmarks.min()))
    for _ in range(5):
        pitch = np.median(pose.head_pose(landmarks, size, head)[:, 1])
        cos, sin = np.cos(np.radians(pitch)), np.sin(np.radians(pitch))
        head = head @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    return head


def main() -> None:
    """Print the mean head."""
    faces = read_newsfaces(Path(sys.argv[1]) / "newsfaces.parquet", "train")
    landmarks = faces.landmarks[np.isfinite(faces.landmarks).all((1, 2))].astype(np.float64)
    for point in face_ahead(measure(landmarks), landmarks).round(3) + 0.0:
        sys.stdout.write(f"        [{point[0]:.3f}, {point[1]:.3f}, {point[2]:.3f}],\n")


if __name__ == "__main__":
    main()
