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
