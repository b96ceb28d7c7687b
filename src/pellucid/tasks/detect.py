"""What is where? A box around each thing, and what it is.

The network looks at a picture from many places (`tasks/boxes.py: places`). At each it says how far
the edges of a box around that place are, and how sure it is of each class. Two ways of teaching:

    heat map   the middle of every thing is a hill, one stride-4 map; steady with few pictures
               (CenterNet, Zhou et al. 2019; boxes from the hill's surroundings: TTFNet, Liu et
               al. 2020)
    pyramid    places on three maps compete for a thing by sureness and fit together, and learn to
               be as sure as they fit (TOOD, Feng et al. 2021; as YOLOX and its successors)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.tasks.boxes import overlaps, paired_overlap, places, suppress
from pellucid.tasks.task import Objective, wide

Family = Literal["heat map", "pyramid"]

STRIDES: dict[str, tuple[int, ...]] = {"heat map": (4,), "pyramid": (8, 16, 32)}
NOTHING, IGNORED = -1, -2
"""Labels of empty rows of a target, and of boxes that are neither learned nor counted as wrong."""
MOST = 100
"""Boxes in an answer, as COCO counts."""
CANDIDATES = 300
SAME_THING = 0.6
"""Overlap from which on the less sure of two boxes of one class is dropped."""
BOX_WEIGHT: dict[str, float] = {"heat map": 2.5, "pyramid": 2.0}
HILL = 0.9
"""A hill's width as a share of the box (TTFNet: .54)."""
SMALLEST = 2.0
"""Pixels a side; what is left of a box after cropping is not learned if it is thinner."""
LEAST_LEFT = 0.4
"""Share of a box that must be left after cropping for it to be learned."""
TOP, CENTER = 10, 2.5
"""Places that may learn one thing, and how many strides from its middle they may be."""


@dataclass(frozen=True)
class Changes:
    """Random changes of pictures with their boxes. mirror: left and right mean the same. zoom:
    smallest and largest factor. bright: change of brightness and contrast, as a share."""

    mirror: bool = True
    # Measured on 80 validation pictures of generated shapes, 240 to learn from, 20 passes over
    # them, width 32, 1 seed, mAP and AP50: zoomed by .7 to 1.4 and brighter by .25 .562, .765; by
    # .85 to 1.2 and .15 .647, .864; with the further layers of `network/detector.py` .629, .824
    # and .773, .964.
    zoom: tuple[float, float] = (0.85, 1.2)
    bright: float = 0.15


class Detect(Objective):
    """Boxes in pictures `(batch, height, width, channels)`.

    Output `(batch, places, 4 + classes)`: pixels from the place to the left, top, right and lower
    edge, and a logit for each class. Target float32 `(batch, rows, 5)`: class (or `NOTHING`,
    `IGNORED`), left, top, right, bottom.

    Args:
        height, width: Of the pictures that the network sees, pixels.
        usual: Mean number of boxes in a training picture; the loss is a sum over boxes by it.
    """

    kind: ClassVar[str] = "detect"
    at_once: ClassVar[int] = 16

    def __init__(
        self,
        height: int,
        width: int,
        classes: int,
        family: Family,
        usual: float = 1.0,
        changes: Changes | None = None,
    ) -> None:
        self.height, self.width, self.classes = height, width, classes
        self.family, self.usual = family, max(usual, 1.0)
        self.changes = Changes() if changes is None else changes
        self.outputs = 4 + classes

    def places(self, device: torch.device) -> Tensor:
        """`(places, 3)`: x, y and stride of each."""
        return places(self.height, self.width, STRIDES[self.family], device)

    # --- how wrong? ---------------------------------------------------------------------------

    def loss(self, output: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
        """Sum over the places of a picture of how wrong the classes and boxes are, by the usual
        number of boxes in a picture: `(batch,)`."""
        output = wide(output)
        where = self.places(output.device)
        boxes, logits = around(where, output[..., :4]), output[..., 4:]
        ignored = _ignored(where, target)
        if self.family == "heat map":
            classes, frames = heat_map_loss(where, boxes, logits, target, ignored)
        else:
            classes, frames = pyramid_loss(where, boxes, logits, target, ignored)
        return (classes + BOX_WEIGHT[self.family] * frames) / self.usual

    # --- random changes -----------------------------------------------------------------------

    def vary(self, inputs: dict[str, Tensor], target: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Mirror, zoom and shift, brighten: each picture by its own draw, its boxes with it."""
        ((group, pictures),) = inputs.items()
        count, device = len(pictures), pictures.device
        low, high = (math.log(edge) for edge in self.changes.zoom)
        zoom = torch.exp(low + (high - low) * torch.rand(count))
        flip = torch.where(torch.rand(count) < 0.5 * self.changes.mirror, -1.0, 1.0)
        # Zoomed in, any part of the picture may be shown; zoomed out, it may lie anywhere.
        shift = (2 * torch.rand(count, 2) - 1) * (1 - 1 / zoom).abs()[:, None]
        light = 1 + self.changes.bright * (2 * torch.rand(count, 2) - 1)
        zoom, flip, shift, light = (one.to(device) for one in (zoom, flip, shift, light))
        changed = _resampled(pictures, zoom, flip, shift)
        middle = changed.mean((1, 2, 3), keepdim=True)
        changed = (changed - middle) * light[:, :1, None, None] + middle * light[:, 1:, None, None]
        return {group: changed.clamp(0, 255)}, self._moved(target, zoom, flip, shift)

    def _moved(self, target: Tensor, zoom: Tensor, flip: Tensor, shift: Tensor) -> Tensor:
        """Boxes where their things are after the picture changed; what is mostly outside is
        ignored."""
        size = torch.tensor([self.width, self.height], device=target.device, dtype=target.dtype)
        scale = torch.stack([zoom * flip, zoom], -1)[:, None]  # (batch, 1, 2)
        corners = target[..., 1:].unflatten(-1, (2, 2))  # (batch, rows, corner, x or y)
        # A point p of the old picture, from -1 to 1, is at (p - shift) * scale of the new one.
        old = 2 * corners / size - 1
        new = ((old - shift[:, None, None]) * scale[:, None] + 1) / 2 * size
        low, high = new.amin(-2), new.amax(-2)
        whole = (high - low).prod(-1)
        zero = torch.zeros_like(size)
        low, high = low.clamp(min=zero, max=size), high.clamp(min=zero, max=size)
        left = (high - low).prod(-1) / whole.clamp(min=1e-6)
        lost = (left < LEAST_LEFT) | ((high - low).amin(-1) < SMALLEST)
        label = target[..., 0]
        label = torch.where(lost & (label != NOTHING), torch.full_like(label, IGNORED), label)
        return torch.cat([label[..., None], low, high], -1)

    # --- answers ------------------------------------------------------------------------------

    def kept(self, output: Tensor, target: Tensor) -> Tensor:
        """The answer itself; what every place says would be much."""
        return self.decode(output)

    def decode(self, output: Tensor) -> Tensor:
        """Output -> boxes, surest first: `(batch, MOST, 6)` class, sureness, left, top, right,
        bottom; sureness 0 where there is none."""
        output = wide(output)
        where = self.places(output.device)
        boxes, sure = around(where, output[..., :4]), output[..., 4:].sigmoid()
        if self.family == "heat map":
            sure = sure * self._peaks(sure)
        best, which = sure.flatten(1).topk(min(CANDIDATES, sure[0].numel()), dim=1)
        labels, place = which % self.classes, which // self.classes
        chosen = boxes.gather(1, place[..., None].expand(-1, -1, 4))
        edge = torch.tensor([self.width, self.height] * 2, device=output.device)
        chosen = chosen.clamp(min=0).minimum(edge)
        best = best * suppress(chosen, labels, best, SAME_THING)
        order = best.sort(dim=1, descending=True, stable=True).indices[:, :MOST]
        found = torch.cat([labels[..., None].float(), best[..., None], chosen], -1)
        found = found.gather(1, order[..., None].expand(-1, -1, 6))
        return F.pad(found, (0, 0, 0, MOST - found.shape[1]))

    def _peaks(self, sure: Tensor) -> Tensor:
        """Where a class is surer than at the 8 places around: bool, the shape of `sure`."""
        maps = sure.unflatten(1, (self.height // 4, self.width // 4)).permute(0, 3, 1, 2)
        peaks = F.max_pool2d(maps, 3, stride=1, padding=1) == maps
        return peaks.permute(0, 2, 3, 1).flatten(1, 2)


def around(where: Tensor, edges: Tensor) -> Tensor:
    """Distances to the left, top, right and lower edge `(..., places, 4)` -> boxes."""
    middle = where[:, :2]
    return torch.cat([middle - edges[..., :2], middle + edges[..., 2:]], -1)


def _ignored(where: Tensor, target: Tensor) -> Tensor:
    """bool `(batch, places)`: within a box that is neither right nor wrong."""
    inside = _inside(where, target[..., 1:]) & (target[..., 0] == IGNORED)[:, None]
    return inside.any(-1)


def _inside(where: Tensor, boxes: Tensor) -> Tensor:
    """bool `(batch, places, rows)`: the place lies in the box."""
    x, y = where[:, 0, None], where[:, 1, None]
    left, top, right, bottom = boxes[:, None].unbind(-1)
    return (x > left) & (x < right) & (y > top) & (y < bottom)


# --- heat map -----------------------------------------------------------------------------------


# Measured on 120 validation pictures of generated shapes, 280 to learn from, 240 steps of batch 16,
# width 32, 1 seed, mAP and AP50: CenterNet's penalty (alpha 2, beta 4) with hills of .54 and Muon
# .04: .397, .533; .08: .407, .557; AdamW .002: .201, .341. This loss with hills of .9 and Muon .04:
# .412, .605; with exponent 2 and hills of .54: .180, .315. The pyramid after 180: .149, .239.
def heat_map_loss(
    where: Tensor, boxes: Tensor, logits: Tensor, target: Tensor, ignored: Tensor
) -> tuple[Tensor, Tensor]:
    """How far sureness is from the hills (quality focal loss, Li et al. 2020, with exponent 1),
    and 1 - GIoU around their tops."""
    hills = hills_of(where, target)  # (batch, places, rows)
    # The highest hill of each class at each place; those of no class are 0 everywhere.
    label = target[..., 0].clamp(min=0).long()[:, None].expand_as(hills)
    heat = torch.zeros_like(logits).scatter_reduce(2, label, hills, "amax")
    # What is nearly known already counts little: almost everywhere is nothing.
    off = (heat - logits.detach().sigmoid()).abs()
    each = off * F.binary_cross_entropy_with_logits(logits, heat, reduction="none")
    each = torch.where(ignored[..., None] & (heat == 0), 0.0, each)
    height, owner = hills.max(-1)
    learns = torch.where(height > math.exp(-2), height, 0.0)  # within two widths of the top
    mine = target[..., 1:].gather(1, owner[..., None].expand(-1, -1, 4))
    _, fit = paired_overlap(boxes, mine)
    # Every thing counts the same, however many places it has.
    own = torch.zeros_like(hills[:, 0]).scatter_add(1, owner, learns)
    share = learns / own.gather(1, owner).clamp(min=1e-6)
    return each.sum((1, 2)), (share * (1 - fit)).sum(1)


def hills_of(where: Tensor, target: Tensor) -> Tensor:
    """`(batch, places, rows)`: how near each place is to the middle of each box, 1 at exactly the
    nearest place, falling as a Gaussian of the box's width and height; 0 of what is no thing."""
    labels, boxes = target[..., 0], target[..., 1:]
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    spread = ((boxes[..., 2:] - boxes[..., :2]) * HILL / 6).clamp(min=1.0)  # (batch, rows, 2)
    # Measured from the nearest place, so that every thing has one place of height 1.
    stride = where[0, 2]
    last = where[-1, :2]
    nearest = ((middle / stride).floor() + 0.5) * stride
    nearest = nearest.clamp(min=stride / 2).minimum(last)
    apart = (where[None, :, None, :2] - nearest[:, None]) / spread[:, None]
    hills = torch.exp(-apart.square().sum(-1) / 2)
    return hills * (labels >= 0)[:, None]


# --- pyramid ------------------------------------------------------------------------------------


def pyramid_loss(
    where: Tensor, boxes: Tensor, logits: Tensor, target: Tensor, ignored: Tensor
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of being as sure as the box fits, and 1 - GIoU where a thing is learned."""
    owner, quality = assigned(where, boxes.detach(), logits.detach().sigmoid(), target)
    learns = quality > 0
    label = target[..., 0].clamp(min=0).long().gather(1, owner)
    wanted = F.one_hot(label, logits.shape[-1]) * quality[..., None]
    each = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    # Where nothing is to be found, sure places count more than those that know (varifocal).
    each = each * torch.where(wanted > 0, 1.0, logits.detach().sigmoid() ** 2)
    each = each * (learns | ~ignored)[..., None]
    mine = target[..., 1:].gather(1, owner[..., None].expand(-1, -1, 4))
    _, fit = paired_overlap(boxes, mine)
    return each.sum((1, 2)), (quality * (1 - fit)).sum(1)


def assigned(where: Tensor, boxes: Tensor, sure: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Which thing each place learns, int64 `(batch, places)`, and how sure of it it should be,
    `(batch, places)`, 0 where it learns none (task alignment: sureness x fit^6)."""
    labels, things = target[..., 0], target[..., 1:]
    there = (labels >= 0)[:, None]
    fit = overlaps(boxes, things)  # (batch, places, rows)
    index = labels.clamp(min=0).long()[:, None].expand(-1, len(where), -1)
    aligned = sure.gather(2, index) * fit**6
    middle = (things[..., :2] + things[..., 2:])[:, None] / 2
    near = ((where[None, :, None, :2] - middle).abs() < CENTER * where[None, :, None, 2:]).all(-1)
    # A place is a candidate inside a thing and near its middle; a thing smaller than the grid
    # takes the places nearest to it.
    candidate = _inside(where, things) & near & there
    distance = (where[None, :, None, :2] - middle).square().sum(-1)
    nearest = distance <= distance.amin(1, keepdim=True)
    candidate = torch.where(candidate.any(1, keepdim=True), candidate, nearest & there)
    rank = torch.where(candidate, aligned + 1e-9 / (1 + distance), -1.0)
    least = rank.topk(min(TOP, len(where)), dim=1).values[:, -1:]
    chosen = candidate & (rank >= least)
    # A place between several things learns the one that its box fits best.
    owner = torch.where(chosen, fit, -1.0).argmax(-1)
    mine = F.one_hot(owner, things.shape[1]).bool() & chosen
    best_fit = (fit * mine).amax(1, keepdim=True)
    best_aligned = (aligned * mine).amax(1, keepdim=True).clamp(min=1e-9)
    quality = torch.where(mine, aligned / best_aligned * best_fit, 0.0).sum(-1)
    # Before anything fits, its candidates learn a little all the same.
    return owner, torch.where(mine.any(-1), quality.clamp(min=0.05, max=1.0), 0.0)


# --- pictures -----------------------------------------------------------------------------------


def _resampled(pictures: Tensor, zoom: Tensor, flip: Tensor, shift: Tensor) -> Tensor:
    """Pictures `(batch, height, width, channels)` zoomed, mirrored and shifted: float32."""
    whole = pictures.permute(0, 3, 1, 2).float()
    # Where in the old picture each new point comes from: p / scale + shift.
    matrix = torch.zeros(len(pictures), 2, 3, device=pictures.device)
    matrix[:, 0, 0], matrix[:, 1, 1] = 1 / (zoom * flip), 1 / zoom
    matrix[:, :, 2] = shift
    grid = F.affine_grid(matrix, list(whole.shape), align_corners=False)
    gray = 114.0  # as the border of a picture that does not fill its frame
    moved = F.grid_sample(whole - gray, grid, mode="bilinear", align_corners=False) + gray
    return moved.permute(0, 2, 3, 1)
