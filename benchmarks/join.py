"""How much memory joining the segments of a long video takes: ``python -m benchmarks.join``. Writes join.json.

The segments are made up, as if 100 faces had been analysed for one minute and for ten; each is joined in a process of
its own. What counts is by how much the process grows over a worker at rest, which has its networks loaded.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from pipeline.config import load_config
from pipeline.faces.appearance import DESCRIPTOR_SIZE
from pipeline.jobs.analyze import checkpoint_of, join_segments
from pipeline.jobs.checkpoint import Ending, Origin, write_batches
from pipeline.jobs.context import RunContext
from pipeline.jobs.segments import Segment
from pipeline.runs.networks import load_engines
from pipeline.sources.find import Source, find_sources
from pipeline.storage.store import open_store
from pipeline.types import AffectBatch, Frame, Tracklets
from pipeline.video.decoded import VideoInfo
from pipeline.video.irregular import Irregular

HERE = Path(__file__).parent
FACES = 100
MINUTES = (1, 10)
FPS = 10
NS = 1_000_000_000
HOP_FRAMES, HOPS = 5, 6
"""Frames in half a second, and half seconds in a batch: about the 32 frames of the default settings."""
GROWTH_MB_MAX, RATIO_MAX = 150, 1.1


def made_up(minutes: int) -> Iterator[AffectBatch]:
    """What an analysis of `FACES` faces that stand on a grid would give."""
    rng = np.random.default_rng(0)
    corner = np.stack(np.divmod(np.arange(FACES), 10), 1) * 60.0 + 5
    appearance = rng.normal(size=(FACES, DESCRIPTOR_SIZE)).astype(np.float32)
    appearance /= np.linalg.norm(appearance, axis=1, keepdims=True)
    size = HOP_FRAMES * HOPS
    for batch in range(minutes * 60 * FPS // size):
        first = batch * size
        frames = [
            Frame(i * NS // FPS, i, None, 640, 640, is_key=i % HOP_FRAMES == 0) for i in range(first, first + size)
        ]
        keys = np.array([frame.pts_ns for frame in frames if frame.is_key] + [(first + size) * NS // FPS])
        names = np.stack(np.broadcast_arrays(keys[:, None], np.arange(FACES)), 2)
        frame = np.repeat(np.arange(size), FACES)
        face = np.tile(np.arange(FACES), size)
        count = len(frame)
        boxes = (np.column_stack([corner, corner + 48])[face] + rng.normal(size=(count, 4))).astype(np.float32)
        yield AffectBatch(
            frames=frames,
            next_ns=(first + size) * NS // FPS,
            tracklets=Tracklets(
                begin=names[:-1].reshape(-1, 2),
                end=names[1:].reshape(-1, 2),
                key_ns=np.repeat(keys[:-1], FACES),
                score=np.full(HOPS * FACES, 0.9, np.float32),
            ),
            tracklet=frame // HOP_FRAMES * FACES + face,
            frame=frame,
            boxes=boxes,
            det_score=np.where(frame % HOP_FRAMES, np.nan, 0.9).astype(np.float32),
            landmarks=(boxes[:, None, :2] + rng.uniform(0, 48, (count, 68, 2))).astype(np.float32),
            visibility=rng.uniform(0.8, 1, count).astype(np.float32),
            expression=rng.dirichlet(np.ones(8), count).astype(np.float32),
            valence=rng.uniform(-1, 1, count).astype(np.float32),
            arousal=rng.uniform(-1, 1, count).astype(np.float32),
            luma=np.full(count, 120, np.float32),
            blur=np.full(count, 200, np.float32),
            appearance=appearance[face],
        )


def _job(folder: Path, minutes: int, landmarks: bool) -> tuple[Source, Segment, RunContext]:
    video = folder / "video.mp4"
    if not video.exists():
        video.touch()
    config = load_config(None, {"output.landmarks": landmarks})
    context = RunContext(run_id="0", out=str(folder / "out"), config=config, metadata={"config_hash": "0"})
    return find_sources([video])[0], Segment(0, 0, minutes * 60 * NS), context


def make(folder: Path, minutes: int, landmarks: bool) -> None:
    """Leave a segment that is analysed."""
    source, segment, context = _job(folder, minutes, landmarks)
    info = VideoInfo(640, 640, NS // FPS, minutes * 60 * NS, "1/90000", "h264", is_picture=False, is_indexed=True)
    origin = Origin(info=info, engines={"engine": "", "precision": "", "detector_engine": ""}, score_start=0.5)
    path = checkpoint_of(source, source.state(), segment, context)
    ending = Ending(origin=origin, num_frames=minutes * 60 * FPS, wall_s=1.0, irregular=Irregular())
    write_batches(open_store(context.out), path, made_up(minutes), lambda: ending)


def join(folder: Path, minutes: int, landmarks: bool) -> dict[str, float]:
    """Join it; by how much this process grew."""
    source, segment, context = _job(folder, minutes, landmarks)
    networks = load_engines(context.config)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    rest_mb = _rss_mb("VmRSS")
    report = join_segments(source, [segment], context)
    del networks
    assert report.points == minutes * 60 * FPS * FACES, report
    return {"rest_mb": rest_mb, "growth_mb": round(_rss_mb("VmHWM") - rest_mb, 1), "points": report.points}


def _rss_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def _measured(minutes: int, landmarks: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="affectstream-join-") as folder:
        rest = [folder, str(minutes), str(int(landmarks))]
        for what in ("make", "join"):
            command = [sys.executable, "-m", "benchmarks.join", what, *rest]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=HERE.parent).stdout
    figures: dict[str, Any] = json.loads(said.splitlines()[-1])
    return {"minutes": minutes, "faces": FACES, "landmarks": landmarks, **figures}


def main() -> int:
    """Measure all, or one where the command line says which; 1: more than a join may take."""
    if len(sys.argv) > 1:
        what, folder, minutes, landmarks = sys.argv[1:]
        done = {"make": make, "join": join}[what](Path(folder), int(minutes), bool(int(landmarks)))
        print(json.dumps(done))
        return 0
    rows = [_measured(minutes, landmarks) for landmarks in (False, True) for minutes in MINUTES]
    pairs = zip(rows[::2], rows[1::2], strict=True)
    ratios = [round(long["growth_mb"] / short["growth_mb"], 3) for short, long in pairs]
    (HERE / "join.json").write_text(json.dumps({"rows": rows, "ratios": ratios}, indent=2) + "\n", encoding="utf-8")
    table = Table("minutes", "landmarks kept", "at rest, MB", "growth, MB", box=None)
    for row in rows:
        table.add_row(*(str(row[name]) for name in ("minutes", "landmarks", "rest_mb", "growth_mb")))
    Console().print(table, f"ten minutes : one minute = {ratios}")
    return int(max(row["growth_mb"] for row in rows) > GROWTH_MB_MAX or max(ratios) > RATIO_MAX)


if __name__ == "__main__":
    sys.exit(main())
