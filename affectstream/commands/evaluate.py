"""``affectstream evaluate``: how good a network is, as the paper's tables say it."""

import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, Any

import typer
from rich.console import Console

from affectstream.commands.train import Data, data_folder
from affectstream.evaluation import print_findings
from engines import Engine, EngineOptions, RuntimeMissingError, load_engine, open_network
from pipeline.config import Runtime
from training.errors import TrainingError
from training.evaluation.evaluate import Choice, Measured, measure
from training.evaluation.findings import Findings, find, plain


def evaluate(
    network: Annotated[
        str, typer.Argument(metavar="NETWORK", help="Name or folder of a network, or a YuNet .onnx file.")
    ],
    data: Data,
    set_: Annotated[
        str | None,
        typer.Option(
            "--set",
            metavar="SET",
            help="ferplus, newsfaces or a PACK.parquet; for a face detector faces_in_scenes, closeups or portraits. "
            "[default: all that suit the network]",
        ),
    ] = None,
    split: Annotated[str, typer.Option(metavar="SPLIT", help="Split of the data.")] = "val",
    fold: Annotated[
        str | None, typer.Option(metavar="K/N", help="For a pack without splits: 2/5 is the second of five parts.")
    ] = None,
    flip: Annotated[
        bool,
        typer.Option(
            "--flip", help="Average valence and arousal over each face and its mirror image, as in the paper."
        ),
    ] = False,
    clean: Annotated[bool, typer.Option("--clean", help="For a pack: only the faces in the cleaned set.")] = False,
    agreement: Annotated[
        bool,
        typer.Option("--agreement", help="Also compare the network with the human annotators (the paper's table 4)."),
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="NETWORK", help="Another network of the same kind: also print the differences, with intervals."
        ),
    ] = None,
    plots: Annotated[Path | None, typer.Option(metavar="DIR", help="Also write plots to this folder.")] = None,
    runtime: Annotated[
        Runtime,
        typer.Option(metavar="RUNTIME", help="What runs the networks: auto, openvino, onnxruntime, onnxruntime-gpu."),
    ] = "auto",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Also write the figures to this JSON file.")
    ] = None,
) -> None:
    """Measure the accuracy of a network on labelled data, with 95 % bootstrap intervals.

    It runs on the same engine that analyses videos; these are the figures of the model cards.
    """
    if plots is not None and importlib.util.find_spec("matplotlib") is None:
        raise RuntimeMissingError("pictures need matplotlib: pip install 'affectstream[train]'")
    choice = Choice(set=set_, split=split, fold=fold, flip=flip, clean=clean)
    engine, other = _load(network, runtime), None if against is None else _load(against, runtime)
    if other is not None and other.spec.kind != engine.spec.kind:
        kinds = f"{network} is for {engine.spec.kind}, {against} for {other.spec.kind}"
        raise TrainingError(f"--against: only networks of one kind can be compared; {kinds}")
    if engine.spec.kind == "detector" and (plots is not None or agreement):
        raise TrainingError(f"--plots and --agreement are for affect networks; {network} is a face detector")
    _check_writable(out, plots)
    measured = _measure(engine, data, choice)
    others = [None] * len(measured) if other is None else _measure(other, data, choice)
    found = [find(each, agreement=agreement, other=o) for each, o in zip(measured, others, strict=True)]
    if agreement and not any(each.agreement for each in found):
        raise TrainingError("--agreement: no face has the votes of two annotators; use --set ferplus")
    typer.echo(f"{engine.info.id} on {split}" + ("" if other is None else f", against {other.info.id}"))
    print_findings(found, Console(markup=False, highlight=False))
    if out is not None:
        with _writing(out, "--out"):
            out = out.resolve()  # a link stays one
            half = out.with_name(f"_{out.name}")
            content = plain(_content(engine, other, choice, found))
            half.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
            half.replace(out)
    if plots is not None:
        from training.evaluation.plots import draw

        with _writing(plots, "--plots"):
            for path in [path for each in measured for path in draw(each, plots)]:
                typer.echo(f"drawn: {path}")


def _check_writable(out: Path | None, plots: Path | None) -> None:
    """Raise TrainingError for what could not be written after minutes of measuring."""
    if out is not None and out.exists() and not out.is_file():
        raise TrainingError(f"--out {out}: is not a file; expected the JSON file to write")
    for folder, option in ((out and out.parent, "--out"), (plots, "--plots")):
        if folder is not None:
            with _writing(folder, option):
                folder.mkdir(parents=True, exist_ok=True)
                TemporaryFile(dir=folder).close()


@contextmanager
def _writing(path: Path, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise TrainingError(f"{option} {path}: cannot be written ({exc.strerror or exc}); give another") from exc


def _load(network: str, runtime: str) -> Engine:
    return load_engine(open_network(network), EngineOptions(runtime=runtime))


def _measure(engine: Engine, data: Path, choice: Choice) -> list[Measured]:
    """`measure`, with its progress on the terminal."""
    text = f"evaluating {engine.spec.name}"
    with Console(stderr=True).status(text) as status:
        return measure(engine, data_folder(data), choice, lambda done, total: status.update(f"{text} {done}/{total}"))


def _content(engine: Engine, other: Engine | None, choice: Choice, found: list[Findings]) -> dict[str, Any]:
    """What the JSON file holds. No two of the sets that are measured together have a figure of the same name."""
    content: dict[str, Any] = {
        "network": engine.spec.name,
        "sha256": engine.spec.sha256,
        "engine": engine.info.id,
        "split": choice.split,
        "settings": {**asdict(choice), "sets": [each.set for each in found]},
    }
    for part in ("figures", "intervals", "calibration", "agreement"):
        content[part] = {name: value for each in found for name, value in getattr(each, part).items()}
    content["groups"] = {each.set: each.groups for each in found if each.groups}
    if other is not None:
        content["against"] = {"network": other.spec.name, "sha256": other.spec.sha256}
        content["against"]["differences"] = {k: value for each in found for k, value in each.against.items()}
    content["weak_labels"] = [each.set for each in found if each.weak_labels]
    content["notes"] = [note for each in found for note in each.notes]
    return content
