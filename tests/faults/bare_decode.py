"""How many frames PyAV by itself can decode of files that may crash it: a yardstick that shares no code with ours."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import av
from av.stream import Disposition

STUCK_S = 60.0
"""A process that has been given all files and says nothing for so long hangs over the one it has begun."""


def decodable(files: Sequence[Path]) -> dict[Path, int | None]:
    """Frames of the video stream that has most of them; None where PyAV crashes or hangs."""
    counts: dict[Path, int | None] = {}
    while left := [file for file in files if file not in counts]:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            said, _ = process.communicate("\n".join(map(str, left)).encode(), timeout=STUCK_S + len(left))
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
        answers = [json.loads(line) for line in said.splitlines() if line.endswith(b"]")]
        counts.update((Path(name), count) for name, count in answers)
        if len(answers) < len(left):
            counts[left[len(answers)]] = None
    return counts


def _count(path: str) -> int:
    try:
        with av.open(path, metadata_errors="ignore") as container:
            videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
            numbers = [stream.index for stream in videos]
    except Exception:  # noqa: BLE001 - whatever it raises, it reads nothing
        return 0
    return max((_frames(path, number, threads) for number in numbers for threads in ("SLICE", "AUTO")), default=0)


def _frames(path: str, number: int, thread_type: Literal["SLICE", "AUTO"]) -> int:
    """After an error, decoders may give more frames with frame threads (AUTO), or without them."""
    count = 0
    try:
        with av.open(path, metadata_errors="ignore") as container:
            stream = container.streams[number]
            stream.thread_type = thread_type
            for packet in container.demux(stream):
                try:
                    count += len(packet.decode())
                except Exception:  # noqa: BLE001 - damaged packets are what this is about
                    continue
    except Exception:  # noqa: BLE001
        pass
    return count


if __name__ == "__main__":
    for line in sys.stdin.read().splitlines():
        print(json.dumps([line, _count(line)]), flush=True)  # noqa: T201
