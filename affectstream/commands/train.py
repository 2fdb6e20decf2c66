"""``affectstream train | tune | export``: making networks. Training and exporting need the extra `train`."""

import re
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer
from rich.console import Console

from engines import RuntimeMissingError
from training.errors import TrainingError

Data = Annotated[
    Path, typer.Option(envvar="AFFECTSTREAM_DATA", help="Folder that holds data/, or the Parquet files themselves.")
]

Ray = Annotated[str | None, typer.Option(help="Address of a Ray cluster, or `auto`. \\[default: this machine]")]


def train(
    config: Annotated[Path, typer.Argument(help="A training run, like those in configs/train/.")],
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run; a second call goes on from there.")],
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[int, typer.Option(min=0, help="Threads on the CPU of this process; 0: all cores.")] = 0,
    start_from: Annotated[
        Path | None, typer.Option(help="Weights to begin with: layers of the same name and shape are taken over.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share each step, through Ray Train.")] = 1,
    ray: Ray = None,
) -> None:
    """Train a network as a configuration file says."""
    torch = require_torch()
    _check_device(device, here=ray is None)
    if threads:
        torch.set_num_threads(threads)
    log_line("reading the data")
    if workers > 1 or ray is not None:
        best = _cluster().train_on_workers(
            config, data_folder(data), out, start=start_from, workers=workers, address=ray, device=device
        )
    else:
        from training.runs import train_run

        best = train_run(config, data_folder(data), out, start=start_from, device=device, log=log_line)
    log_line(f"best weights: {best}")


def tune(
    config: Annotated[Path, typer.Argument(help="A training run; its optimiser's settings are what is searched.")],
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the search; a second call goes on from there.")],
    trials: Annotated[int, typer.Option(min=1, help="How many settings are tried.")] = 20,
    seed: Annotated[int, typer.Option(help="Of the settings that are drawn.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    ray: Ray = None,
) -> None:
    """Search learning rate, weight decay and betas at random over the paper's ranges, through Ray Tune."""
    require_torch()
    _check_device(device, here=ray is None)
    best = _cluster().search(
        config, data_folder(data), out, trials=trials, seed=seed, address=ray, device=device, log=log_line
    )
    log_line(f"best settings: {best}")


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a training run; its best weights are taken.")],
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="Network folder to write.")],
    name: Annotated[str | None, typer.Option(help="Name of the network. \\[default: the folder's name]")] = None,
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "not stated: it depends on the data",
) -> None:
    """Turn trained weights into a network folder that `--network` and `--detector` take."""
    require_torch()
    from training.ship import ship

    network = ship(run, data_folder(data), out, name=name or out.name, licence=licence, log=log_line)
    typer.echo(f"{network.spec.name}: {out} ({network.model_path.stat().st_size / 1e6:.1f} MB)")


def _check_device(device: str, *, here: bool) -> None:
    if device != "cpu" and not re.fullmatch(r"cuda(:\d+)?", device):
        raise TrainingError(f"--device must be cpu, cuda or cuda:N, got {device!r}")
    if device != "cpu" and here and not require_torch().cuda.is_available():
        raise RuntimeMissingError("PyTorch sees no GPU here; see `nvidia-smi`, or train with --device cpu")


def log_line(line: str) -> None:
    """One line of progress, with the time."""
    Console().print(f"{datetime.now(UTC):%H:%M:%S} {line}", highlight=False, markup=False, soft_wrap=True)


def _cluster() -> ModuleType:
    if find_spec("ray") is None:
        raise RuntimeMissingError("several workers need Ray: pip install 'affectstream[train]'")
    from training import cluster

    return cluster


def data_folder(given: Path) -> Path:
    """The folder with the Parquet files: `given`, or `data/` below it."""
    return given / "data" if (given / "data").is_dir() else given


def require_torch() -> ModuleType:
    """PyTorch, or what to install."""
    try:
        import torch
    except ImportError as exc:
        raise RuntimeMissingError("training needs PyTorch: pip install 'affectstream[train]'") from exc
    return torch
