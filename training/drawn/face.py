"""One drawn person in a picture: head and bust as a patch, with the landmarks and the box known by construction."""

from dataclasses import dataclass

import cv2
import numpy as np

from training.drawn.actions import Actions
from training.drawn.bust import make_bust, place_bust
from training.drawn.canvas import canvas_for
from training.drawn.eyes import Glance
from training.drawn.glasses import wear_glasses
from training.drawn.head import CHIN_Y_MM, HAIRLINE_Y_MM
from training.drawn.identity import Identity
from training.drawn.landmarks import landmarks, with_jaw
from training.drawn.light import Light, shine
from training.drawn.patch import Patch, join
from training.drawn.portrait import Portrait, make_portrait, paint_expression
from training.drawn.pose import Pose, project
from training.drawn.relief import look
from training.drawn.sheet import Sheet
from training.drawn.styles import Style
from training.drawn.tone import develop

FACE_MM = CHIN_Y_MM - HAIRLINE_Y_MM
"""Height of the average face, from the hairline to the chin: what `face_px` stands for."""
FACE_PX_MIN, FACE_PX_MAX = 12.0, 700.0
_BOX_INSET = 0.03
"""Share of its size by which a box is cut at the sides and at the chin."""
_MIRROR_MM = 4.5
"""Radius of the cornea's mirror, halved: how far from the pupil a lamp at the side is reflected."""
_EDGE_PX = 1.4
"""Width of the soft edge around a head."""
_BUST_PX_PER_MM_MAX = 1.2
"""Busts are never painted finer: next to a larger face they look a little out of focus."""
_BUST_ENDS_MM = (320.0, 460.0, 660.0, 950.0, 1700.0)
"""Lower ends of busts, mm below the middle of the head: few, so that what is painted for one frame can be kept."""


@dataclass(frozen=True, slots=True, eq=False)
class FacePatch:
    """A drawn person, ready to be laid over a picture; all positions are in that picture's px."""

    x0: int
    y0: int
    """Where the patch's first pixel goes."""
    image: np.ndarray
    """(h, w, 3) uint8 BGR."""
    alpha: np.ndarray
    """(h, w) uint8."""
    landmarks: np.ndarray
    """(68, 2) float32 px."""
    box: tuple[float, float, float, float]
    """x1, y1, x2, y2 px: hairline to chin, visible width of the face."""


def render_face(
    identity: Identity,
    style: Style,
    light: Light,
    *,
    face_px: float,
    centre: tuple[float, float],
    actions: Actions | None = None,
    pose: Pose | None = None,
    blink: float = 0.0,
    gaze: tuple[float, float] = (0.0, 0.0),
    pupil_mm: float = 2.2,
    lamp: float = 1.0,
    around: float = 1.0,
    picture_px: tuple[int, int] | None = None,
) -> FacePatch:
    """Draw a person whose head has its middle (between the ears, at the height of the eyes) at `centre` (px).

    blink: 1 is shut. gaze: right and down, -1..1. lamp, around: strengths relative to `light`. picture_px: width and
    height of the picture to fill: the body reaches its lower edge and is cut at its edges.
    """
    if not FACE_PX_MIN <= face_px <= FACE_PX_MAX:
        raise ValueError(f"face_px must be in [{FACE_PX_MIN}, {FACE_PX_MAX}], got {face_px}")
    actions, pose = actions or Actions(), pose or Pose()
    px_per_mm = face_px / FACE_MM
    rotation = pose.rotation()
    portrait = make_portrait(identity, style, canvas_for(1 / px_per_mm))
    mirror = _MIRROR_MM * np.add(light.unit(), (0, 0, 1)) @ rotation
    glance = Glance(blink, gaze, pupil_mm)
    sheet = paint_expression(portrait, identity, actions, glance, (float(mirror[0]), float(mirror[1])))
    lit = develop(shine(sheet, light.scaled(lamp, around), rotation, style.scatter))
    head = _see(portrait, sheet, lit, rotation, centre, px_per_mm)
    wear_glasses(head, identity, rotation, centre, px_per_mm, 0.4 + 0.6 * lamp)
    below_mm = 0.0 if picture_px is None else (picture_px[1] - centre[1]) / px_per_mm
    bottom_mm = next((end for end in _BUST_ENDS_MM if end >= below_mm), _BUST_ENDS_MM[-1])
    body = make_bust(identity, style, light, _bust_scale(px_per_mm), bottom_mm)
    bust = place_bust(body, centre, px_per_mm, pose.roll, lamp, around, picture_px)
    whole = join(bust, head)
    points = project(landmarks(identity, portrait.head, actions, blink), rotation)[:, :2] * px_per_mm + centre
    outline = project(with_jaw(portrait.head.face, identity, actions), rotation)[:, :2] * px_per_mm + centre
    return FacePatch(whole.x0, whole.y0, whole.image, whole.alpha, points.astype(np.float32), _box(outline))


def _see(
    portrait: Portrait,
    sheet: Sheet,
    lit: np.ndarray,
    rotation: np.ndarray,
    centre: tuple[float, float],
    px_per_mm: float,
) -> Patch:
    """The lit canvas (H, W, 3) as seen on the turned head."""
    view = look(portrait.head.canvas, sheet.radius, rotation, centre, px_per_mm)
    place = (view.column, view.row, cv2.INTER_LINEAR)
    image = cv2.remap(lit, *place, borderMode=cv2.BORDER_REPLICATE)
    cover = np.clip(0.5 - view.outside_mm * np.float32(px_per_mm / _EDGE_PX), 0, 1)
    cover *= cv2.remap(portrait.above_neck, *place, borderMode=cv2.BORDER_REPLICATE)
    return Patch(view.x0, view.y0, image, cv2.convertScaleAbs(cover, alpha=255.0))


def _bust_scale(px_per_mm: float) -> float:
    """The next of few scales that is fine enough."""
    return float(min(2 ** (np.ceil(np.log2(px_per_mm) * 2) / 2), _BUST_PX_PER_MM_MAX))


def _box(outline: np.ndarray) -> tuple[float, float, float, float]:
    """Box around the points of a face (N, 2), cut in a little, as annotators and detectors draw it."""
    (x1, y1), (x2, y2) = outline.min(0), outline.max(0)
    inset_x, inset_y = _BOX_INSET * (x2 - x1), _BOX_INSET * (y2 - y1)
    return (float(x1 + inset_x), float(y1), float(x2 - inset_x), float(y2 - inset_y))
