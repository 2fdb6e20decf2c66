"""Pictures of how good a network is: confusion matrix, circumplex, reliability diagram. PNG files, drawn without a
display; needs matplotlib, which is imported here only and when a picture is asked for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from engines import EXPRESSIONS
from training.data.faceset import CIRCUMPLEX
from training.emofan.figures import true_class
from training.evaluation.calibration import NUM_BINS, reliability
from training.evaluation.evaluate import Measured

_BLUE, _RED, _GREY = "#2b5c8a", "#c2452d", "#777777"


def draw(measured: Measured, folder: Path) -> list[Path]:
    """Write every picture that the answers on one set allow into `folder`; return the files."""
    faces, answer = measured.faces, measured.answer
    if faces is None or answer is None:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    truth, files = true_class(faces), []
    scored = np.isin(truth, answer.classes)
    if scored.any():
        files += [folder / f"{measured.set}-confusion.png", folder / f"{measured.set}-reliability.png"]
        confusion(truth[scored], answer.guess[scored], answer.classes, files[0], title=measured.set)
        reliability_diagram(answer.expression, truth, files[1], title=measured.set)
    rated = np.isfinite(faces.affect).all(1)
    if rated.any():
        files.append(folder / f"{measured.set}-circumplex.png")
        said = np.column_stack([answer.valence, answer.arousal])
        circumplex(faces.affect[rated], said[rated], files[-1], title=measured.set)
    return files


def confusion(truth: np.ndarray, guess: np.ndarray, classes: np.ndarray, path: Path, *, title: str) -> None:
    """Rows: true classes (F,); columns: the network's (F,). Each cell: share of its row, and number of faces."""
    counts = np.array([[(guess[truth == true] == said).sum() for said in classes] for true in classes])
    totals = counts.sum(1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    names = [EXPRESSIONS[c] for c in classes]
    with _figure(path, (7.8, 7.0)) as figure:
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.argwhere(counts):
            share, place = shares[row, column], {"ha": "center", "va": "center"}
            colour = "white" if share > 0.55 else "#222222"
            axes.text(column, row - 0.12, f"{share:.0%}", color=colour, fontsize=12, **place)
            axes.text(column, row + 0.22, f"{counts[row, column]}", color=colour, fontsize=8, **place)
        axes.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), [f"{n}  ({t})" for n, t in zip(names, totals[:, 0], strict=True)])
        axes.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=2)
        axes.tick_params(which="both", length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("the network says")
        axes.set_ylabel("true expression (faces)")
        axes.set_title(f"{title}: share of each true expression, number of faces below", fontsize=12, pad=12)


def circumplex(truth: np.ndarray, said: np.ndarray, path: Path, *, title: str) -> None:
    """Labels (F, 2) and answers (F, 2) side by side: where faces lie by valence and arousal, and how densely."""
    edges = np.linspace(-1.025, 1.025, 42)  # cells of 0.05, one of them around the origin
    grids = [np.histogram2d(points[:, 1], points[:, 0], bins=[edges, edges])[0] for points in (truth, said)]
    top = max(float(grid.max()) for grid in grids)
    with _figure(path, (12.4, 6.2)) as figure:
        from matplotlib.colors import LogNorm

        panels = figure.subplots(1, 2, sharex=True, sharey=True)
        shown = None
        for axes, grid, what in zip(panels, grids, ("labels", "the network"), strict=True):
            density = np.ma.masked_equal(grid, 0)
            shown = axes.imshow(
                density, origin="lower", extent=(edges[0], edges[-1]) * 2, cmap="YlGnBu", norm=LogNorm(1, max(top, 2))
            )
            _draw_circle(axes)
            axes.set_title(f"{title}: {what}", fontsize=12)
            axes.set_xlabel("valence")
        panels[0].set_ylabel("arousal")
        figure.colorbar(shown, ax=panels, label="faces per cell of 0.05 × 0.05", shrink=0.85, pad=0.02)


def _draw_circle(axes: Any) -> None:
    """The unit circle, the axes, and each expression's place."""
    angle = np.linspace(0, 2 * np.pi, 200)
    axes.plot(np.cos(angle), np.sin(angle), color=_GREY, linewidth=0.8)
    axes.axhline(0, color=_GREY, linewidth=0.5)
    axes.axvline(0, color=_GREY, linewidth=0.5)
    axes.plot(*CIRCUMPLEX.T, "o", color=_RED, markersize=4)
    for name, (valence, arousal) in zip(EXPRESSIONS, CIRCUMPLEX, strict=True):
        left = valence > 0.5 or valence < -0.55  # where there is room
        axes.annotate(
            name,
            (valence, arousal),
            xytext=(-6 if left else 6, 5),
            textcoords="offset points",
            ha="right" if left else "left",
            color=_RED,
            fontsize=9,
            bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.7},
        )
    axes.set_xlim(-1.05, 1.05)
    axes.set_ylim(-1.05, 1.05)
    axes.set_aspect("equal")


def reliability_diagram(probabilities: np.ndarray, truth: np.ndarray, path: Path, *, title: str) -> None:
    """How often the network is right against how sure it is; below, how many faces are in each bin."""
    found = reliability(probabilities, truth)
    low = np.arange(NUM_BINS) / NUM_BINS
    width = 1 / NUM_BINS
    some = found.faces > 0
    with _figure(path, (6.2, 7.0)) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        above.bar(low[some], found.accuracy[some], width, align="edge", color=_BLUE, edgecolor="white", label="right")
        above.plot(found.confidence[some], found.accuracy[some], "o", color=_RED, markersize=4, label="mean confidence")
        above.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle="--", label="as sure as right")
        above.set_ylabel("share of right answers")
        above.set_ylim(0, 1)
        above.legend(loc="upper left", frameon=False)
        above.set_title(f"{title}: expected calibration error {found.ece:.3f}", fontsize=12)
        below.bar(low, found.faces, width, align="edge", color=_GREY, edgecolor="white")
        below.set_ylabel("faces")
        below.set_xlabel("probability of the expression that the network says")
        below.set_xlim(0, 1)


@contextmanager
def _figure(path: Path, size_inch: tuple[float, float]) -> Iterator[Any]:
    """An empty figure; what is drawn on it is written to `path`. Nothing of pyplot's global state is touched."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size_inch, dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    yield figure
    figure.savefig(path, bbox_inches="tight", pad_inches=0.15)
