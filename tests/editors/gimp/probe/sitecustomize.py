"""Python imports this at its start, since the driver puts its folder into PYTHONPATH: a probe for GIMP's plug-ins."""

import os
import sys

# GIMP starts plug-ins for other purposes, too: -query asks what they offer.
if os.environ.get("PULLFACE_PROBES") and "-run" in sys.orig_argv:
    import gimp_probe

    gimp_probe.begin(os.environ["PULLFACE_PROBES"], sys.orig_argv)
