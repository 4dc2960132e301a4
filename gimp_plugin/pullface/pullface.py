#!/usr/bin/env python3
"""The program that GIMP starts. It lies in the package that it hands over to."""

import os
import sys

_folder = os.path.dirname(os.path.realpath(__file__))
# Python has put the package's own folder on the path, where this file would pass for the package.
sys.path[:] = [place for place in sys.path if os.path.realpath(place or os.curdir) != _folder]
sys.path.append(os.path.dirname(_folder))

from pullface.plugin import run_plugin  # noqa: E402

run_plugin(sys.argv)
