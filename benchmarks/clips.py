"""Footage to measure on: drawn people with grain, 30 frames a second, x264 veryfast crf 23, a key frame every 60."""

from fractions import Fraction
from pathlib import Path

from rich.progress import track

from pipeline.video.encode import VideoWriter
from training.drawn import make_scene

SECONDS, FPS, SEED, GRAIN = 20, 30, 11, 5.5
SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}


def clip(folder: Path, size: str, people: int) -> Path:
    """A clip of 20 s, drawn on first use."""
    path = folder / f"{size}-{people}.mp4"
    if path.exists():
        return path
    height = SIZES[size][1]
    scene = make_scene(
        SEED,
        size_px=SIZES[size],
        fps=FPS,
        duration_s=SECONDS,
        num_people=people,
        style="webcam",
        comings_and_goings=False,
        face_px=(height * 0.22, height * 0.3) if people == 1 else (height * 0.14, height * 0.2),
        grain=GRAIN,
    )
    with VideoWriter(path, SIZES[size], fps=Fraction(FPS), crf=23, gop=60) as video:
        frames = track(scene.frames(), f"drawing {path.name}", total=scene.num_frames)
        for index, (image, _) in enumerate(frames):
            video.write(image, index * 1_000_000_000 // FPS)
    return path


def repeated(path: Path, times: int) -> Path:
    """The clip `times` over, without encoding it again: for what depends on length alone."""
    import subprocess

    out = path.with_name(f"{path.stem}-x{times}.mp4")
    if not out.exists():
        loop = ["-stream_loop", str(times - 1), "-i", str(path)]
        subprocess.run(["ffmpeg", "-v", "error", "-y", *loop, "-c", "copy", str(out)], check=True)
    return out
