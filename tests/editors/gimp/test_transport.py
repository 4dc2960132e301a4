"""A pull in a GIMP whose Python does not load pyzmq, as that of GIMP for Windows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.server.support import QUICK_INVERSION

from .driver import Gimp
from .places import GimpPlace

PORTRAIT = Path(__file__).resolve().parents[3] / "examples" / "portrait.png"
PATIENCE = 600.0

_PULL = """
_image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(arguments[0]))
_image.scale(240, 260)
_layer = _image.get_layers()[0]
_group, _distance, _note = pdb(
    "plug-in-pullface-drag", image=_image, drawables=[_layer], points="[[[111, 180], [107, 173]]]",
    crop="50,83,143", steps=2, options=arguments[1]
)
[_group.get_name(), len(_group.get_children()), _distance]
"""


def test_a_gimp_in_which_pyzmq_does_not_load(gimp_place: GimpPlace) -> None:
    """From the inversion to the group of layers by Python's own sockets alone."""
    gimp = Gimp(gimp_place)
    try:
        gimp.install()
        copies = list((gimp.profile.plugin / "vendor").glob("*/zmq"))
        assert copies
        for copy in copies:
            shutil.rmtree(copy)
        shutil.copy(PORTRAIT, gimp.home / "portrait.png")
        gimp.start()
        elsewhere = gimp.run("import importlib.util\nimportlib.util.find_spec('zmq') is not None")
        assert not elsewhere, "this GIMP's Python has a pyzmq of its own, so nothing is shown here"
        options = json.dumps({"inversion": QUICK_INVERSION})
        name, layers, distance = gimp.begin(_PULL, str(gimp.home / "portrait.png"), options).result(PATIENCE)
        assert name
        assert layers >= 1
        assert 0 <= distance < 8.1
    finally:
        gimp.close()
