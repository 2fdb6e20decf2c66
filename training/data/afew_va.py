"""AFEW-VA (Kossaifi et al. 2017): 600 clips of feature films, every frame rated from -10 to 10 and marked."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.data.csv_rows import number, points_of
from training.data.records import Reading, Record, need_folder
from training.errors import TrainingError

OWNER = "AFEW-VA is lent for research by iBUG, Imperial College London (ibug.doc.ic.ac.uk, AFEW-VA database): ask there"
RATING_MAX = 10.0


def read_afew_va(source: Path) -> Reading:
    """All frames, without splits: they are measured by person-independent folds, as in the paper."""
    need_folder(source, OWNER)
    files = [p for pattern in ("*/*.json", "*/*/*.json") for p in source.glob(pattern) if p.stem == p.parent.name]
    if not files:
        raise TrainingError(
            f"{source}: holds no clips; expected 001/001.json with its pictures beside it, or 01/001/001.json; {OWNER}"
        )
    return Reading(data_set="AFEW-VA", records=[r for path in sorted(files, key=lambda p: p.stem) for r in _clip(path)])


def _clip(path: Path) -> Iterator[Record]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        actor, frames = content["actor"], sorted(content["frames"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise TrainingError(f"{path}: expected JSON with 'actor' and 'frames'; {type(exc).__name__}: {exc}") from exc
    for frame, labels in frames:
        where = f"{path}, frame {frame}"
        marks = _label(labels, "landmarks", where)
        valence, arousal = (
            number(_label(labels, name, where), -RATING_MAX, RATING_MAX, f"{where}: {name}") / RATING_MAX
            for name in ("valence", "arousal")
        )
        yield Record(
            name=f"{path.stem}/{frame}",
            picture=path.parent / f"{frame}.png",
            person="" if actor is None else str(actor).strip(),
            landmarks=points_of(marks, where) if marks else None,
            valence=valence,
            arousal=arousal,
        )


def _label(labels: Any, name: str, where: str) -> Any:
    if not isinstance(labels, dict) or name not in labels:
        raise TrainingError(f"{where}: has no {name!r}")
    return labels[name]
