"""mouth"""

from .table import Factor

FACTORS: dict[str, Factor] = {}
