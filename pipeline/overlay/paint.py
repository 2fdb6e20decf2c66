"""Painting on a picture: boxes with labels, the circumplex inset and the trace below. Sizes follow the picture's."""

from collections.abc import Sequence

import cv2
import numpy as np

from pipeline.overlay.courses import Course, Moment

Colour = tuple[int, int, int]
_Rectangle = tuple[int, int, int, int]

# Okabe & Ito's palette, which colour-blind people can tell apart, as BGR; the hues follow each other as in the report.
_PALETTE: tuple[Colour, ...] = (
    (233, 180, 86),
    (0, 159, 230),
    (115, 158, 0),
    (167, 121, 204),
    (66, 228, 240),
    (0, 94, 213),
    (178, 114, 0),
)
_INK: Colour = (245, 245, 245)
_MUTED: Colour = (150, 150, 150)
_BAD: Colour = (120, 120, 120)
TRACE_S = 10.0
"""How much of the past the trace shows."""
TAIL_S = 2.0
"""... and the circumplex."""
_STEPS = 60
NS = 1_000_000_000


class Painter:
    """Paints one video; keeps what depends on its size and on where its faces are."""

    def __init__(self, width: int, height: int, courses: Sequence[Course]):
        self._width, self._height = width, height
        self._unit = max(min(width, height) / 360, 0.6)
        """Px of a line of one point at 360 lines."""
        self._font = cv2.FontFace("sans")
        self._text_px = round(11 * self._unit)
        self._courses = courses
        self._radius, self._edge = round(46 * self._unit), round(12 * self._unit)
        self._moves = any(len(course.pts_ns) > 1 for course in courses)
        """A picture has no past to trace."""
        self._trace_px = round(52 * self._unit) if self._moves else 0
        self._inset = self._emptiest_corner()

    def paint(self, image: np.ndarray, pts_ns: int) -> None:
        """What is known of this moment, onto `image` (H, W, 3) uint8 BGR in place."""
        near = [course for course in self._courses if course.is_near(pts_ns, TRACE_S)]
        now = {course.track_id: course.at(pts_ns) for course in near}
        seen = {track_id: moment for track_id, moment in now.items() if moment is not None}
        self._circumplex(image, [course for course in near if course.track_id in seen], pts_ns)
        if self._moves:
            self._trace(image, near, pts_ns)
        for track_id, moment in seen.items():
            self._face(image, track_id, moment)
        taken: list[_Rectangle] = []
        for track_id, moment in seen.items():
            taken.append(self._label(image, track_id, moment, taken))

    def _emptiest_corner(self) -> tuple[int, int]:
        """Centre of the circumplex: the corner in which faces are least often."""
        half = self._radius + self._edge
        left, right = half + self._edge, self._width - half - self._edge
        top, bottom = half + self._edge, self._height - self._trace_px - half - self._edge
        corners = [(right, top), (left, top), (right, bottom), (left, bottom)]
        boxes = np.concatenate([course.boxes for course in self._courses] or [np.zeros((0, 4))])
        covered = []
        for x, y in corners:
            low, high = np.array([x - half, y - half]), np.array([x + half, y + half])
            covered.append(((boxes[:, :2] < high) & (boxes[:, 2:] > low)).all(1).sum())
        return corners[int(np.argmin(covered))]

    def _face(self, image: np.ndarray, track_id: int, moment: Moment) -> None:
        colour = _BAD if moment.grade == 0 else colour_of(track_id)
        x1, y1, x2, y2 = np.round(moment.box).astype(int).tolist()
        cv2.rectangle(image, (x1, y1), (x2, y2), colour, max(round(1.5 * self._unit), 1), cv2.LINE_AA)
        if moment.landmarks is not None:
            for x, y in np.round(moment.landmarks).astype(int).tolist():
                cv2.circle(image, (x, y), max(round(0.6 * self._unit), 1), colour, -1, cv2.LINE_AA)

    def _label(self, image: np.ndarray, track_id: int, moment: Moment, taken: Sequence[_Rectangle]) -> _Rectangle:
        """Write what the face shows above it, or higher where one of `taken` is in the way; return the place."""
        text = f"#{track_id}"
        if np.isfinite(moment.valence):
            text += f"  V {moment.valence:+.2f}  A {moment.arousal:+.2f}"
            text += f"  {moment.expression}" if moment.grade else "  (not reliable)"
        pad = round(3 * self._unit)
        width = cv2.getTextSize((self._width, self._height), text, (0, 0), self._font, self._text_px, 500)[2] + 2 * pad
        height = self._text_px + 2 * pad
        x1, y1, _, y2 = np.round(moment.box).astype(int).tolist()
        left = min(max(x1, 0), max(self._width - width, 0))
        top = y1 - height if y1 > height else min(y2, self._height - height)
        while top > 0 and any(_overlap((left, top, left + width, top + height), other) for other in taken):
            top -= height
        place = (left, top, left + width, top + height)
        _shade(image, *place, 0.65)
        colour = _BAD if moment.grade == 0 else colour_of(track_id)
        self._write(image, text, left + pad, top + self._text_px + pad // 2, _lighter(colour))
        return place

    def _circumplex(self, image: np.ndarray, courses: Sequence[Course], pts_ns: int) -> None:
        """A disk in a corner: valence to the right, arousal up, the last two seconds of everyone in view."""
        radius, edge = self._radius, self._edge
        cx, cy = self._inset
        _shade(image, cx - radius - edge, cy - radius - edge, cx + radius + edge, cy + radius + edge, 0.6)
        cv2.circle(image, (cx, cy), radius, _MUTED, 1, cv2.LINE_AA)
        cv2.line(image, (cx - radius, cy), (cx + radius, cy), _MUTED, 1, cv2.LINE_AA)
        cv2.line(image, (cx, cy - radius), (cx, cy + radius), _MUTED, 1, cv2.LINE_AA)
        small = round(8 * self._unit)
        self._write(image, "valence", cx + radius - 4 * small, cy + small, _MUTED, small)
        self._write(image, "arousal", cx + small // 3, cy - radius + small, _MUTED, small)
        for course in courses:
            colour = colour_of(course.track_id)
            path = _past(course, pts_ns, TAIL_S, 20)
            points = np.column_stack([cx + path[:, 1] * radius, cy - path[:, 2] * radius])
            for a, b, age in zip(points[:-1], points[1:], path[1:, 0], strict=True):
                if np.isfinite([*a, *b]).all():
                    fade = 1 - age / TAIL_S
                    shade = tuple(round(60 + (c - 60) * fade) for c in colour)
                    cv2.line(image, _whole(a), _whole(b), shade, max(round(1.2 * self._unit), 1), cv2.LINE_AA)
            if len(points) and np.isfinite(points[-1]).all():
                cv2.circle(image, _whole(points[-1]), round(3.5 * self._unit), colour, -1, cv2.LINE_AA)
                cv2.circle(image, _whole(points[-1]), round(3.5 * self._unit), _INK, 1, cv2.LINE_AA)

    def _trace(self, image: np.ndarray, courses: Sequence[Course], pts_ns: int) -> None:
        """A band at the lower edge: valence as a full line and arousal as a thin one over the last ten seconds."""
        height = self._trace_px
        top, left, right = self._height - height, round(34 * self._unit), self._width - round(8 * self._unit)
        _shade(image, 0, top, self._width, self._height, 0.6)
        middle, reach = top + height / 2, height / 2 - 5 * self._unit
        cv2.line(image, (left, round(middle)), (right, round(middle)), _MUTED, 1, cv2.LINE_AA)
        small = round(8 * self._unit)
        for text, y in (("+1", middle - reach), ("0", middle), ("-1", middle + reach)):
            self._write(image, text, left - round(16 * self._unit), round(y + small / 3), _MUTED, small)
        for course in courses:
            colour = colour_of(course.track_id)
            path = _past(course, pts_ns, TRACE_S, _STEPS)
            xs = right - path[:, 0] / TRACE_S * (right - left)
            for column, thick in ((1, max(round(1.6 * self._unit), 1)), (2, 1)):
                ys = middle - path[:, column] * reach
                _polyline(image, np.column_stack([xs, ys]), colour if column == 1 else _lighter(colour), thick)
        legend = "thick: valence   thin: arousal"
        self._write(image, legend, left, self._height - round(3 * self._unit), _MUTED, small)

    def _write(self, image: np.ndarray, text: str, x: int, y: int, colour: Colour, px: int | None = None) -> None:
        cv2.putText(image, text, (x, y), colour, self._font, px or self._text_px, 500)


def colour_of(track_id: int) -> Colour:
    """A track's colour, BGR."""
    return _PALETTE[(track_id - 1) % len(_PALETTE)]


def _past(course: Course, pts_ns: int, seconds: float, steps: int) -> np.ndarray:
    """(steps + 1, 3): age in s, valence, arousal, from the oldest to now; NaN where the face was not there."""
    rows = []
    # The grid is fixed in stream time, so that a curve moves along and does not shimmer.
    step_ns = round(seconds / steps * NS)
    newest = pts_ns // step_ns
    for time_ns in [*(step_ns * (newest - i) for i in range(steps - 1, -1, -1)), pts_ns]:
        moment = course.at(time_ns) if time_ns >= 0 else None
        affect = (np.nan, np.nan) if moment is None else (moment.valence, moment.arousal)
        rows.append(((pts_ns - time_ns) / NS, *affect))
    return np.array(rows)


def _polyline(image: np.ndarray, points: np.ndarray, colour: Colour, thick: int) -> None:
    """Lines through the finite stretches of points (n, 2)."""
    finite = np.isfinite(points).all(1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], finite, [0]])))
    for begin, end in edges.reshape(-1, 2).tolist():
        line = np.round(points[begin:end]).astype(np.int32)
        cv2.polylines(image, [line], False, colour, thick, cv2.LINE_AA)


def _shade(image: np.ndarray, x1: int, y1: int, x2: int, y2: int, strength: float) -> None:
    """Darken a rectangle in place, so that writing on it can be read."""
    part = image[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)]
    if part.size:
        cv2.convertScaleAbs(part, part, alpha=1 - strength)


def _overlap(a: _Rectangle, b: _Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _lighter(colour: Colour) -> Colour:
    b, g, r = (c + (255 - c) // 3 for c in colour)
    return b, g, r


def _whole(point: np.ndarray) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
