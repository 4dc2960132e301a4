#!/usr/bin/env python3
"""Sets up Pullface: ``python3 install.py demo``. Standard library only; see ``--help``.

This file is kept readable for old Pythons, so that they can say what is wrong: no newer syntax here. The work is
done by ``installer/``.
"""

import sys

if sys.version_info < (3, 10):
    sys.exit(
        "Pullface needs Python 3.10 or later; this is Python %d.%d.\n"
        "Install a newer one and run this with it, for example: python3.12 install.py demo"
        % sys.version_info[:2]
    )

if __name__ == "__main__":
    from installer.main import main

    sys.exit(main())
