"""What the detector is trained with: SimOTA assignment, quality focal loss, EIoU.

SimOTA: Ge et al., "YOLOX", 2021, section 2.1. Quality focal loss: Li et al., "Generalized Focal Loss", 2020, eq. 5.
EIoU: Zhang et al., "Focal and Efficient IOU Loss", 2021, eq. 6.
Shapes: B pictures, A anchors, G marked faces, P anchors that were given a face.
"""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

CENTRE_RADIUS_STRIDES = 2.5
CANDIDATES_PER_FACE = 10


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of (N, 4) and (M, 4) -> (N, M)."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    both = (high - low).clamp(min=0).prod(-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).clamp(min=0).prod(-1) for x in (a, b))
    return both / (area_a[:, None] + area_b[None] - both + 1e-9)


@torch.no_grad()
def assign(logits: Tensor, boxes: Tensor, centres: Tensor, strides: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    """Which anchors answer for which face of one picture.

    logits (A), boxes (A, 4), centres (A, 2), strides (A), faces (G, 4) -> anchor indices (P) and face indices (P).
    Each face gets as many of its cheapest nearby anchors as the sum of its ten best overlaps says; an anchor wanted
    twice goes to the face for which it is cheaper.
    """
    if len(faces) == 0:
        none = torch.zeros(0, dtype=torch.long, device=logits.device)
        return none, none
    middle = (faces[:, :2] + faces[:, 2:]) / 2
    offset = (centres[:, None] - middle[None]).abs().amax(-1)
    near_AG = offset < CENTRE_RADIUS_STRIDES * strides[:, None]
    inside_AG = ((centres[:, None] > faces[None, :, :2]) & (centres[:, None] < faces[None, :, 2:])).all(-1)
    candidates = (near_AG | inside_AG).any(1).nonzero().squeeze(1)
    overlap = box_iou(boxes[candidates], faces)
    score = logits[candidates].sigmoid()[:, None]
    cost = -torch.log(score.clamp(min=1e-7)) - 3 * torch.log(overlap.clamp(min=1e-7))
    cost = cost + 1e5 * ~(near_AG & inside_AG)[candidates]
    top = overlap.topk(min(CANDIDATES_PER_FACE, len(candidates)), dim=0).values
    wanted = top.sum(0).int().clamp(min=1)
    order = cost.argsort(0)
    rank = torch.empty_like(order).scatter_(
        0, order, torch.arange(len(order), device=cost.device)[:, None].expand_as(order)
    )
    chosen = rank < wanted[None]
    cheapest = cost.masked_fill(~chosen, float("inf"))
    best = cheapest.min(1)
    taken = best.values.isfinite()
    return candidates[taken], best.indices[taken]


def eiou_loss(boxes: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    """Per-pair loss (P) and intersection over union (P) of boxes and faces, both (P, 4)."""
    low, high = torch.maximum(boxes[:, :2], faces[:, :2]), torch.minimum(boxes[:, 2:], faces[:, 2:])
    both = (high - low).clamp(min=0).prod(1)
    size, face_size = boxes[:, 2:] - boxes[:, :2], faces[:, 2:] - faces[:, :2]
    iou = both / (size.prod(1) + face_size.prod(1) - both + 1e-9)
    hull = torch.maximum(boxes[:, 2:], faces[:, 2:]) - torch.minimum(boxes[:, :2], faces[:, :2])
    shift = (boxes[:, :2] + boxes[:, 2:] - faces[:, :2] - faces[:, 2:]) / 2
    loss = 1 - iou + shift.square().sum(1) / (hull.square().sum(1) + 1e-9)
    loss = loss + ((size - face_size).square() / (hull.square() + 1e-9)).sum(1)
    return loss, iou


def detection_loss(
    logits: Tensor,
    boxes: Tensor,
    centres: Tensor,
    strides: Tensor,
    faces: list[Tensor],
    ignored: list[Tensor],
    *,
    box_weight: float = 2.0,
) -> dict[str, Tensor]:
    """Loss of a batch and its parts.

    logits (B, A), boxes (B, A, 4); per picture `faces` (G, 4) to be found and `ignored` (I, 4), regions where an
    answer is neither right nor wrong (faces too small or marked invalid). The score learns the overlap of its own box.
    """
    target = torch.zeros_like(logits)
    weight = torch.ones_like(logits)
    picked, wanted = [], []
    for b, (found, skip) in enumerate(zip(faces, ignored, strict=True)):
        if len(skip):
            covered = ((centres[:, None] > skip[None, :, :2]) & (centres[:, None] < skip[None, :, 2:])).all(-1).any(1)
            middle = (skip[:, :2] + skip[:, 2:]) / 2
            nearest = ((centres[:, None] - middle[None]).abs().amax(-1) < strides[:, None]).any(1)
            weight[b] = torch.where(covered | nearest, 0.0, weight[b])
        anchor, face = assign(logits[b], boxes[b], centres, strides, found)
        picked.append((torch.full_like(anchor, b), anchor))
        wanted.append(found[face])
    rows, columns = (torch.cat(i) for i in zip(*picked, strict=True))
    total = logits.new_zeros(())
    if len(rows):
        eiou, iou = eiou_loss(boxes[rows, columns], torch.cat(wanted))
        target[rows, columns] = iou.detach().clamp(0, 1)
        weight[rows, columns] = 1.0
        total = eiou.sum()
    count = max(len(rows), 1)
    focus = (target - logits.sigmoid()).abs().detach()
    score = (binary_cross_entropy_with_logits(logits, target, reduction="none") * weight * focus).sum() / count
    box = total / count
    return {"loss": score + box_weight * box, "score": score.detach(), "box": box.detach()}
