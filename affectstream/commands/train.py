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
    Path,
    typer.Option(
        metavar="DIR",
        envvar="AFFECTSTREAM_DATA",
        show_envvar=True,
        help="Folder with the Parquet files, or with a folder data/ that has them.",
    ),
]

Ray = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Ray cluster: HOST:PORT or 'auto'. [default: this machine]")
]


def train(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Training run as YAML, like those in configs/train/.")
    ],
    data: Data,
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="DIR", help="Folder of the run. Running the same command again resumes it."
        ),
    ],
    device: Annotated[str, typer.Option(metavar="DEVICE", help="cpu, cuda or cuda:N.")] = "cpu",
    threads: Annotated[
        int, typer.Option(min=0, metavar="N", help="CPU threads of this process; 0 means one per core.")
    ] = 0,
    start_from: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights to start from: layers of the same name and shape are copied."),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes that share each training step, with Ray Train.")
    ] = 1,
    ray: Ray = None,
) -> None:
    """Train a network from a configuration file."""
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
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Training run as YAML; the search varies its optimiser settings.")
    ],
    data: Data,
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="DIR", help="Folder of the search. Running the same command again resumes it."
        ),
    ],
    trials: Annotated[int, typer.Option(min=1, metavar="N", help="Number of settings to try.")] = 20,
    seed: Annotated[int, typer.Option(metavar="N", help="Random seed of the search.")] = 0,
    device: Annotated[str, typer.Option(metavar="DEVICE", help="cpu, cuda or cuda:N.")] = "cpu",
    ray: Ray = None,
) -> None:
    """Search learning rate, weight decay and betas at random within the paper's ranges, with Ray Tune."""
    require_torch()
    _check_device(device, here=ray is None)
    best = _cluster().search(
        config, data_folder(data), out, trials=trials, seed=seed, address=ray, device=device, log=log_line
    )
    log_line(f"best settings: {best}")


def export(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a training run; its best weights are exported.")
    ],
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Network folder to write.")],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the network. [default: the name of DIR]")
    ] = None,
    licence: Annotated[
        str, typer.Option(metavar="TEXT", help="Licence of the weights.")
    ] = "not stated: it depends on the data",
) -> None:
    """Export trained weights as a network folder for --network or --detector."""
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
