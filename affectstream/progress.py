"""What a user sees of a run: a progress bar while it goes on, a table when it is over."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from pipeline.report.words import NONE, clock, count, percent, signed
from pipeline.run import RunResult, Watcher
from pipeline.sources import Source
from pipeline.tally import UnitReport
from pipeline.unit import Progress as UnitProgress

ROWS_MAX = 40
"""Most sources that the closing table lists one by one."""


class ProgressBar(Watcher):
    """One bar over all sources; each counts 1, those being done by their share of time."""

    def __init__(self, bar: Progress, console: Console):
        self._bar, self._console = bar, console
        self._task = bar.add_task("loading the networks", total=None, fps=0.0, speed=0.0, faces=0)
        self._done = 0
        self._ended = UnitProgress()
        self._at_work: dict[str, dict[float, UnitProgress]] = {}
        """How far each stream is, by where its stretches begin."""
        self._started = time.monotonic()

    def planned(self, pending: int, done: int) -> None:
        if done:
            self._console.print(f"{done} of {pending + done} done before; going on with the rest")
        self._started = time.monotonic()
        self._bar.update(self._task, total=max(pending, 1))

    def progress(self, source: Source, progress: UnitProgress) -> None:
        self._at_work.setdefault(source.stream_id, {})[progress.start_s] = progress
        self._show(source.stream_id)

    def ended(self, report: UnitReport) -> None:
        self._at_work.pop(report.stream_id, None)
        self._done += 1
        self._ended.frames += report.frames
        self._ended.stream_s += report.video_s
        self._ended.faces += report.points
        if report.error:
            line = report.error.splitlines()[-1 if report.our_fault else 0]
            self._console.print(f"[red]failed[/]  {escape(printable(line))}", highlight=False, soft_wrap=True)
        self._show(report.stream_id)

    def _show(self, stream_id: str) -> None:
        elapsed_s = max(time.monotonic() - self._started, 1e-3)
        now = [progress for stretches in self._at_work.values() for progress in stretches.values()]
        name = _shown_name(stream_id) if len(self._at_work) <= 1 else f"{len(self._at_work)} at work"
        self._bar.update(
            self._task,
            description=name if len(name) <= 32 else f"…{name[-31:]}",
            completed=self._done + sum(min(_share(each), 1.0) for each in self._at_work.values()),
            fps=(self._ended.frames + sum(p.frames for p in now)) / elapsed_s,
            speed=(self._ended.stream_s + sum(p.stream_s for p in now)) / elapsed_s,
            faces=self._ended.faces + sum(p.faces for p in now),
        )


def _share(stretches: dict[float, UnitProgress]) -> float:
    return sum(p.stream_s / p.duration_s for p in stretches.values() if p.duration_s)


class _TimeLeft(ProgressColumn):
    """Time left, from the share that is done and the time it took."""

    def render(self, task: Task) -> Text:
        if not task.total or not task.completed or task.elapsed is None:
            return Text("--:--", style="progress.remaining")
        left_s = int(task.elapsed * (task.total - task.completed) / task.completed)
        hours, rest = divmod(left_s, 3600)
        clock = f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60:02}:{rest % 60:02}"
        return Text(f"{clock} left", style="progress.remaining")


@contextmanager
def progress_bar(console: Console) -> Iterator[ProgressBar]:
    """A bar on a terminal; where output is not one, only failures are printed."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[fps]:.0f} fps · {task.fields[speed]:.1f}× real time · {task.fields[faces]} faces"),
        TimeElapsedColumn(),
        _TimeLeft(),
        console=console,
        transient=True,
    )
    with bar:
        yield ProgressBar(bar, console)


def print_summary(result: RunResult, console: Console) -> None:
    """The closing table: a line per source, then the whole. `face` is the share of frames with one."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("source", overflow="fold", max_width=44)
    for name in ("length", "frames", "face", "people", "valence", "arousal", "good"):
        table.add_column(name, justify="right")
    shown = result.reports[:ROWS_MAX]
    rows = [_row(report) for report in shown]
    if any(row[-1] for row in rows):  # a column of nothing would take room from the names
        table.add_column("note")
    for row in rows:
        table.add_row(*row[: len(table.columns)])
    console.print(table)
    if len(result.reports) > len(shown):
        console.print(f"… and {len(result.reports) - len(shown)} more")
    good = [report for report in result.reports if report.error is None]
    video_s = sum(report.video_s for report in good)
    speed = f", {video_s / result.wall_s:.1f}× real time" if not result.resumed else ""
    console.print(
        f"\n{len(good)} of {len(result.reports)} analysed, {clock(video_s)} of video, "
        f"{sum(r.points for r in good):,} faces in {count(sum(r.frames for r in good), 'frame')}{speed}",
        highlight=False,
    )


def _row(report: UnitReport) -> list[str]:
    name = escape(_shown_name(report.stream_id))
    if report.error:
        return [name, *[NONE] * 7, "[red]failed[/]"]
    notes = []
    if report.decode_errors:
        notes.append(f"{count(report.decode_errors, 'frame')} missing")
    if report.corrupt_frames:
        notes.append(f"{count(report.corrupt_frames)} damaged")
    if report.scene_cuts:
        notes.append(count(report.scene_cuts, "scene cut"))
    return [
        name,
        clock(report.video_s),
        count(report.frames),
        percent(report.frames_with_faces, report.frames),
        count(report.tracks),
        signed(report.valence_mean),
        signed(report.arousal_mean),
        percent(report.good_points, report.points),
        ", ".join(notes),
    ]


def _shown_name(stream_id: str) -> str:
    """The path part of a stream's name."""
    return printable(stream_id.rsplit("~", 1)[0])


def printable(text: str) -> str:
    """Text without what would command a terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
