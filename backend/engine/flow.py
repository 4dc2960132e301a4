"""Dense motion between two pictures of the model, so that an edit can be carried as a warp of the artist's pixels.

The estimate searches displacements exhaustively and smooths them in turn, the two coupled more and more tightly
(Steinbrücker, Pock and Cremers, "Large displacement optical flow computation without warping", ICCV 2009): thin lines
that jump by many times their width are found, which coarse-to-fine gradient methods lose. A second, finer round
follows at twice the size, then a few gradient steps (Lucas and Kanade, IJCAI 1981) for fractions of a px, and a plane
is fitted around each place, so that strokes bend evenly. Smoothing weighs places by how much structure they have, so
flat skin follows its lines.

Convention: a backward flow. after(x) ≈ before(x + flow(x)), flow [2, H, W] as (x, y) in px of the model's picture. The
size of a picture, where one number says it, is its longer side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

WORKING_SIZE = 128
"""Pictures larger than this are shrunk to it for the search; the flow is scaled back."""

COARSE_REACH = 9
"""Largest displacement searched, in px of the coarse level (half the working size): 14 % of the picture's side."""

CHANGE_LOW, CHANGE_HIGH = 2.5 / 255, 8.0 / 255
"""Differences below the first are rounding and drift that nobody sees; above the second they are an edit."""

ROUNDS = 8
GRADIENT_WEIGHT = 3.0
COST_LIMIT = 0.35
STRUCTURE_FLOOR = 0.02
REFINEMENTS = 10
WORSE = (0.04, 0.1)
"""By how much a motion explains the lines worse than none, when it counts still, and when it does not any more."""

SHIFTS_AT_ONCE = 16
DAMPING = 2e-4
SMOOTH = 3.0
"""How far the motion is made even at last, in px of the working size."""

RIDGE = 0.05
"""Of slopes, as a part of the square of that."""

SLACK = 0.2
"""What may be left of a line, as a part of its strength, when it counts as moved: about a fifth of a px."""


@dataclass(frozen=True)
class Motion:
    """What the flow says at the model's resolution.

    flow: [2, H, W], px of the model's picture, backward; exactly zero where nothing changed.
    change: [H, W], 0 where the pictures are the same, 1 where they differ visibly, soft between.
    confidence: [H, W], 1 where the warped before explains the after's lines, 0 where something else appeared.
    past: [H, W], px past the edge of what covers and does not move the picture there; None when nothing covers.
    """

    flow: Tensor
    exact: Tensor
    change: Tensor
    confidence: Tensor
    past: Tensor | None = None


def estimate_motion(before: Tensor, after: Tensor) -> Motion:
    """The motion from `before` to `after`, both [3, H, W] in [0, 1]."""
    size = size_of(before)
    change = change_map(before, after)
    if not bool(change.any()):
        zero = torch.zeros_like(change)
        still = torch.stack([zero, zero])
        return Motion(still, still, zero, torch.ones_like(change))
    working = min(size, WORKING_SIZE)
    first, second = (_resized(image, sides_at(image, working)) for image in (before, after))
    found = _search(first, second)
    # Lines bend with what lies around them: what differs between neighbouring places is error far more often than
    # motion, and shows as waves in an even stroke.
    even = _evened(found, _structure(_descriptor(second)))
    exact, flow = (_resized(some, before.shape[-2:]) * (size / working) for some in (found, even))
    # It dies away instead of being cut off, so that lines bend and do not break.
    exact, flow = exact * change, flow * change
    exact, flow = exact * _needed(before, after, exact), flow * _needed(before, after, flow)
    return Motion(flow, exact, change, _confidence(before, after, exact))


def change_map(before: Tensor, after: Tensor) -> Tensor:
    """How visibly `after` differs from `before` (both [3, H, W] in [0, 1]): [H, W], 0 to 1, exactly 0 elsewhere."""
    size = size_of(before)
    difference = (after - before).abs().amax(dim=0)
    smooth = blur(difference[None], size / 128)[0]
    return spread(smoothstep(torch.maximum(smooth, difference * 0.5), CHANGE_LOW, CHANGE_HIGH), size / 128)


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """`image` [C, H, W] read at x + flow(x), flow [2, H, W] in px; border pixels are repeated.

    Many at once when both have a first dimension more.
    """
    if image.ndim == 3:
        return warp(image[None], flow[None])[0]
    height, width = image.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(height, device=image.device, dtype=image.dtype),
        torch.arange(width, device=image.device, dtype=image.dtype),
        indexing="ij",
    )
    grid = torch.stack(
        [(x + flow[:, 0] + 0.5) * (2 / width) - 1, (y + flow[:, 1] + 0.5) * (2 / height) - 1], dim=-1
    )
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)


def blur(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of `image` [C, H, W]; the border is mirrored, or repeated where the picture is too small."""
    radius = max(1, int(3 * sigma + 0.5))
    positions = torch.arange(-radius, radius + 1, device=image.device, dtype=image.dtype)
    kernel = torch.exp(-0.5 * (positions / max(sigma, 1e-3)) ** 2)
    kernel = (kernel / kernel.sum()).reshape(1, 1, 1, -1)
    planes = image[:, None]
    planes = F.conv2d(F.pad(planes, (radius, radius, 0, 0), mode="replicate"), kernel)
    planes = F.conv2d(F.pad(planes, (0, 0, radius, radius), mode="replicate"), kernel.transpose(2, 3))
    return planes[:, 0]


def _search(before: Tensor, after: Tensor) -> Tensor:
    """Backward flow between pictures of the working size: a wide search at half of it, then a narrow one."""
    size = size_of(before)
    half = max(8, size // 2)
    coarse_before, coarse_after = (
        _descriptor(_resized(image, sides_at(image, half))) for image in (before, after)
    )
    reach = max(1, min(COARSE_REACH, half // 7))
    flow = torch.zeros_like(coarse_before[:2])
    flow = _coupled_search(coarse_before, coarse_after, flow, _shifts(reach, 1.0, before), coupling=0.0015)
    flow = _resized(flow, before.shape[-2:]) * (size / half)
    fine_before, fine_after = _descriptor(before), _descriptor(after)
    flow = _coupled_search(fine_before, fine_after, flow, _shifts(4, 0.5, before), coupling=0.006)
    flow = _coupled_search(fine_before, fine_after, flow, _shifts(3, 0.25, before), coupling=0.02)
    return _refine(before, after, flow)


def _descriptor(image: Tensor) -> Tensor:
    """Colours and the gradients of their mean [5, H, W]: gradients still match where an edit changes the light."""
    x, y = _gradients(image.mean(dim=0, keepdim=True))
    return torch.cat([image, GRADIENT_WEIGHT * x, GRADIENT_WEIGHT * y])


def _shifts(reach: int, spacing: float, like: Tensor) -> Tensor:
    """Displacements (x, y) [S, 2] on a square grid, nearest to zero first so that ties choose the least motion."""
    steps = torch.arange(-reach, reach + 1, device=like.device, dtype=like.dtype) * spacing
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    shifts = torch.stack([x.reshape(-1), y.reshape(-1)], dim=1)
    return shifts[shifts.norm(dim=1).argsort(stable=True)]


def _coupled_search(before: Tensor, after: Tensor, start: Tensor, shifts: Tensor, coupling: float) -> Tensor:
    """Flow near `start` that matches `after` with `before` (descriptors) and is smooth.

    `coupling` is the cost of one px² between the match and the smooth flow in the last round; it grows towards it.
    """
    costs = []
    for some in shifts.split(SHIFTS_AT_ONCE):
        moved = warp(before.expand(len(some), *before.shape), start + some[:, :, None, None])
        costs.append(moved.sub_(after).abs_().mean(dim=1).clamp_(max=COST_LIMIT))
    volume = _box_blur(torch.cat(costs))
    structure = _structure(after)
    lengths = shifts.square().sum(dim=1)
    offset = torch.zeros_like(start)
    smooth = start
    cost = torch.empty_like(volume)
    for round_number in range(ROUNDS):
        strength = coupling * ((round_number + 1) / ROUNDS) ** 2
        gap = start - smooth  # |gap + shift|² without the term that is the same for all shifts
        torch.mm(2 * shifts, gap.flatten(1), out=cost.view(len(shifts), -1)).add_(lengths[:, None])
        torch.add(volume, cost, alpha=strength, out=cost)
        best = cost.min(dim=0).indices  # like argmin, in half the time
        offset = shifts[best].permute(2, 0, 1)
        sigma = 2.0 - 1.2 * round_number / ROUNDS
        weight = structure + STRUCTURE_FLOOR
        smooth = blur((start + offset) * weight, sigma) / blur(weight[None], sigma)
    return smooth


def _refine(before: Tensor, after: Tensor, flow: Tensor) -> Tensor:
    """`flow` corrected by damped least squares on the gradients around each place, half a px a round at most."""
    structure = _structure(_descriptor(after))
    for _ in range(REFINEMENTS):
        moved = warp(before, flow)
        x, y = _gradients(moved)
        difference = after - moved
        difference = difference - blur(difference, 4.0)  # light changes are not motion
        products = [(x * x), (x * y), (y * y), (x * difference), (y * difference)]
        xx, xy, yy, xd, yd = blur(torch.stack([product.mean(dim=0) for product in products]), 1.6)
        xx, yy = xx + DAMPING, yy + DAMPING
        step = torch.stack([yy * xd - xy * yd, xx * yd - xy * xd]) / (xx * yy - xy * xy)
        length = step.norm(dim=0).clamp(min=1e-6)
        flow = _smoothed(flow + step * (length.clamp(max=0.5) / length), structure, 0.7)
    return flow


def _smoothed(flow: Tensor, structure: Tensor, sigma: float) -> Tensor:
    """`flow` blurred, each place counting by its structure [H, W]."""
    weight = structure + STRUCTURE_FLOOR**2
    return blur(flow * weight, sigma) / blur(weight[None], sigma)


def _evened(flow: Tensor, structure: Tensor) -> Tensor:
    """`flow` [2, H, W] as the plane that fits it best around each place, its surroundings counting by their structure.

    A plane, not a mean: the corners of a mouth that is bent move farther than all that lies around them. Across a
    lone line, where nothing tells a slope, there is none (ridge regression).
    """
    weight = structure + STRUCTURE_FLOOR**2
    y, x = torch.meshgrid(
        torch.arange(flow.shape[1], device=flow.device, dtype=flow.dtype),
        torch.arange(flow.shape[2], device=flow.device, dtype=flow.dtype),
        indexing="ij",
    )
    powers = torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y])
    total, mx, my, mxx, mxy, myy = blur(weight * powers, SMOOTH)
    fu, fv, fux, fvx, fuy, fvy = blur(weight * torch.cat([flow, flow * x, flow * y]), SMOOTH)
    mx, my = mx / total, my / total
    ridge = RIDGE * SMOOTH**2
    xx, xy, yy = mxx / total - mx * mx + ridge, mxy / total - mx * my, myy / total - my * my + ridge
    determinant = xx * yy - xy * xy
    fitted = []
    for mean, along, down in ((fu, fux, fuy), (fv, fvx, fvy)):
        mean, along, down = mean / total, along / total, down / total
        along, down = along - mx * mean, down - my * mean
        slope_x = (yy * along - xy * down) / determinant
        slope_y = (xx * down - xy * along) / determinant
        fitted.append(mean + slope_x * (x - mx) + slope_y * (y - my))
    return torch.stack(fitted)


def _gradients(image: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences of `image` [C, H, W] along x and y, per px."""
    padded = F.pad(image[None], (1, 1, 1, 1), mode="replicate")[0]
    return (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2, (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2


def _box_blur(planes: Tensor) -> Tensor:
    """A cheap blur of about one px for many planes [S, H, W]."""
    # With the planes innermost many are averaged in one instruction: the same values in a fifth of the time.
    many = planes[None].contiguous(memory_format=torch.channels_last)
    for _ in range(2):
        many = F.avg_pool2d(many, 3, stride=1, padding=1, count_include_pad=False)
    return many[0].contiguous()


def _structure(descriptor: Tensor) -> Tensor:
    """How much there is to match at each place [H, W]: the strength of the gradients around it."""
    return blur(descriptor[3:].square().sum(dim=0).sqrt()[None], 1.0)[0]


def _needed(before: Tensor, after: Tensor, flow: Tensor) -> Tensor:
    """1 [H, W] where the flow explains the lines of `after`, falling to 0 where they had better stay as they were.

    Smoothing carries the motion of a mouth on to the nose above it, which has not moved.
    """
    still, moved = line_strength(after - before), line_strength(after - warp(before, flow))
    size = size_of(before)
    lines = line_strength(after)
    stayed = 1 - smoothstep(still / lines.clamp(min=0.1), 0.2, 0.4)
    worse = spread(smoothstep(moved - still, *WORSE) * stayed, size / 64)
    return 1 - smoothstep(worse, 0.1, 0.7)  # whole or not at all: half a motion puts a line beside its place


def _confidence(before: Tensor, after: Tensor, flow: Tensor) -> Tensor:
    """1 where the warped `before` has the lines of `after`, falling to 0 where it has others.

    Only fine structure counts: a change of light or of a flat colour leaves the lines, and so the confidence, alone.
    Where both have a line, what is left because one lies a fraction of a px beside the other does not count.
    """
    moved = warp(before, flow)
    left = line_strength(after - moved)
    both = torch.minimum(line_strength(after), line_strength(moved))
    return 1 - smoothstep(left - SLACK * both, 0.03, 0.09)


def line_strength(image: Tensor) -> Tensor:
    """How strong the fine structure of `image` [C, H, W] is around each place [H, W]; smooth shades count as none."""
    size = size_of(image)
    fine = (image - blur(image, size / 24)).abs().amax(dim=0)
    return blur(fine[None], size / 140)[0]


def spread(plane: Tensor, radius: float) -> Tensor:
    """`plane` [H, W] in [0, 1] widened by about `radius` px with a soft edge; zero stays zero beyond that."""
    reach = max(1, round(radius))
    wide = widest(plane[None], reach)
    return torch.maximum(blur(wide, max(0.5, reach / 2))[0].clamp(0, 1), plane)


def widest(planes: Tensor, reach: int) -> Tensor:
    """The largest value of `planes` [C, H, W] within `reach` px along both axes."""
    # Along one axis after the other: the same values for far fewer comparisons.
    for kernel, padding in (((1, 2 * reach + 1), (0, reach)), ((2 * reach + 1, 1), (reach, 0))):
        planes = F.max_pool2d(planes[None], kernel, stride=1, padding=padding)[0]
    return planes


def smoothstep(values: Tensor, low: float, high: float) -> Tensor:
    """0 below `low`, 1 above `high`, a smooth rise between."""
    part = ((values - low) / (high - low)).clamp(0, 1)
    return part * part * (3 - 2 * part)


def size_of(image: Tensor) -> int:
    """The longer side of `image` [C, H, W]."""
    return max(image.shape[-2:])


def sides_at(image: Tensor, size: int) -> list[int]:
    """Height and width of `image` [C, H, W] when its longer side is `size`."""
    return [max(1, round(side * size / size_of(image))) for side in image.shape[-2:]]


def _resized(image: Tensor, sides: Sequence[int]) -> Tensor:
    if list(image.shape[-2:]) == list(sides):
        return image
    return F.interpolate(image[None], list(sides), mode="bilinear", align_corners=False, antialias=True)[0]
