"""Each term of the losses against a value worked out by hand, another formula, or finite differences."""

import numpy as np
import pytest
import torch

from pipeline.stats import metrics
from training.emofan.loss import LossConfig, affect_terms, concordance, divergence, draw_heatmaps, emofan_loss, pearson
from training.emofan.network import EmoFANOutput
from training.face_detector.loss import assign, box_iou, detection_loss, eiou_loss
from training.face_detector.network import FaceDetector, FaceDetectorConfig, anchors

T = torch.tensor


def random_pair(seed=0, count=40):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(count, 2))
    return truth, 0.6 * truth + 0.3 * rng.normal(size=(count, 2)) + 0.1


def test_metrics_agree_with_the_public_codes(shared):
    with np.load(shared / "fixtures" / "emonet_reference.npz") as reference:
        truth, prediction = reference["metric_truth"], reference["metric_prediction"]
        for name, measure in {
            "RMSE": metrics.rmse,
            "SAGR": metrics.sagr,
            "PCC": metrics.pcc,
            "CCC": metrics.ccc,
        }.items():
            assert measure(truth, prediction) == pytest.approx(float(reference[f"metric_{name}"]), abs=1e-12)


def test_batch_correlations_are_the_metrics():
    truth, prediction = random_pair()
    for i in range(2):
        a, b = T(prediction[:, i]), T(truth[:, i])
        assert pearson(a, b).item() == pytest.approx(metrics.pcc(truth[:, i], prediction[:, i]))
        assert concordance(a, b).item() == pytest.approx(metrics.ccc(truth[:, i], prediction[:, i]))


def test_the_affect_terms_are_equations_6_9_and_10():
    truth, prediction = random_pair()
    mse, pcc, ccc = (term.item() for term in affect_terms(T(prediction), T(truth)))
    by_axis = [(truth[:, i], prediction[:, i]) for i in range(2)]
    assert mse == pytest.approx(sum(metrics.rmse(t, p) ** 2 for t, p in by_axis))
    assert pcc == pytest.approx(1 - np.mean([metrics.pcc(t, p) for t, p in by_axis]))
    assert ccc == pytest.approx(1 - np.mean([metrics.ccc(t, p) for t, p in by_axis]))


@pytest.mark.parametrize("term", [0, 1, 2])
def test_gradients_of_the_affect_terms_are_those_of_finite_differences(term):
    truth, prediction = random_pair(count=8)
    x = T(prediction, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: affect_terms(p, T(truth))[term], (x,))


def output_for(count=6, side=16, seed=0):
    g = torch.Generator().manual_seed(seed)
    return EmoFANOutput(
        torch.randn(count, 8, generator=g),
        torch.randn(count, generator=g) * 0.3,
        torch.randn(count, generator=g) * 0.3,
        torch.rand(count, 68, side, side, generator=g) * 0.1,
    )


def labels(count=6):
    rng = np.random.default_rng(1)
    expression = torch.tensor(rng.dirichlet(np.ones(8), count), dtype=torch.float32)
    affect = torch.tensor(rng.uniform(-1, 1, (count, 2)), dtype=torch.float32)
    landmarks = torch.tensor(rng.uniform(8, 56, (count, 68, 2)), dtype=torch.float32)
    return expression, affect, landmarks, torch.zeros(count, dtype=torch.bool)


def test_the_categories_term_is_the_cross_entropy_with_the_votes():
    out, (expression, affect, landmarks, empty) = output_for(), labels()
    parts = emofan_loss(out, expression, affect, landmarks, empty, LossConfig(), np.random.default_rng(0))
    log_p = out.expression.numpy() - np.log(np.exp(out.expression.numpy()).sum(1, keepdims=True))
    assert parts["categories"].item() == pytest.approx(-(expression.numpy() * log_p).sum(1).mean(), rel=1e-5)


def test_shake_shake_draws_weights_that_sum_to_one_anew_each_step():
    out, given = output_for(), labels()
    terms = torch.stack(affect_terms(torch.stack([out.valence, out.arousal], 1), given[1]))
    values = {emofan_loss(out, *given, LossConfig(), np.random.default_rng(step))["affect"].item() for step in range(5)}
    assert len(values) == 5
    assert all(terms.min() <= value <= terms.max() for value in values)


@pytest.mark.parametrize(
    ("mix", "weights"), [("even", (1 / 3,) * 3), ("mse", (1, 0, 0)), ("pcc", (0, 1, 0)), ("ccc", (0, 0, 1))]
)
def test_the_affect_terms_can_be_mixed_otherwise(mix, weights):
    out, given = output_for(), labels()
    terms = torch.stack(affect_terms(torch.stack([out.valence, out.arousal], 1), given[1]))
    mixed = emofan_loss(out, *given, LossConfig(affect_mix=mix), np.random.default_rng(0))["affect"].item()
    assert mixed == pytest.approx((terms * torch.tensor(weights)).sum().item(), rel=1e-6)


def test_the_distillation_term_is_the_divergence_from_the_teacher_and_none_from_oneself():
    out, given = output_for(), labels()
    student = out.expression.softmax(1)
    teacher = torch.tensor(np.random.default_rng(3).dirichlet(np.ones(8), 6), dtype=torch.float32)
    teacher[0] = torch.nan  # a face that the teacher says nothing of
    config = LossConfig(distillation=0.5)
    value = emofan_loss(out, *given, config, np.random.default_rng(0), teacher)["distillation"].item()
    p, q = teacher[1:].double().numpy(), student[1:].double().numpy()
    assert value == pytest.approx(0.5 * (p * np.log(p / q)).sum(1).mean(), rel=1e-5)
    same = emofan_loss(out, *given, config, np.random.default_rng(0), student)["distillation"].item()
    assert same == pytest.approx(0, abs=1e-6)


def test_gradients_of_the_distillation_are_those_of_finite_differences():
    rng = np.random.default_rng(0)
    teacher, logits = (
        torch.tensor(rng.dirichlet(np.ones(8), 5)),
        torch.tensor(rng.normal(size=(5, 8)), requires_grad=True),
    )
    assert torch.autograd.gradcheck(lambda x: divergence(teacher, x), (logits,))


def test_unknown_labels_do_not_count():
    out, (expression, affect, landmarks, empty) = output_for(), labels()
    expression[0], affect[1], landmarks[2] = np.nan, np.nan, np.nan
    rng = np.random.default_rng(0)
    whole = emofan_loss(out, expression, affect, landmarks, empty, LossConfig(), rng)
    kept = [1, 2, 3, 4, 5]
    alone = emofan_loss(
        EmoFANOutput(*(x[kept] for x in out)),
        expression[kept],
        affect[kept],
        landmarks[kept],
        empty[kept],
        LossConfig(),
        np.random.default_rng(0),
    )
    assert whole["categories"].item() == pytest.approx(alone["categories"].item())
    assert torch.isfinite(whole["loss"])


def test_where_no_face_is_the_heatmaps_are_to_be_empty():
    out, (expression, affect, landmarks, empty) = output_for(2), labels(2)
    landmarks[:] = np.nan
    empty[:] = True
    parts = emofan_loss(out, expression, affect, landmarks, empty, LossConfig(), np.random.default_rng(0))
    assert parts["heatmap"].item() == pytest.approx(out.heatmaps.square().sum((2, 3)).mean().item())
    assert "landmark" not in parts


def test_a_perfect_heatmap_costs_nothing():
    _, _, landmarks, _ = labels(2)
    target = draw_heatmaps(landmarks, 16)
    out = EmoFANOutput(torch.zeros(2, 8), torch.zeros(2), torch.zeros(2), target)
    nothing = torch.full((2, 8), np.nan), torch.full((2, 2), np.nan)
    parts = emofan_loss(
        out, *nothing, landmarks, torch.zeros(2, dtype=torch.bool), LossConfig(), np.random.default_rng(0)
    )
    assert parts["heatmap"].item() == 0
    assert parts["landmark"].item() < 0.03


def test_switched_off_terms_have_no_weight():
    out, given = output_for(), labels()
    config = LossConfig(categories=0, affect=0, heatmap=0, landmark=0)
    assert emofan_loss(out, *given, config, np.random.default_rng(0))["loss"].item() == 0


def test_box_overlap_by_hand():
    a = T([[0.0, 0, 10, 10], [0, 0, 4, 4]])
    b = T([[5.0, 0, 15, 10], [20, 20, 30, 30]])
    assert box_iou(a, b)[0].tolist() == pytest.approx([1 / 3, 0.0])


def test_eiou_by_hand():
    loss, iou = eiou_loss(T([[0.0, 0, 10, 10]]), T([[2.0, 0, 12, 20]]))
    # overlap 80 of 220; hull 12 x 20; centres differ by (2, 5); widths by 0, heights by 10
    assert iou.item() == pytest.approx(80 / 220)
    assert loss.item() == pytest.approx(1 - 80 / 220 + (4 + 25) / (144 + 400) + 0 + 100 / 400)


def test_gradients_of_eiou_are_those_of_finite_differences():
    boxes = torch.tensor([[1.0, 2, 11, 13], [4, 4, 9, 20]], dtype=torch.float64, requires_grad=True)
    faces = torch.tensor([[2.0, 3, 12, 12], [3, 5, 10, 18]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda b: eiou_loss(b, faces)[0], (boxes,))


def test_every_face_gets_anchors_of_its_own():
    centres, strides = anchors(128, 128)
    faces = T([[8.0, 8, 24, 24], [60, 60, 120, 120], [90, 4, 100, 14]])
    generator = torch.Generator().manual_seed(0)
    half = torch.exp(torch.rand(len(centres), 2, generator=generator)) * strides[:, None]
    boxes = torch.cat([centres - half, centres + half], 1)
    anchor, face = assign(torch.zeros(len(centres)), boxes, centres, strides, faces)
    assert set(face.tolist()) == {0, 1, 2}
    assert len(set(anchor.tolist())) == len(anchor)
    inside = ((centres[anchor] > faces[face, :2] - 20) & (centres[anchor] < faces[face, 2:] + 20)).all()
    assert inside


def test_no_faces_no_anchors():
    centres, strides = anchors(64, 64)
    anchor, face = assign(torch.zeros(len(centres)), torch.zeros(len(centres), 4), centres, strides, torch.zeros(0, 4))
    assert len(anchor) == len(face) == 0


def test_ignored_regions_cost_nothing():
    centres, strides = anchors(64, 64)
    logits = torch.full((1, len(centres)), -9.0)
    covered = ((centres > 8) & (centres < 56)).all(1)
    logits[0, covered] = 5.0
    boxes = torch.zeros(1, len(centres), 4)
    none = [torch.zeros(0, 4)]
    kept = detection_loss(logits, boxes, centres, strides, none, none)["score"]
    ignored = detection_loss(logits, boxes, centres, strides, none, [T([[8.0, 8, 56, 56]])])["score"]
    assert ignored < 0.01 * kept


def test_the_detector_learns_one_picture_by_heart():
    torch.manual_seed(0)
    model = FaceDetector(FaceDetectorConfig(channels=(8, 8, 8, 8, 8, 8), residuals=(0, 0, 1, 0), head_channels=8))
    centres, strides = anchors(128, 128)
    image = torch.zeros(1, 1, 128, 128)
    image[..., 16:40, 20:44] = 1
    face = [T([[20.0, 16, 44, 40]])]
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(150):
        loss = detection_loss(*model(image), centres, strides, face, [torch.zeros(0, 4)])["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    logits, boxes = model(image)
    best = boxes[0, logits[0].argmax()]
    assert box_iou(best[None], face[0]).item() > 0.8
