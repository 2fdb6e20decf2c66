"""EmoFAN against the public code's names, shapes and outputs (fixtures), and what follows from its definition."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.made_up import made_up_images, made_up_weights
from training.emofan.loss import draw_heatmaps
from training.emofan.network import EmoFAN, EmoFANConfig, decode_landmarks

CONFIG = Path(__file__).parents[2] / "configs" / "train" / "emofan-s.yaml"
SMALL = EmoFANConfig(input_channels=1, input_px=64, stem_channels=8, channels=16, stacks=1, depth=2)


@pytest.mark.parametrize("classes", [8, 5])
def test_it_loads_a_public_checkpoint_strictly_and_gives_its_numbers(shared, classes):
    shapes = json.loads((shared / "fixtures" / "emonet_state_dict_shapes.json").read_text())[str(classes)]
    model = EmoFAN(EmoFANConfig(num_classes=classes)).eval()
    model.load_state_dict(made_up_weights(shapes), strict=True)
    with torch.no_grad():
        out = model(torch.from_numpy(made_up_images()).permute(0, 3, 1, 2) / 255)
    with np.load(shared / "fixtures" / "emonet_reference.npz") as reference:
        for name in ("expression", "valence", "arousal"):
            np.testing.assert_allclose(getattr(out, name), reference[f"{name}_{classes}"], atol=1e-4)
        if classes == 8:
            np.testing.assert_allclose(out.heatmaps[:, :, ::4, ::4], reference["heatmap_8"], atol=1e-4)
            np.testing.assert_allclose(out.heatmaps.mean((2, 3)), reference["heatmap_8_mean"], atol=1e-4)


def test_the_paper_size_has_the_papers_parameters():
    assert sum(p.numel() for p in EmoFAN(EmoFANConfig()).parameters()) == 13_963_410


def test_the_shipped_size_is_within_its_limits():
    from torch.utils.flop_counter import FlopCounterMode

    from training.runs import read_run

    run = read_run(CONFIG)
    model = EmoFAN(run.network).eval()
    assert sum(p.numel() for p in model.parameters()) <= 2_000_000
    side = run.network.input_px
    assert side <= 128
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, run.network.input_channels, side, side))
    assert counter.get_total_flops() / 2 <= 0.3e9


def test_drawn_heatmaps_are_decoded_to_where_they_were_drawn():
    points = torch.rand(5, 68, 2, generator=torch.Generator().manual_seed(0)) * 48 + 8
    found, peak = decode_landmarks(draw_heatmaps(points, 16))
    assert (found - points).abs().max() < 0.25
    assert peak.min() > 0.7


def test_an_empty_heatmap_is_decoded_to_its_middle():
    found, peak = decode_landmarks(torch.full((1, 68, 16, 16), -0.1))
    assert torch.allclose(found, torch.full((1, 68, 2), 31.5))
    assert peak.max() < 0


def test_a_size_that_cannot_be_halved_is_refused():
    with pytest.raises(ValueError, match="multiple of 2"):
        EmoFANConfig(input_px=72, depth=4)


def test_any_number_of_hourglasses_trains():
    model = EmoFAN(EmoFANConfig(input_channels=1, input_px=64, stem_channels=8, channels=16, stacks=2, depth=2))
    out = model(torch.rand(2, 1, 64, 64))
    (out.expression.sum() + out.heatmaps.sum() + out.valence.sum()).backward()
    assert all(p.grad is not None for name, p in model.named_parameters())
