"""The whole report: every video's page, the index, and the files that both need.

It is built beside its place, in a folder that nobody else has, and renamed, so that nobody sees half a report.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import ConfigError, ResultsError
from pipeline.remote.addresses import is_address
from pipeline.report.index import IndexRow, display_names, index_row, render_index
from pipeline.report.page import Neighbours, page_name, render_page
from pipeline.report.rows import read_stream
from pipeline.results.commits import Commit, read_commits
from pipeline.results.run_folder import REPORT_MARK, require_run
from pipeline.storage.store import open_store
from pipeline.text import printable

ASSETS = Path(__file__).parent / "assets"
INDEX, PAGES = "index.html", "videos"


def _silent(done: int, total: int) -> None:
    """Nobody is told how far it is."""


def write_report(results: str | Path, out: Path | None = None, shown: Callable[[int, int], None] = _silent) -> Path:
    """Write the report of a results folder to `out`; return the path of its index.

    Without `out` it goes to `results/report`; results in a bucket need one.

    One video is in memory at a time. `shown(done, total)` is told after each. An older report in `out` is replaced.
    Raises ResultsError where there are no results or they cannot be read, ConfigError where `out` is something else
    or cannot be written.
    """
    store = open_store(results)
    if out is None and is_address(str(results)):
        raise ConfigError(f"{store}: the report of results in a bucket is written to a folder; give one with --out")
    run = require_run(store)
    streams = _by_stream(read_commits(store))
    if not streams and not run.get("failed"):
        raise ResultsError(f"{store}: nothing was analysed there yet; run `affectstream analyze` again to go on")
    out = (Path(results) / "report" if out is None else out).absolute()
    _refuse_other_content(out)
    scratch: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="_", dir=out.parent))
        half = scratch / out.name
        (half / PAGES).mkdir(parents=True)
        shutil.copytree(ASSETS, half / "assets", ignore=shutil.ignore_patterns("__pycache__"))
        names = display_names(list(streams))
        order = sorted(streams, key=lambda stream_id: names[stream_id].lower())
        index: list[IndexRow] = []
        for i, stream_id in enumerate(order):
            rows = read_stream(results, stream_id, streams[stream_id])
            near = Neighbours(
                before=page_name(order[i - 1]) if i else None,
                after=page_name(order[i + 1]) if i + 1 < len(order) else None,
            )
            html = render_page(rows, run, name=names[stream_id], near=near)
            (half / PAGES / page_name(stream_id)).write_text(html, encoding="utf-8")
            index.append(index_row(rows, name=names[stream_id]))
            shown(i + 1, len(order))
        title = printable(str(store) if is_address(str(results)) else Path(results).absolute().name)
        (half / INDEX).write_text(render_index(index, run, title=title, mark=REPORT_MARK), encoding="utf-8")
        if out.exists():
            out.rename(scratch / "old")
        half.rename(out)
    except OSError as exc:
        raise ConfigError(f"{out}: cannot write the report there: {exc.strerror or exc}; choose another --out") from exc
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
    return out / INDEX


def _by_stream(commits: list[Commit]) -> dict[str, list[Commit]]:
    streams: dict[str, list[Commit]] = {}
    for commit in commits:
        streams.setdefault(commit.stream_id, []).append(commit)
    return streams


def _refuse_other_content(out: Path) -> None:
    index = out / INDEX
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (index.is_file() and REPORT_MARK in index.read_text(encoding="utf-8", errors="replace")[:2000]):
        raise ConfigError(f"{out}: is there and is not a report, so it is not replaced; choose another --out")
