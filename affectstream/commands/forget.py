"""``affectstream forget``: erase sources from results."""

import sys
from typing import Annotated

import typer

from affectstream.forgetting import Found, allow_again, find, forget_streams
from affectstream.terminal import say
from pipeline.errors import ConfigError
from pipeline.report.words import count
from pipeline.results.forget import Erased
from pipeline.results.source_state import source_states

NOT_REACHED = (
    "Not reached: copies, exports, overlays and reports elsewhere; backups, snapshots and older versions of a bucket's "
    "objects; logs; what was sent on; the source files themselves."
)
SHOWN_MAX = 20
"""Streams, and other files, that are listed."""


def forget(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Files, folders, 'patterns*', addresses or stream ids. The files do not have to exist.",
        ),
    ],
    results: Annotated[
        str, typer.Option("--results", "-r", metavar="RESULTS", help="Results folder, or its s3:// or gs:// address.")
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be erased.")] = False,
    again: Annotated[
        bool, typer.Option("--allow-again", help="Erase nothing; let analyze process forgotten sources again.")
    ] = False,
) -> None:
    """Erase everything that a results folder holds about sources.

    Rows, files, merged files, checkpoints and records are erased, and reports in the folder are written again without
    them. A later analyze into the folder leaves the sources out.
    """
    if again:
        say(f"analyze may process {count(allow_again(sources, results), 'source')} again")
        return
    found = find(sources, results)
    _list(found)
    if dry_run:
        say("nothing was erased (--dry-run)")
        return
    if found.streams and not yes:
        if not sys.stdin.isatty():
            raise ConfigError("nothing was erased: there is no terminal to ask for confirmation; add --yes")
        typer.confirm(f"Erase {count(len(found.streams), 'source')} from {results}?", abort=True)
    _tell(forget_streams([each.stream_id for each in found.streams], results), results)


def _list(found: Found) -> None:
    say(*(f"{item}: forgotten on {when[:10]}" for item, when in found.forgotten_before.items()))
    states = source_states({"uri": each.uri or ""} for each in found.streams)
    for each, state in list(zip(found.streams, states, strict=True))[:SHOWN_MAX]:
        say(f"{each.stream_id}: {_rows(each.rows)}{'; the file is gone' if state == 'gone' else ''}")
    if len(found.streams) > SHOWN_MAX:
        say(f"… and {len(found.streams) - SHOWN_MAX:,} more")


def _tell(erased: Erased, results: str) -> None:
    if not erased.streams:
        return
    what = [_rows(erased.rows), count(erased.files, "file")]
    if erased.merged:
        what.append(f"{count(erased.merged, 'merged file')} rewritten")
    if erased.reports:
        what.append(f"{count(len(erased.reports), 'report')} rewritten or removed")
    say(f"erased {count(len(erased.streams), 'source')} from {results}: {', '.join(what)}", NOT_REACHED)
    if others := erased.other_files:
        more = f" … and {len(others) - SHOWN_MAX:,} more" if len(others) > SHOWN_MAX else ""
        say(f"Other files in {results}, not touched: {', '.join(others[:SHOWN_MAX])}{more}")
    say("A later analyze into the folder leaves these sources out; `forget --allow-again` takes that back.")


def _rows(rows: dict[str, int]) -> str:
    nouns = {"points": "point", "frames": "frame", "tracks": "track"}
    return ", ".join(count(rows.get(table, 0), noun) for table, noun in nouns.items())
