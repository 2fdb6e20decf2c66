"""``affectstream data pack | show``: data sets as their owners give them out, made ready for training."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from affectstream.command_line import App
from affectstream.terminal import bar
from engines import EXPRESSIONS, EngineOptions, load_engine, open_network
from pipeline.report.words import NONE

app = App(help="Prepare data sets for training.")


@app.command("pack")
def pack_(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="affectnet, afew-va, sewa, ferplus or table (see docs/datasets.md).")
    ],
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Folder of the data set; for a table, its CSV file.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Pack to write (.parquet).")],
    landmarks: Annotated[
        str | None,
        typer.Option(metavar="NETWORK", help="Find all landmarks again with this network, such as emofan-s."),
    ] = None,
    size_px: Annotated[
        int, typer.Option(metavar="PX", min=32, max=4096, help="Largest side of a packed picture, in pixels.")
    ] = 320,
    grey: Annotated[
        bool, typer.Option("--grey", help="Keep luma only, which takes a third of the memory when decoded.")
    ] = False,
    unreadable_max: Annotated[
        float, typer.Option(metavar="SHARE", min=0, max=1, help="Share of the pictures that may be missing or broken.")
    ] = 0.01,
    cleaned: Annotated[
        Path | None, typer.Option(metavar="FILE", help="For AffectNet: the authors' list of the cleaned set (.pkl).")
    ] = None,
    value_range: Annotated[
        str | None, typer.Option(metavar="LOW,HIGH", help="For SEWA: lowest and highest rating. [default: -1,1]")
    ] = None,
) -> None:
    """Check a data set, crop its faces and write them to one file for training."""
    from training.data.pack import PackOptions, check_out, pack
    from training.data.readers import read_data_set

    check_out(out)  # before anything is read
    options = PackOptions(size_px=size_px, grey=grey, unreadable_max=unreadable_max)
    engine = None if landmarks is None else load_engine(open_network(landmarks), EngineOptions())
    console = Console(stderr=True)
    with console.status("reading the labels"):
        reading = read_data_set(
            kind, source, cleaned=cleaned, value_range=None if value_range is None else _range(value_range)
        )
    with bar("packing") as shown:
        pack(reading, out, options, engine=engine, shown=shown)
    show(out)


@app.command()
def show(pack: Annotated[Path, typer.Argument(metavar="PACK", help="File written by 'data pack'.")]) -> None:
    """Show what a pack contains and what was left out of it."""
    from training.data.packed import pack_contents, pack_metadata

    about, splits = pack_metadata(pack), pack_contents(pack)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for split in splits:
        table.add_column(split or ("all" if len(splits) == 1 else "no split"), justify="right")

    def line(name: str, *cells: str) -> None:
        table.add_row(name, *cells)

    contents = list(splits.values())
    line("faces", *(f"{c.num_faces:,}" for c in contents))
    line("persons", *(f"{c.num_persons:,}" if c.num_persons else NONE for c in contents))
    line("with landmarks", *(f"{c.num_landmarks:,}" for c in contents))
    for name in EXPRESSIONS:
        line(name, *(f"{c.expressions[name]:,}" for c in contents))
    for name in ("valence", "arousal"):
        line(name, *(_interval(getattr(c, name)) for c in contents))
    if about["cleaned"]:
        line("cleaned", *(NONE if c.num_cleaned is None else f"{c.num_cleaned:,}" for c in contents))
    console = Console()
    kept = f"up to {about['size_px']} px{', luma' if about['grey'] else ''}"
    console.print(f"{escape(str(pack))}: {escape(about['data_set'])}, {kept}", highlight=False, soft_wrap=True)
    console.print(table)
    console.print(f"landmarks: {escape(about['landmarks'])}", highlight=False)
    if about["landmarks_not_found"]:
        console.print(f"  no face seen in {about['landmarks_not_found']:,}: left as in the data set", highlight=False)
    if about["cleaned"]:
        console.print(f"cleaned: {escape(about['cleaned'])}", highlight=False)
    for reason, count in about["left_out"].items():
        console.print(f"left out: {count:,} {escape(reason)}", highlight=False)


def _interval(ends: tuple[float, float] | None) -> str:
    return NONE if ends is None else f"{ends[0]:+.2f} … {ends[1]:+.2f}"


def _range(text: str) -> tuple[float, float]:
    from training.errors import TrainingError

    low, _, high = text.partition(",")
    try:
        ends = float(low), float(high)
    except ValueError:
        ends = (0.0, 0.0)
    if not ends[0] < ends[1]:
        raise TrainingError(f"--value-range {text!r}: expected smallest,largest, like 0,1")
    return ends
