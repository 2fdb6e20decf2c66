"""What the ladder of `training.ablation.ladder` shows, as a page: tables, paired differences, an honest reading."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.ablation.ladder import FIGURES, LADDER, LOSSES

Results = Mapping[str, Mapping[int, Mapping[str, float]]]
"""rung -> seed -> figures."""

STEPS = (
    ("F+R", "F+R+C", "classes beside valence and arousal (C)"),
    ("F+R+C", "F+R+C+A", "attention by heatmaps (A)"),
    ("F+R+C+A", "F+R+C+A+S", "shake-shake instead of CCC alone (S)"),
    ("F+R+C+A", "F+R+C+A+D", "distillation (D), without S"),
    ("F+R+C+A+S", "F+R+C+A+S+D", "distillation (D), with S"),
    ("F+R+C", "MSE", "MSE instead of CCC"),
    ("F+R+C", "shake-shake", "shake-shake instead of CCC"),
)
"""Which rungs are compared, and what the second one adds."""
PAPER = {
    "F+R": (0.70, 0.62),
    "F+R+C": (0.71, 0.64),
    "F+R+C+A": (0.72, 0.64),
    "F+R+C+A+S": (0.72, 0.64),
    "F+R+C+A+D": (0.72, 0.64),
    "F+R+C+A+S+D": (0.73, 0.65),
    "MSE": (0.68, 0.59),
    "shake-shake": (0.72, 0.64),
}
"""CCC of valence and arousal in the paper's tables 5 and 6 (AffectNet)."""
COMPARED = ("accuracy", "ccc_valence", "ccc_arousal")
_T_975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""97.5 % point of Student's t by degrees of freedom."""


@dataclass(frozen=True, slots=True)
class Step:
    """A paired difference over seeds, with its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def resolved(self) -> bool:
        """Whether the interval excludes no difference."""
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]" + ("" if self.resolved else " not resolved")


def paired(first: Mapping[int, float], second: Mapping[int, float]) -> Step | None:
    """Second minus first, seed by seed: mean and Student's interval; None with fewer than two common seeds."""
    seeds = sorted(first.keys() & second.keys())
    if len(seeds) < 2:
        return None
    differences = np.array([second[seed] - first[seed] for seed in seeds])
    reach = _T_975[len(seeds) - 1] * differences.std(ddof=1) / np.sqrt(len(seeds))
    mean = float(differences.mean())
    return Step(mean, mean - float(reach), mean + float(reach))


def write_page(results: Results, *, config: str) -> str:
    """The page in Markdown; `config` is the name of the base configuration."""
    minutes = max((run.get("minutes", 0.0) for runs in results.values() for run in runs.values()), default=0.0)
    seeds = sorted({seed for runs in results.values() for seed in runs})
    parts = [
        "# Does the paper hold on open data?",
        "",
        "Tables 5 and 6 of the paper in small: a small EmoFAN on FER+ train, measured on FER+ val, "
        f"{len(seeds)} seeds a rung, no run longer than {minutes:.1f} minutes on one core. Made by",
        "",
        "```",
        f"affectstream ablate configs/train/{config} --data DATA --out runs/ablation --page docs/ablation.md",
        "```",
        "",
        "**What this can and cannot show.** Nobody rated valence and arousal in FER+: they are weak labels, computed "
        "from the votes for expressions. So regression and classes learn from one and the same source here, where "
        "AffectNet has two, and a gain that the paper finds from learning both together need not appear. The networks "
        "are small and trained briefly; what helps a small one may not help a large one, and the reverse.",
        "",
        "F landmarks of a face-alignment network (found by MediaPipe here) · R regression · C classes · A attention · "
        "S shake-shake; without it the CCC loss alone · D distillation from the same rung without D.",
        "",
        "## Table 5 in small",
        "",
        *_table(results, [rung.name for rung in LADDER]),
        "",
        "## Table 6 in small",
        "",
        "On F+R+C; its CCC row is the ladder's.",
        "",
        *_table(results, [rung.name for rung in LOSSES]),
        "",
        "## Differences, paired by seed",
        "",
        "Mean and 95 % interval (Student's t), over seeds alone: other faces in val would add to it. With "
        f"{len(STEPS) * len(COMPARED)} comparisons about one is expected to look resolved by chance. The paper's "
        "differences of CCC are AffectNet's, from one network each.",
        "",
        "| what is added | accuracy | CCC valence | CCC arousal | in the paper, CCC v and a |",
        "|---|---|---|---|---|",
    ]
    readings = []
    for first, second, what in STEPS:
        steps = [_step(results, first, second, name) for name in COMPARED]
        parts.append(
            f"| {what} | "
            + " | ".join("–" if s is None else str(s) for s in steps)
            + " | {:+.2f} {:+.2f} |".format(*_paper_difference(first, second))
        )
        known = {name: step for name, step in zip(COMPARED, steps, strict=True) if step is not None}
        readings.append(_reading(what, known, dict(zip(COMPARED[1:], _paper_difference(first, second), strict=True))))
    return "\n".join([*parts, "", "## Reading", "", *readings, ""])


def _paper_difference(first: str, second: str) -> tuple[float, float]:
    (valence, arousal), (valence_then, arousal_then) = PAPER[first], PAPER[second]
    return round(valence_then - valence, 2), round(arousal_then - arousal, 2)


def _step(results: Results, first: str, second: str, name: str) -> Step | None:
    one, two = (
        {seed: run[name] for seed, run in results.get(rung, {}).items() if name in run} for rung in (first, second)
    )
    return paired(one, two)


def _table(results: Results, rungs: Sequence[str]) -> list[str]:
    """Means over seeds, in the paper's columns."""
    lines = [
        "| rung | seeds | acc | valence RMSE | SAGR | PCC | CCC | arousal RMSE | SAGR | PCC | CCC |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for rung in rungs:
        runs = list(results.get(rung, {}).values())
        cells = [
            f"{np.mean(values):.3f}" if (values := [run[name] for run in runs if name in run]) else "–"
            for name in FIGURES
        ]
        lines.append(f"| {rung} | {len(runs)} | " + " | ".join(cells) + " |")
    return lines


def _reading(what: str, known: Mapping[str, Step], paper: Mapping[str, float]) -> str:
    """One line in words; it claims nothing that the interval does not."""
    begin = f"- **{what[0].upper()}{what[1:]}**: "
    if not known:
        return f"{begin}not measured yet."
    said = []
    for words, names in (
        ("raises", [name for name, step in known.items() if step.resolved and step.mean > 0]),
        ("lowers", [name for name, step in known.items() if step.resolved and step.mean < 0]),
    ):
        if names:
            said.append(f"{words} {' and '.join(_in_words(name, known[name], paper.get(name)) for name in names)}")
    if unresolved := [_in_words(name) for name, step in known.items() if not step.resolved]:
        said.append(f"not resolved: {' and '.join(unresolved)}")
    return f"{begin}{'; '.join(said)}."


def _in_words(name: str, step: Step | None = None, paper: float | None = None) -> str:
    """A figure's name; where a resolved difference can be held against the paper's, also that."""
    said = name.replace("_", " of ").replace("ccc", "CCC")
    if step is None or not paper:
        return said
    return f"{said} ({'as' if step.mean * paper > 0 else 'unlike'} in the paper)"
