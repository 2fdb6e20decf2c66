"""``affectstream train | evaluate | export``: making networks. Training and exporting need the extra `train`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from engines import EngineOptions, RuntimeMissingError, load_engine, open_network

Data = Annotated[
    Path, typer.Option(envvar="AFFECTSTREAM_DATA", help="Folder that holds data/, or the Parquet files themselves.")
]


def train(
    config: Annotated[Path, typer.Argument(help="A training run, like those in configs/train/.")],
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run; a second call goes on from there.")],
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[int, typer.Option(help="Threads on the CPU; 0: all cores.")] = 0,
) -> None:
    """Train a network as a configuration file says."""
    torch = _torch()
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise RuntimeMissingError("PyTorch sees no GPU here; see `nvidia-smi`, or train with --device cpu")
    if threads:
        torch.set_num_threads(threads)
    from training.runs import read_run, train_run

    console = Console()

    def log(line: str) -> None:
        console.print(f"{datetime.now(UTC):%H:%M:%S} {line}", highlight=False, markup=False)

    run = read_run(config)
    log("reading the data")
    best = train_run(run, data_folder(data), out, device=device, log=log)
    log(f"best weights: {best}")


def export(
    config: Annotated[Path, typer.Argument(help="The run's configuration file.")],
    weights: Annotated[Path, typer.Argument(help="Its weights: RUN/best.pt.")],
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="Network folder to write.")],
    name: Annotated[str | None, typer.Option(help="Name of the network. [default: the folder's name]")] = None,
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "Apache-2.0; see the model card",
) -> None:
    """Turn trained weights into a network folder that `--network` and `--detector` take."""
    _torch()
    from training.runs import read_run
    from training.ship import ship

    network = ship(read_run(config), weights, data_folder(data), out, name=name or out.name, licence=licence)
    typer.echo(f"{network.spec.name}: {out} ({network.model_path.stat().st_size / 1e6:.1f} MB)")


def evaluate(
    network: Annotated[str, typer.Argument(help="Name or folder of a network, or a YuNet .onnx file.")],
    data: Data,
    split: Annotated[str, typer.Option(help="Split of the data.")] = "val",
    runtime: Annotated[str, typer.Option(help="auto, openvino or onnxruntime.")] = "auto",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Also write the figures to this JSON file.")] = None,
) -> None:
    """Measure a network on the engine that serves it: the figures of the model cards."""
    from training.evaluate import evaluate as measure

    engine = load_engine(open_network(network), EngineOptions(runtime=runtime))
    console = Console(stderr=True)
    with console.status("measuring") as status:
        figures = measure(
            engine, data_folder(data), split, lambda done, total: status.update(f"measuring {done}/{total}")
        )
    table = Table("figure", "value", box=None)
    for name, value in figures.items():
        table.add_row(name, f"{value:.4f}" if abs(value) < 10 else f"{value:.0f}")
    typer.echo(f"{engine.info.id} on {split}")
    Console().print(table)
    if out is not None:
        content = {"network": engine.spec.name, "sha256": engine.spec.sha256, "engine": engine.info.id, "split": split}
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps({**content, "figures": figures}, indent=2) + "\n", encoding="utf-8")


def data_folder(given: Path) -> Path:
    """The folder with the Parquet files: `given`, or `data/` below it."""
    return given / "data" if (given / "data").is_dir() else given


def _torch() -> ModuleType:
    try:
        import torch
    except ImportError as exc:
        raise RuntimeMissingError("training needs PyTorch: pip install 'affectstream[train]'") from exc
    return torch
