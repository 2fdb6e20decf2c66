"""What a face does for a valence and an arousal: prototypes joined to triangles over the circumplex, and blended."""

from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import combinations
from typing import Literal, get_args

import numpy as np

from training.drawn.actions import Actions
from training.drawn.prototypes import PROTOTYPES

EXPRESSIONS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
"""The order of all expression weights."""
Negative = Literal["anger", "fear", "disgust", "contempt"]
_ACTIONS = tuple(field.name for field in fields(Actions))
_FAR = 2.0
"""Outer prototypes are repeated this far out, so that triangles cover the whole square."""


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A face's actions and what they express."""

    actions: Actions
    weights: np.ndarray
    """(8,) float32, sums to 1, in the order of EXPRESSIONS."""


def express(valence: float, arousal: float, negative: Negative = "anger") -> Expression:
    """The face for this place on the circumplex, each in [-1, 1]; continuous in both.

    negative: which of the four unpleasant, aroused expressions is meant where they crowd together.
    """
    mesh = _mesh(negative)
    shares = mesh.shares(np.clip(np.array([valence, arousal]), -1, 1))
    blended = dict(zip(_ACTIONS, (shares @ mesh.actions).tolist(), strict=True))
    return Expression(Actions(**blended), (shares @ mesh.weights).astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class _Mesh:
    """Triangles between prototypes. Inside one, its corners are blended linearly: half way is half a smile."""

    places: np.ndarray
    """(P, 2) valence and arousal."""
    actions: np.ndarray
    """(P, number of actions)."""
    weights: np.ndarray
    """(P, 8)."""
    triangles: np.ndarray
    """(T, 3) indices."""

    def shares(self, place: np.ndarray) -> np.ndarray:
        """(P,) how much of each prototype there is at this place; sums to 1."""
        a, b, c = (self.places[self.triangles[:, k]] for k in range(3))
        areas = np.stack([_area(b - place, c - place), _area(c - place, a - place), _area(a - place, b - place)], 1)
        inner = areas / _area(b - a, c - a)[:, None]
        best = int(inner.min(1).argmax())  # the triangle that holds the place: no share is negative there
        shares = np.zeros(len(self.places))
        shares[self.triangles[best]] = np.maximum(inner[best], 0) / np.maximum(inner[best], 0).sum()
        return shares


def _area(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(...,) twice the signed area between two (..., 2) vectors."""
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


@lru_cache
def _mesh(negative: Negative) -> _Mesh:
    """The Delaunay triangles over the prototypes that this choice leaves."""
    usable = [p for p in PROTOTYPES if p.name not in get_args(Negative) or p.name == negative]
    places = np.array([(p.valence, p.arousal) for p in usable])
    length = np.linalg.norm(places, axis=1)
    outer = np.flatnonzero(length > 0.5)
    places = np.concatenate([places, _FAR * places[outer] / length[outer, None]])
    source = np.concatenate([np.arange(len(usable)), outer])
    actions = np.array([[getattr(p.actions, name) for name in _ACTIONS] for p in usable])
    weights = np.eye(len(EXPRESSIONS))[[EXPRESSIONS.index(p.name) for p in usable]]
    triangles = [corners for corners in combinations(range(len(places)), 3) if _is_delaunay(places, corners)]
    return _Mesh(places, actions[source], weights[source], np.array(triangles))


def _is_delaunay(places: np.ndarray, corners: tuple[int, int, int]) -> bool:
    """Whether no other point lies in the circle through these three."""
    a, b, c = places[list(corners)]
    b, c = b - a, c - a
    twice = 2 * float(_area(b, c))
    if abs(twice) < 1e-6:
        return False
    centre = np.array([c[1] * (b @ b) - b[1] * (c @ c), b[0] * (c @ c) - c[0] * (b @ b)]) / twice
    others = np.delete(places, list(corners), axis=0) - a - centre
    return bool(((others**2).sum(1) > centre @ centre - 1e-9).all())
