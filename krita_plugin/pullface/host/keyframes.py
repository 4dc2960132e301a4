"""Gives the layer of a .kra file empty keyframes. Knows no Krita.

Krita's Python interface cannot make keyframes. Its ``importAnimation`` can, but it reads one picture after the other
into the same document and crashes when a worker thread still looks at the one before (Krita 5.1.5: about once in
seventy frames). Opening a file with empty keyframes and painting into them is safe.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

_LIST = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE keyframes PUBLIC '-//KDE//DTD krita-keyframes 1.0//EN' 'http://www.calligra.org/DTD/krita-keyframes-1.0.dtd'>
<keyframes xmlns="http://www.calligra.org/DTD/krita-keyframes">
 <channel name="content">
{keyframes} </channel>
</keyframes>
"""

_KEYFRAME = """  <keyframe time="{time}" frame="{frame}" color-label="0">
   <offset type="point" x="0" y="0"/>
  </keyframe>
"""

_PAINT_LAYER = re.compile(r'<layer\b(?=[^>]*\bnodetype="paintlayer")[^>]*?\bfilename="(?P<name>[^"]+)"')


def add_empty_keyframes(still: Path, animated: Path, times: Sequence[int]) -> None:
    """Copies a file and makes its layer an animated one.

    Args:
        still: a .kra file that Krita has written, with one paint layer, which is empty.
        animated: the file to be made.
        times: of the frames, 0 or later; Krita always has one at 0, so that is added.

    Raises:
        ValueError: there is no paint layer in the file.
    """
    with zipfile.ZipFile(still) as source, zipfile.ZipFile(animated, "w") as target:
        document = source.read("maindoc.xml").decode()
        found = _PAINT_LAYER.search(document)
        if found is None:
            raise ValueError(f"no paint layer in {still}")
        layer = found["name"]
        (path,) = (name for name in source.namelist() if name.endswith(f"/layers/{layer}"))
        attributes = f'keyframes="{layer}.keyframes.xml" intimeline="1" '
        document = document[: found.start()] + re.sub(
            "^<layer ", f"<layer {attributes}", document[found.start() :]
        )
        for name in source.namelist():
            target.writestr(name, document if name == "maindoc.xml" else source.read(name))
        keyframes = ""
        for index, time in enumerate(sorted({0, *times})):
            suffix = f".f{index}" if index else ""
            keyframes += _KEYFRAME.format(time=time, frame=layer + suffix)
            if suffix:
                target.writestr(path + suffix, source.read(path))
                target.writestr(f"{path}{suffix}.defaultpixel", source.read(f"{path}.defaultpixel"))
        target.writestr(f"{path}.keyframes.xml", _LIST.format(keyframes=keyframes))
