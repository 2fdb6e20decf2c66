"""What a training run writes down: figures as JSON lines, and curves for TensorBoard where it is installed."""

import importlib.util
import json
from pathlib import Path
from typing import Any

LOG_FILE = "log.jsonl"
"""Figures of each validation, one JSON object a line."""
CURVES_FOLDER = "tensorboard"


class Journal:
    """The figures of one run, in its folder. A restart goes on from `step`: later ones are dropped."""

    def __init__(self, folder: Path, step: int):
        self._log = folder / LOG_FILE
        if self._log.exists():
            kept = [line for line in self._log.read_text(encoding="utf-8").splitlines() if _step_of(line) <= step]
            half = folder / f"_{LOG_FILE}"
            half.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
            half.replace(self._log)
        self._curves: Any = None
        if importlib.util.find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._curves = SummaryWriter(str(folder / CURVES_FOLDER), purge_step=step + 1)

    def learnt(self, step: int, parts: dict[str, float], learning_rate: float) -> None:
        """The loss and its parts at one step."""
        self._draw("train", {**parts, "learning_rate": learning_rate}, step)

    def validated(self, step: int, figures: dict[str, float]) -> None:
        """Figures on the validation set after one step."""
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **figures}) + "\n")
        self._draw("val", figures, step)

    def close(self) -> None:
        """Write what is still held."""
        if self._curves is not None:
            self._curves.close()

    def _draw(self, group: str, values: dict[str, float], step: int) -> None:
        if self._curves is not None:
            for name, value in values.items():
                self._curves.add_scalar(f"{group}/{name}", value, step)


def _step_of(line: str) -> float:
    """Of a line of the log; beyond all steps where the line was not written to its end."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
