"""How many entries of w+ a drag may change: by how fine what they draw is, so that it means the same in every model."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from backend.engine.ways import feature

FEATURE_RESOLUTION = 64
"""F of our engines is the block of this resolution, whatever the picture's: patches cover the same part of a face."""

FEW = 12
"""So many handles are those of features, however much may move."""

LEAST, MOST = 3.5, 5.5
"""Up to which detail entries are free at strength 0 and 1, as a power of two: half of what a StyleGAN2 draws at 16 px,
and half of what it draws at 64 px."""


def asks_for_a_face(handles: int, mask: Tensor | None) -> bool:
    """Whether handles are too many to be those of features, and what may move (`mask` [H, W]; None: all) is a head."""
    return handles > FEW and (mask is None or feature(float(mask.mean())) == 0)


def free_entries(synthesis: Any, strength: float) -> int:
    """The number of entries of w+, counted from the coarsest, that a drag of `strength` (0 to 1) frees.

    A StyleGAN2 has two for each doubling of the resolution and frees 4 + 4·strength. Another model frees as many as
    draw equally coarse things, but none that F does not depend on.
    """
    octaves, counts = np.unique(np.log2(synthesis.entry_details()), return_counts=True)
    free = np.interp(LEAST + (MOST - LEAST) * strength, octaves, counts.cumsum())
    return min(max(1, round(float(free))), int(synthesis.entries_up_to(FEATURE_RESOLUTION)))
