"""Following handles with sub-pixel precision: where the patch around each handle is now, and how sure that is.

A handle is remembered as the Gaussian-weighted patch of the first feature map around it. It is found again by
Lucas-Kanade (Lucas and Kanade 1981, in the symmetric form of Benhimane and Malis 2004, "ESM": the gradient is the
mean of the remembered and the present one), started from where it is expected. It is always compared with the first
patch, so errors do not add up. In a flat part of the map a patch has no gradient to be found by: there a wider one is
taken, and what still cannot be seen stays where it was expected instead of running along the flat part.

Positions are crop space. Features are divided by their channel's deviation over the first map, so every channel
counts alike and a mean square difference of 2 is what unrelated patches have.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from backend.engine.points import Taps

SAMPLES = 5
"""Samples of a patch across."""

WINDOW = 1.2
"""Deviation of the patch's Gaussian weights, in samples."""

SPACINGS = (1.0, 2.0, 3.0)
"""Distances between samples to choose from, in cells of the map."""

ENOUGH_STRUCTURE = 0.1
"""The narrowest patch is taken whose gradient, in its weakest direction, has this part of the map's mean square."""

FLATNESS = 0.02
"""Part of the map's mean square gradient that regularises the search, so that flat patches stay."""

UNSURE = 0.2
"""The same for a patch that looks like any other: it is moved as expected rather than to what it happens to fit."""

ITERATIONS = 4
"""Lucas-Kanade iterations of one search."""

UNRELATED = 2.0
"""Mean square difference of unrelated patches."""

SEARCH_CELLS = 2.5
"""Half width of the window that is searched step by step when Lucas-Kanade finds nothing alike."""

SEARCH_ELEMENTS = 1 << 23
"""Feature values read at once by that search."""


@dataclass(frozen=True)
class Found:
    """Where the handles are.

    positions: [N, 2], crop space.
    confidence: [N], 1 where the patch looks as at first, 0 where it is as different as any other patch.
    """

    positions: Tensor
    confidence: Tensor


class Follower:
    """The patches of some handles.

    Args:
        features: first feature map [C, h, w], without gradient.
        handles: [N, 2], crop space.
        shape: height and width of the picture in px.
    """

    def __init__(self, features: Tensor, handles: Tensor, shape: tuple[int, int]) -> None:
        self._end = torch.tensor([shape[1], shape[0]]).to(handles)
        self._cells = (features.shape[1], features.shape[2])
        self._cell = shape[0] / features.shape[1]
        flat = features.flatten(1)
        deviation = flat.std(dim=1)
        self.scale = 1 / deviation.clamp(min=1e-3 * float(deviation.max()) + 1e-12)
        steps = torch.arange(SAMPLES, device=handles.device, dtype=handles.dtype) - SAMPLES // 2
        grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1).reshape(-1, 2)
        weights = torch.exp(-grid.square().sum(dim=1) / (2 * WINDOW**2))
        self._weights = weights / weights.sum()
        self._mean_gradient = self._gradient_of_map(features)
        self._offsets = self._chosen_offsets(features, handles, grid)
        self._patches, self._gradients = self._look(features, handles)

    def _gradient_of_map(self, features: Tensor) -> Tensor:
        """Mean square gradient of the normalised map, per direction and px, summed over channels."""
        normal = features * self.scale[:, None, None]
        across = (normal[:, :, 1:] - normal[:, :, :-1]).square().mean(dim=(1, 2)).sum()
        down = (normal[:, 1:] - normal[:, :-1]).square().mean(dim=(1, 2)).sum()
        return (across + down) / 2 / self._cell**2 + 1e-12

    def _chosen_offsets(self, features: Tensor, handles: Tensor, grid: Tensor) -> Tensor:
        """Offsets of the samples, [N, K, 2] px: of the narrowest patch with enough structure, else the widest."""
        chosen: Tensor | None = None
        for spacing in reversed(SPACINGS):
            offsets = (grid * spacing * self._cell).expand(len(handles), -1, -1)
            if chosen is None:
                chosen = offsets
                continue
            self._offsets = offsets
            _, gradients = self._look(features, handles)
            weakest = torch.linalg.eigvalsh(self._structure(gradients))[:, 0]
            enough = weakest >= ENOUGH_STRUCTURE * self._mean_gradient
            chosen = torch.where(enough[:, None, None], offsets, chosen)
        assert chosen is not None
        return chosen

    def _read(self, features: Tensor, positions: Tensor) -> Tensor:
        """Normalised values [..., C] at `positions` [..., 2]."""
        values = Taps.at(positions, self._cell, self._cells).read(features) * self.scale
        return values.reshape(*positions.shape[:-1], -1)

    def _look(self, features: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Patches [N, K, C] around `positions` and their gradients [N, K, C, 2] per px."""
        half = self._cell / 2
        nudges = torch.tensor([[0, 0], [half, 0], [-half, 0], [0, half], [0, -half]]).to(positions)
        samples = positions[:, None, None] + self._offsets[:, :, None] + nudges
        centre, right, left, below, above = self._read(features, samples).unbind(dim=2)
        gradients = torch.stack([right - left, below - above], dim=-1) / self._cell
        return centre, gradients

    def _structure(self, gradients: Tensor) -> Tensor:
        """Weighted sum of the gradients' outer products, [N, 2, 2]."""
        return torch.einsum("k,nkca,nkcb->nab", self._weights, gradients, gradients)

    def _regular(self, structure: Tensor) -> Tensor:
        return structure + FLATNESS * self._mean_gradient * torch.eye(2).to(structure)

    def _difference(self, patches: Tensor) -> Tensor:
        """Mean square difference to the first patches, [..., N], of `patches` [..., N, K, C]."""
        squared = (patches - self._patches).square().mean(dim=-1)
        return (squared * self._weights).sum(dim=-1)

    def find(self, features: Tensor, expected: Tensor, before: Tensor, reach: float) -> Found:
        """Where the handles are in `features` [C, h, w].

        expected: where they should be, [N, 2]. before: where they were, [N, 2], tried as well; the better end counts.
        reach: px; a handle is not looked for farther from where it is expected.
        """
        found, difference = self._better(features, expected, [expected, before], reach)
        unlike = difference > UNRELATED / 2
        if bool(unlike.any()):
            searched = self._searched(features, expected, reach)
            again, its_difference = self._better(features, expected, [found, searched], reach)
            found = torch.where(unlike[:, None], again, found)
            difference = torch.where(unlike, its_difference, difference)
        return Found(found, (1 - difference / UNRELATED).clamp(0, 1))

    def _better(
        self, features: Tensor, expected: Tensor, starts: list[Tensor], reach: float
    ) -> tuple[Tensor, Tensor]:
        """The better end of searches from `starts`, and its difference to the first patch."""
        ends = torch.stack([self._refined(features, start, expected, reach) for start in starts])
        differences = self._difference(self._read(features, ends[:, :, None] + self._offsets))
        away = (ends - expected).square().sum(dim=2)
        channels = features.shape[0]
        costs = differences + self._pull_to_expected(differences) * away / channels
        which = costs.argmin(dim=0)
        index = which[None, :, None].expand(1, -1, 2)
        return ends.gather(0, index)[0], differences.gather(0, which[None])[0]

    def _pull_to_expected(self, difference: Tensor) -> Tensor:
        """How stiffly a handle is held where it is expected: the more, the less it looks as at first."""
        return self._mean_gradient * (FLATNESS + UNSURE * difference / UNRELATED)

    def _refined(self, features: Tensor, start: Tensor, expected: Tensor, reach: float) -> Tensor:
        positions = start
        for _ in range(ITERATIONS):
            patches, gradients = self._look(features, positions)
            both = (gradients + self._gradients) / 2
            error = torch.einsum("k,nkca,nkc->na", self._weights, both, self._patches - patches)
            stiffness = self._pull_to_expected(self._difference(patches))[:, None]
            structure = self._structure(both) + stiffness[..., None] * torch.eye(2).to(positions)
            move = torch.linalg.solve(structure, error + stiffness * (expected - positions))
            positions = positions + limited(move, self._cell)
            positions = self._in_picture(expected + limited(positions - expected, reach))
        return positions

    def _in_picture(self, positions: Tensor) -> Tensor:
        return torch.minimum(positions.clamp(min=0), self._end)

    def _searched(self, features: Tensor, centre: Tensor, reach: float) -> Tensor:
        """The best place of a grid around `centre`, half a cell apart."""
        half = min(SEARCH_CELLS * self._cell, reach)
        steps = torch.arange(-half, half + 1e-6, self._cell / 2, device=centre.device, dtype=centre.dtype)
        grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1).reshape(-1, 1, 2)
        places = self._in_picture(centre + grid)
        count, channels = self._patches.shape[0] * self._patches.shape[1], features.shape[0]
        piece = max(1, SEARCH_ELEMENTS // (4 * count * channels))
        differences = [
            self._difference(self._read(features, part[:, :, None] + self._offsets))
            for part in places.split(piece)
        ]
        which = torch.cat(differences).argmin(dim=0)
        return places.gather(0, which[None, :, None].expand(1, -1, 2))[0]

    def look_again(self, features: Tensor, positions: Tensor, part: float) -> None:
        """Lets the remembered patches become by `part` of the way what `features` [C, h, w] show at `positions`."""
        patches, gradients = self._look(features, positions)
        self._patches = torch.lerp(self._patches, patches, part)
        self._gradients = torch.lerp(self._gradients, gradients, part)

    def motion_maps(self, features: Tensor, positions: Tensor, rows: Tensor) -> Tensor:
        """How a change of the map moves the handles: maps [R, C, h, w] whose product with the change is px.

        rows: [R], numbers 2·point + (0 for x, 1 for y).
        """
        chosen = self._motions(features, positions).flatten(0, 1)[rows]
        return self._spread(chosen, (positions[:, None] + self._offsets)[rows // 2])

    def motion_sums(self, features: Tensor, positions: Tensor, shares: Tensor) -> Tensor:
        """The same for sums over the handles: maps [R, C, h, w]; the motion of each counts with `shares` [R, N, 2]."""
        values = torch.einsum("rna,nakc->rnkc", shares, self._motions(features, positions))
        places = (positions[:, None] + self._offsets).expand(len(shares), -1, -1, -1)
        return self._spread(values.flatten(1, 2), places.flatten(1, 2))

    def _motions(self, features: Tensor, positions: Tensor) -> Tensor:
        """What a change of each sample's values moves each handle by, [N, 2, K, C] px."""
        _, gradients = self._look(features, positions)
        both = (gradients + self._gradients) / 2
        inverse = torch.linalg.inv(self._regular(self._structure(both)))
        # The patch has moved by d when the map at its old place changes by −gradient·d.
        return -torch.einsum("nab,k,nkcb->nakc", inverse, self._weights, both) * self.scale

    def _spread(self, values: Tensor, places: Tensor) -> Tensor:
        """Maps [R, C, h, w], each of its own row of `values` [R, P, C] at `places` [R, P, 2]."""
        taps = Taps.at(places, self._cell, self._cells)
        group = torch.arange(len(values), device=values.device).repeat_interleave(places.shape[1])
        return taps.spread(values.flatten(0, 1), group, len(values))


def limited(vectors: Tensor, longest: float) -> Tensor:
    """`vectors` [N, 2], those longer than `longest` shortened to it."""
    length = torch.linalg.norm(vectors, dim=-1, keepdim=True).clamp(min=1e-12)
    return vectors * (longest / length).clamp(max=1)
