"""Set before anything loads torch."""

from __future__ import annotations

import os

# Threads that spin for each other make a test twenty times slower as soon as another process needs the core.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
