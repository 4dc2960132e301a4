"""Our inversion against published pivotal tuning: the same as ``pullface evaluate inversion``.

python -m benchmarks.inversion [--json] [--pictures N] [--pti-pictures N] [--folder DIR] [--run DIR]
"""

from __future__ import annotations

import sys

from backend.evaluation.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["inversion", *sys.argv[1:]]))
