"""The documents say what was measured."""

import json
from pathlib import Path

import pytest

from engines import open_network

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", ["emofan-s", "face-s"])
def test_a_card_is_about_the_network_that_is_shipped(name):
    measured = json.loads((DOCS / "models" / f"{name}.json").read_text())
    assert measured["sha256"] == open_network(name).spec.sha256


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("emofan-s", ["accuracy", "macro_recall", "recall_happiness", "ccc_valence", "ccc_arousal", "rmse_valence"]),
        ("face-s", ["ap_10px", "ap_16px", "ap_32px"]),
    ],
)
def test_a_card_quotes_the_figures_that_were_measured(name, figures):
    measured = json.loads((DOCS / "models" / f"{name}.json").read_text())["figures"]
    card = (DOCS / "models" / f"{name}.md").read_text()
    for figure in figures:
        assert f"{measured[figure]:.3f}" in card, figure


@pytest.mark.parametrize(("name", "figures"), [("emofan-s", ["accuracy", "macro_recall"]), ("face-s", ["ap_16px"])])
def test_the_readme_quotes_the_figures_that_were_measured(name, figures):
    measured = json.loads((DOCS / "models" / f"{name}.json").read_text())["figures"]
    row = next(line for line in (DOCS.parent / "README.md").read_text().splitlines() if line.startswith(f"| `{name}`"))
    for figure in figures:
        assert f"{measured[figure]:.3f}" in row, figure


def test_the_card_of_emofan_s_quotes_its_calibration_and_agreement():
    measured = json.loads((DOCS / "models" / "emofan-s.json").read_text())
    card = (DOCS / "models" / "emofan-s.md").read_text()
    assert f"{measured['calibration']['ece']:.3f}" in card
    for who in ("annotators", "network"):
        assert f"{100 * measured['agreement'][who]:.1f} %" in card
