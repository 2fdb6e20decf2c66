"""A run as JSON lines, one per event: for clusters, where nobody looks at a bar and machines read logs."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TextIO

from pipeline.jobs.context import Progress
from pipeline.results.commits import StreamReport
from pipeline.runs.jobs import Failed, Job
from pipeline.runs.standing import Standing
from pipeline.sources.scan import LeftOut

EVERY_S = 10.0
"""How often a line says how the whole run stands."""


@contextmanager
def log(stream: TextIO) -> Iterator["JsonLog"]:
    """Log a run to `stream`, and in the end how it stands."""
    standing = JsonLog(stream)
    try:
        yield standing
    except BaseException as exc:
        standing.say("error", "run.broken", message=str(exc) or type(exc).__name__)
        raise
    standing.say_standing("run.finished")


class JsonLog(Standing):
    """Writes `time` (UTC), `level` (info, warning or error), `event`, and what belongs to it."""

    def __init__(self, stream: TextIO, *, every_s: float = EVERY_S):
        super().__init__()
        self._stream, self._every_s, self._said_s = stream, every_s, time.monotonic()

    def planned(self, sizes: Mapping[str, int | None], done: int) -> None:
        super().planned(sizes, done)
        self.say("info", "run.planned", sources=len(sizes) + done, pending=len(sizes), done_before=done)

    def noted(self, line: str) -> None:
        self.say("info", "run.noted", message=line)

    def left_out(self, left_out: LeftOut) -> None:
        self.say("info", "run.left_out", message=str(left_out), kinds=left_out.record())

    def progress(self, job: Job, progress: Progress) -> None:
        super().progress(job, progress)
        self._say_now_and_then()

    def retried(self, job: Job, failed: Failed) -> None:
        super().retried(job, failed)
        self.say("warning", "source.retried", stream_id=job.source.stream_id, kind=failed.kind, message=failed.message)

    def ended(self, report: StreamReport) -> None:
        super().ended(report)
        figures = {name: getattr(report, name) for name in ("video_s", "wall_s", "frames", "decode_errors", "points")}
        if report.error is None:
            figures["other_streams"] = list(report.info.get("other_streams", ()))
            self.say("info", "source.analysed", stream_id=report.stream_id, **figures)
        else:
            self.say("error", "source.failed", stream_id=report.stream_id, message=report.error)
        self._say_now_and_then()

    def _say_now_and_then(self) -> None:
        if time.monotonic() - self._said_s >= self._every_s:
            self.say_standing("run.progress")

    def say_standing(self, event: str) -> None:
        """How the whole run stands."""
        self._said_s, now = time.monotonic(), self.snapshot()
        self.say(
            "info",
            event,
            sources=now.sources,
            done_before=now.resumed,
            analysed=now.analysed,
            failed=len(now.failed),
            retries=now.retries,
            workers=now.workers,
            share=now.share,
            elapsed_s=now.elapsed_s,
            left_s=now.left_s,
            video_s=now.video_s,
            frames=now.frames,
            faces=now.faces,
            times_real_time=now.times_real_time,
        )

    def say(self, level: str, event: str, **content: Any) -> None:
        """Write a line."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        content = {name: round(value, 3) if isinstance(value, float) else value for name, value in content.items()}
        print(json.dumps({"time": now, "level": level, "event": event, **content}), file=self._stream, flush=True)
