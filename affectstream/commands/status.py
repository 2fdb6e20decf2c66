"""``affectstream status``: the progress of a run, read from its results folder."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from affectstream.progress import figures, shown_name
from affectstream.terminal import bar, console, printable
from pipeline.report.words import clock, count, percent
from pipeline.results.verify import Verified
from pipeline.results.verify import verify as verify_results
from pipeline.runs.progress_file import Status, read_status

SHOWN_MAX = 20
"""How many sources in progress, and how many failed ones, are listed; `--json` has them all."""
_STATES = {
    "running": "running",
    "finished": "finished",
    "broken": "stopped by an error; the same command continues from there",
    "interrupted": "interrupted; the same command continues from there",
    "killed": "terminated unexpectedly (no exit status recorded); the same command continues from there",
}


def status(
    folder: Annotated[str, typer.Argument(metavar="RESULTS", help="Results folder, or its s3:// or gs:// address.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Also read every committed file and compare its size and SHA-256.")
    ] = False,
) -> None:
    """Show the progress of a run, also while it is running and from another machine."""
    now = read_status(folder)
    verified = _verified(folder) if verify else None
    _show(now, verified, as_json=as_json)
    if verified is not None and verified.damaged:
        raise typer.Exit(3)


def _verified(folder: str) -> Verified:
    with bar("verifying") as shown:
        return verify_results(folder, shown)


def _show(now: Status, verified: Verified | None, *, as_json: bool) -> None:
    if as_json:
        content = asdict(now)
        content["call"] |= {name: getattr(now.call, name) for name in ("left_s", "times_real_time", "frames_per_s")}
        if verified is not None:
            content["verified"] = asdict(verified)
        typer.echo(json.dumps(content, indent=2))
        return
    _print(now, console(soft_wrap=True))
    if verified is not None:
        damaged = f"{len(verified.damaged):,} damaged" if verified.damaged else "all as they were written"
        typer.echo(f"\nverified {count(verified.files, 'file')} of {count(verified.streams, 'source')}: {damaged}")
        for line in verified.damaged:
            typer.echo(printable(line))


def _print(now: Status, console: Console) -> None:
    call = now.call
    console.print(f"{escape(printable(now.out))}: {_STATES[now.state]}")
    if now.message:
        console.print(escape(printable(now.message.splitlines()[0])))
    console.print(f"{now.done:,} of {count(now.sources, 'source')} done, {len(call.failed):,} failed")
    if call.elapsed_s and (now.state == "running" or call.frames or call.failed):
        left = f", {clock(call.left_s)} left" if now.state == "running" and call.left_s is not None else ""
        console.print(f"this call: {clock(call.elapsed_s)}, {percent(call.share, 1)}{left}; {figures(call)}")
        if now.state == "running" and call.workers:
            console.print(f"{count(call.workers, 'worker')}, {count(call.retries, 'retry', 'retries')}")
    console.print(f"updated: {now.updated_utc}")
    if now.state == "running":
        _list(
            console, "in progress", [f"{shown_name(name)}: {percent(share, 1)}" for name, share in call.at_work.items()]
        )
    named = [(shown_name(name), why) for name, why in call.failed.items()]
    _list(console, "failed", [why if name in why else f"{name}: {why}" for name, why in named])
    _list(console, f"gone ({len(now.gone):,}): files no longer there; affectstream forget erases their rows", now.gone)
    if now.forgotten:
        console.print(f"\n{count(now.forgotten, 'source')} forgotten and left out")
    if now.half_forgotten:
        console.print("affectstream forget was interrupted; run it again to finish")


def _list(console: Console, title: str, lines: list[str]) -> None:
    if not lines:
        return
    console.print(f"\n[bold]{title}[/]")
    for line in lines[:SHOWN_MAX]:
        console.print(f"  {escape(printable(line))}")
    if len(lines) > SHOWN_MAX:
        console.print(f"  … and {len(lines) - SHOWN_MAX:,} more (--json lists all)")
