"""What a user sees of a run: a progress bar while it goes on, a table when it is over."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from affectstream.terminal import printable
from pipeline.report.words import NONE, clock, count, percent, signed
from pipeline.results.commits import StreamReport
from pipeline.runs.jobs import Failed, Job
from pipeline.runs.run import RunResult
from pipeline.runs.standing import Snapshot, Standing
from pipeline.sources.scan import LeftOut

ROWS_MAX = 40
"""Most sources that the closing table lists one by one."""
TABLE_WIDTH_MIN = 72
"""Columns of a terminal below which sources are listed in words: the table would cut its figures short."""
_COLUMNS = ("length", "frames", "with face", "tracks", "valence", "arousal", "good", "")
"""Of the table after the source; the last one is for notes."""


class _Bar(Progress):
    """One bar over all sources, and a line of figures below it."""

    def __init__(self, standing: Standing, console: Console):
        self._standing = standing
        super().__init__(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", style="progress.remaining"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self.add_task("looking at what is there", total=None, left="")

    def get_renderables(self) -> Iterable[RenderableType]:
        now = self._standing.snapshot()
        if now.sources:
            left = "" if now.left_s is None else f"{clock(now.left_s)} left"
            self.update(self._task, description=_at_work(now), total=1.0, completed=now.share, left=left)
        yield from super().get_renderables()
        if now.elapsed_s:
            done = f"{now.resumed + now.analysed + len(now.failed):,} of {count(now.sources, 'file')} · "
            failed = f"{len(now.failed):,} failed · " if now.failed else ""
            line = f"  {done if now.sources > 1 else ''}{failed}{figures(now)}"
            yield Text(line, style="dim", no_wrap=True, overflow="ellipsis")


class ProgressBar(Standing):
    """Counts what the bar shows, and prints what a person should know at once."""

    def __init__(self, console: Console):
        super().__init__()
        self._console = console

    def planned(self, sizes: Mapping[str, int | None], done: int) -> None:
        super().planned(sizes, done)
        if done:
            self._say(f"{done} of {len(sizes) + done} already done{'; continuing with the rest' if sizes else ''}")

    def noted(self, line: str) -> None:
        self._say(escape(printable(line)))

    def left_out(self, left_out: LeftOut) -> None:
        self._say(escape(f"left out: {left_out}"))

    def retried(self, job: Job, failed: Failed) -> None:
        super().retried(job, failed)
        self._say(f"[yellow]retrying[/] {escape(printable(failed.message.splitlines()[0]))}")

    def ended(self, report: StreamReport) -> None:
        super().ended(report)
        if report.error:
            self._say(f"[red]failed[/]  {escape(printable(report.error_line))}")

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, soft_wrap=True)


@contextmanager
def progress_bar(console: Console) -> Iterator[ProgressBar]:
    """Show a bar on a terminal. Elsewhere only messages are printed: notes, retries and failures."""
    standing = ProgressBar(console)
    with _Bar(standing, console):
        yield standing


def figures(now: Snapshot) -> str:
    """How much a run has done, and how fast, in a line."""
    return (
        f"{clock(now.video_s)} of video · {now.times_real_time:.1f}× real time · {now.frames_per_s:.0f} fps · "
        f"{count(now.faces, 'face')}"
    )


def _at_work(now: Snapshot) -> str:
    if not now.elapsed_s:
        return "loading the networks"
    if now.share >= 1:
        return "ending"
    name = f"{len(now.at_work)} at work" if len(now.at_work) > 1 else "".join(map(shown_name, now.at_work))
    return name if len(name) <= 32 else f"…{name[-31:]}"


def print_summary(result: RunResult, console: Console) -> None:
    """The closing table: a line per source, then the whole. `with face` is the share of frames with one."""
    shown = result.reports[:ROWS_MAX]
    rows = [_row(report) for report in shown]
    if console.width >= TABLE_WIDTH_MIN:
        console.print(_table(rows))
    else:
        for name, *cells in rows:
            said = (f"{column} {cell}".strip() for column, cell in zip(_COLUMNS, cells, strict=True) if cell != NONE)
            console.print(f"{name}\n  {', '.join(filter(None, said))}")
    for report in shown:
        notes = list(report.time_notes)
        if others := report.info.get("other_streams"):
            notes.append(f"not analysed: video stream {', '.join(others)}; --video-stream N chooses")
        if notes:
            console.print(escape(f"{shown_name(report.stream_id)}: {printable('; '.join(notes))}"), highlight=False)
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


def _table(rows: list[list[str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("source", overflow="fold", max_width=44)
    for name in _COLUMNS[:-1]:
        table.add_column(name, justify="right")
    if any(row[-1] for row in rows):  # a column of nothing would take room from the names
        table.add_column("note")
    for row in rows:
        table.add_row(*row[: len(table.columns)])
    return table


def _row(report: StreamReport) -> list[str]:
    name = escape(shown_name(report.stream_id))
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


def shown_name(stream_id: str) -> str:
    """The path part of a stream's name."""
    return printable(stream_id.rsplit("~", 1)[0])
