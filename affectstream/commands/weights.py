"""``affectstream weights list | pull | import``: networks of others, fetched and taken in by whoever may use them."""

import difflib
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from affectstream.command_line import App
from affectstream.download import download
from engines import EXPRESSIONS, NetworkError, RuntimeMissingError
from engines.network import SHIPPED, cache_dir, find_network, network_names, user_networks
from pipeline.errors import ConfigError, PolicyError
from training.public_files import PUBLIC_FILES, PublicFile

app = App(help="List networks, and download or import those that others published.")

NAME_8, NAME_5 = "emofan", "emofan-5"


@app.command("list")
def list_() -> None:
    """List the networks known by name: those that come with AffectStream, and yours."""
    console = Console()
    table = Table("network", "whose", "classes", "input", "size", "licence", box=None)
    table.columns[5].overflow = "fold"
    notes = []
    for name in network_names():
        whose = "shipped" if (SHIPPED / name).is_dir() else "yours"
        try:
            network = find_network(name)
        except NetworkError as exc:
            table.add_row(name, whose, "damaged", "", "", escape(str(exc)))
            continue
        spec = network.spec
        classes = f"{len(spec.classes)}" if spec.kind == "affect" else "faces"
        colour = "luma" if spec.input.channels == 1 else "RGB"
        size = f"{spec.input.width_px}×{spec.input.height_px} {colour}" if spec.input.width_px else colour
        megabytes = f"{network.model_path.stat().st_size / 1e6:.1f} MB"
        table.add_row(name, whose, classes, size, megabytes, escape(spec.licence.split(";")[0]))
        notes += [f"{name}: {note}" for note in spec.notes]
    console.print(table)
    for note in notes:
        console.print(f"\n{note}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"\nyours are in {user_networks()}", highlight=False, markup=False, soft_wrap=True)


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="emonet_8.pth or emonet_5.pth as published by EmoNet's authors.")
    ],
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"Name of the network. [default: {NAME_8}, or {NAME_5} with 5 classes]"),
    ] = None,
    fifth_class: Annotated[
        Literal["anger", "fear"] | None,
        typer.Option(
            metavar="CLASS",
            help="Meaning of the fifth class of emonet_5, on which its sources differ: anger or fear. [default: anger]",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Network folder to write. [default: NAME among your networks]"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing network.")] = False,
) -> None:
    """Convert a public EmoNet checkpoint into a network for --network."""
    _check_can_import()
    from training.public_checkpoint import class_names, import_checkpoint, is_imported, read_checkpoint

    checkpoint = read_checkpoint(file)
    classes = class_names(checkpoint.num_classes, fifth_class)
    name = name or (NAME_8 if checkpoint.num_classes == len(EXPRESSIONS) else NAME_5)
    folder = out or user_networks() / name
    known = checkpoint.known_as
    typer.echo(f"{file}: EmoNet, {checkpoint.num_classes} classes, SHA-256 {checkpoint.sha256}")
    typer.echo(
        f"that is {known} as it is known to be published" if known else "that is no file that we know; taken as it is"
    )
    typer.echo(f"licence: {PUBLIC_FILES['emonet_8'].licence}")
    if not force and is_imported(checkpoint, folder, name=name, classes=classes):
        typer.echo(f"{name}: this very file is in {folder} already; nothing to do")
        return
    with Console(stderr=True).status("exporting and comparing with PyTorch, about half a minute"):
        network = import_checkpoint(checkpoint, folder, name=name, classes=classes, force=force)
    for note in network.spec.notes:
        typer.echo(f"note: {note}")
    if checkpoint.num_classes < len(EXPRESSIONS):
        typer.echo(f"note: it knows {', '.join(classes)}; probabilities of the others stay empty")
    typer.echo(f"{name}: {folder} ({network.model_path.stat().st_size / 1e6:.1f} MB)")
    typer.echo(f"use it: affectstream analyze VIDEO --out RESULTS --network {name if out is None else folder}")


@app.command()
def pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help=f"One or more of {', '.join(PUBLIC_FILES)}; without NAME they are listed."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder for the files. [default: the cache]")
    ] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the licence without being asked.")
    ] = False,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Download from this address instead, such as a mirror.")
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="Expect this SHA-256 instead of the known one: 64 hexadecimal digits."),
    ] = None,
    import_them: Annotated[
        bool, typer.Option("--import", help="Also import EmoNet checkpoints, as 'weights import' does.")
    ] = False,
) -> None:
    """Download networks that others published.

    An interrupted download is resumed; a file is kept only if its SHA-256 is the expected one.
    """
    if not names:
        _show_files()
        return
    files = {name: _file(name) for name in names}
    if (url or sha256) and len(files) > 1:
        raise ConfigError("--url and --sha256 are for one NAME at a time")
    if sha256 and (len(sha256) != 64 or set(sha256.lower()) - set("0123456789abcdef")):
        raise ConfigError(f"--sha256 {sha256!r}: expected 64 hexadecimal digits, as `sha256sum FILE` prints them")
    if import_them:
        _check_can_import()
    for name, file in files.items():
        path = (out or cache_dir() / "downloads") / file.file_name
        typer.echo(f"{name}: {file.what}, {file.size_bytes / 1e6:.1f} MB, from {url or file.url}")
        typer.echo(f"licence: {file.licence}")
        if file.must_accept and not accept_licence:
            _ask(name)
        _fetch(url or file.url, path, sha256.lower() if sha256 else file.sha256, None if sha256 else file.size_bytes)
        typer.echo(f"{name}: {path}, checksum verified")
        if not name.startswith("emonet"):
            typer.echo(f"use it: affectstream analyze VIDEO --out RESULTS --detector {path}")
        elif import_them:
            import_(path)
        else:
            typer.echo(f"import it: affectstream weights import {path}")


def _check_can_import() -> None:
    if missing := [package for package in ("torch", "onnx", "onnxscript") if find_spec(package) is None]:
        raise RuntimeMissingError(f"importing needs {', '.join(missing)}: pip install 'affectstream[train]'")


def _show_files() -> None:
    table = Table("name", "what", "size", "licence", box=None)
    for name, file in PUBLIC_FILES.items():
        table.add_row(name, file.what, f"{file.size_bytes / 1e6:.1f} MB", file.licence)
    Console().print(table)


def _file(name: str) -> PublicFile:
    if name not in PUBLIC_FILES:
        near = difflib.get_close_matches(name, PUBLIC_FILES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(PUBLIC_FILES)}"
        raise ConfigError(f"nothing to pull is called {name!r}; {hint}")
    return PUBLIC_FILES[name]


def _ask(name: str) -> None:
    """Raise PolicyError unless somebody at the terminal accepts the terms."""
    if not sys.stdin.isatty() or not typer.confirm("Do you accept these terms?"):
        raise PolicyError(f"{name} is only fetched by those who accept its licence: --accept-licence")


def _fetch(url: str, path: Path, sha256: str, size_bytes: int | None) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(path.name, total=size_bytes)
        download(
            url,
            path,
            sha256=sha256,
            size_bytes=size_bytes,
            shown=lambda done, total: bar.update(task, completed=done, total=total),
        )
