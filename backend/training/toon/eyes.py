"""eyes"""

from .table import Factor

FACTORS: dict[str, Factor] = {
    "eye_x": Factor(0.108, 0.140),
    "eye_y": Factor(0.010, 0.065),
    "eye_height": Factor(0.026, 0.086),
}
