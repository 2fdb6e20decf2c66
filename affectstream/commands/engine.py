"""``affectstream engine list | build | verify | bench``."""

import time
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from affectstream.command_line import App
from engines import EngineOptions, NetworkError, VerificationError, load_engine, open_network
from engines.network import find_network, network_names
from engines.runtimes import installed_runtimes
from engines.store import build, engine_folder, list_engines
from engines.store import verify as check
from pipeline.config import Precision, Runtime

app = App(help="Compile networks for this machine, check and time them.")

NetworkName = Annotated[str, typer.Argument(metavar="NETWORK", help="Name or folder of a network.")]
RuntimeName = Annotated[
    Runtime,
    typer.Option(
        metavar="RUNTIME",
        help="openvino, onnxruntime, onnxruntime-gpu, or auto: the first CPU runtime that is installed.",
    ),
]
PrecisionName = Annotated[Precision, typer.Option(metavar="PRECISION", help="f32, or bf16 if the runtime has it.")]
Threads = Annotated[int, typer.Option(metavar="N", min=0, help="CPU threads; 0 means one per core.")]


@app.command("list")
def list_() -> None:
    """List the networks known by name, and the engines built on this machine."""
    console = Console()
    networks = Table("network", "kind", "input", "size", "licence", box=None)
    for name in network_names():
        try:
            network = find_network(name)
        except NetworkError as exc:
            networks.add_row(name, "damaged", escape(str(exc)))
            continue
        size = network.spec.input
        shape = f"{size.width_px or '…'}×{size.height_px or '…'}×{size.channels}"
        megabytes = f"{network.model_path.stat().st_size / 1e6:.1f} MB"
        networks.add_row(network.spec.name, network.spec.kind, shape, megabytes, network.spec.licence)
    console.print(networks)
    engines = Table(box=None)
    for heading in ("engine", "runtime", "precision", "largest difference from f32"):
        engines.add_column(heading, overflow="fold")
    for engine in list_engines():
        worst = max(engine["max_abs_difference"].values())
        engines.add_row(
            engine["folder"].rsplit("/", 1)[1],
            f"{engine['runtime']} {engine['runtime_version'].split('-')[0]}",
            engine["precision"],
            f"{worst:.1e}",
        )
    console.print()
    console.print(engines if engines.row_count else "no engine built yet: `affectstream engine build NETWORK`")


@app.command("build")
def build_(
    network: NetworkName, runtime: RuntimeName = "auto", precision: PrecisionName = "f32", threads: Threads = 0
) -> None:
    """Compile a network for this machine, again if need be, and verify it against the float32 reference."""
    folder = build(
        open_network(network), EngineOptions(runtime=runtime, precision=precision, threads=threads), again=True
    )
    typer.echo(folder)


@app.command()
def verify(
    network: NetworkName, runtime: RuntimeName = "auto", precision: PrecisionName = "f32", threads: Threads = 0
) -> None:
    """Compare an engine with the float32 reference."""
    found = open_network(network)
    options = EngineOptions(runtime=runtime, precision=precision, threads=threads)
    folder = engine_folder(found, options)
    table = Table("output", "largest difference", "allowed", box=None)
    for name, difference in check(load_engine(found, options), found).items():
        table.add_row(name, f"{difference:.2e}", f"{found.spec.outputs[name].atol:.2e}")
    typer.echo(folder.name)
    Console().print(table)


@app.command()
def bench(
    network: NetworkName,
    threads: Threads = 0,
    seconds: Annotated[
        float, typer.Option(min=0.1, max=3600, metavar="SECONDS", help="How long to measure each engine.")
    ] = 2.0,
) -> None:
    """Time every runtime and precision on this machine in turns; trust the ratios more than the times."""
    found = open_network(network)
    engine_folder(found, EngineOptions())  # says so where there is nothing to build
    rows = []
    for name, runtime in installed_runtimes().items():
        for precision in runtime.precisions:
            try:
                options = EngineOptions(runtime=name, precision=precision, threads=threads)
                rows.append((name, precision, load_engine(found, options)))
            except VerificationError as exc:  # a result too
                typer.echo(f"{name} {precision}: {exc}")
    size = found.spec.input
    height, width = size.height_px or 384, size.width_px or 640
    table = Table("runtime", "precision", "batch", "ms per picture", "relative", box=None)
    for count in (1, 4, 16) if found.spec.kind == "affect" else (1,):
        images = np.resize(found.samples, (count, height, width, size.channels)).astype(np.uint8)
        times = _interleaved([engine.run for _, _, engine in rows], images, seconds)
        for (name, precision, _), taken in zip(rows, times, strict=True):
            table.add_row(name, precision, str(count), f"{taken / count * 1000:.2f}", f"{taken / times[0]:.2f}")
    Console().print(table)


def _interleaved(runs: list, images: np.ndarray, seconds: float) -> list[float]:  # type: ignore[type-arg]
    """Median seconds of each, taken in turns so that all meet the same machine."""
    taken: list[list[float]] = [[] for _ in runs]
    for run in runs:
        run(images)
    end = time.perf_counter() + seconds * len(runs)
    while time.perf_counter() < end:
        for run, times in zip(runs, taken, strict=True):
            start = time.perf_counter()
            run(images)
            times.append(time.perf_counter() - start)
    return [float(np.median(times)) for times in taken]
