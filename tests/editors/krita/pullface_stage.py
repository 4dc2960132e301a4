"""Pullface inside a running Krita, as the artist meets it: buttons are pressed and points placed with real events."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from tests.editors.display import still

from .driver import Krita

ROOT = Path(__file__).resolve().parents[3]
PORTRAIT = ROOT / "examples/portrait.png"
CROP = (152, 251, 428)
"""What the model sees of the example portrait, so that the face is as large as those it knows."""

HANDLE, TARGET = (333.7, 538.8), (321.0, 518.9)
"""The left corner of the mouth, and where it smiles."""

SECOND = (408.1, 534.9), (417.9, 513.8)

LONG = {"engine": "reference", "steps": 2000, "stop_distance": 0.0, "learning_rate": 1e-5}
"""Options of a drag that lasts until it is stopped."""

PATIENCE = 900.0
"""Seconds for a whole inversion, which takes 25 where nothing else is done."""

_NAMES = """
import hashlib, sys
ws = sys.modules["pullface.workspace"]._workspace
Point = sys.modules["pullface.backend.editing.geometry"].Point
Square = sys.modules["pullface.backend.editing.geometry"].Square

def panel():
    return next(p for p in ws._panels if p.isVisible())

def button(text):
    found = panel().findChildren(QtWidgets.QAbstractButton)
    return next(b for b in found if b.text() == text and b.isVisible())

def layers(node=None):
    node = node or document().rootNode()
    return [[n.name(), layers(n)] for n in node.childNodes() if n.type() != "selectionmask"]

def digest(name="portrait"):
    n = document().nodeByName(name)
    b = n.bounds()
    return hashlib.md5(bytes(n.pixelData(b.x(), b.y(), b.width(), b.height()))).hexdigest() + str(b)

# What was shown in each phase: an inversion can be over before it is asked.
seen = set()
def watch():
    pull = ws.pull
    pull.observe(lambda topic: seen.add((pull.phase.value, pull.preview is not None)))

def facts():
    pull = ws.pull
    if pull is None:
        return None
    return {
        "phase": pull.phase.value, "step": pull.step, "last": pull.last_step, "distance": pull.distance,
        "message": pull.message.text if pull.message else "", "hint": pull.message.hint if pull.message else "",
        "kind": pull.message.kind if pull.message else "", "busy": pull.busy, "results": len(pull.results),
        "applied": [r.applied for r in pull.results], "pairs": [[list(p.handle), list(p.target)] for p in pull.pairs],
        "preview": pull.preview is not None, "edit": pull.edit is not None, "layer": pull.source.name,
        "backend": ws.connection.state,
    }
def show_docker():
    [d for d in app.dockers() if d.objectName() == "pullface"][0].setVisible(True)
    ws.look()

show_docker()
"""


class Stage:
    """Pullface in one Krita.

    Args:
        krita: running, with the plugin.
    """

    def __init__(self, krita: Krita) -> None:
        self.krita = krita
        krita.run(_NAMES)
        krita.run(Path(__file__).with_name("preferences.py").read_text())

    # -- the document

    def open_turned_portrait(self, angle: float, depth: str = "U8") -> str:
        """A large document with the portrait, a third of its size and turned, on paper. Returns a digest of it."""
        paper = Image.new("RGBA", (1600, 1200), (236, 231, 222, 255))
        with Image.open(PORTRAIT) as opened:
            small = opened.convert("RGBA").resize((opened.width // 3, opened.height // 3))
        turned = small.rotate(-angle, Image.Resampling.BICUBIC, expand=True)
        paper.alpha_composite(turned, (900, 500))
        blue, green, red, alpha = (paper.getchannel(name) for name in "BGRA")
        self.krita.new_document(*paper.size, "large", depth=depth)
        # Where other tests closed the last document with the docker hidden, Krita 5.2 hides it again with the next.
        self.krita.run("show_docker()")
        self.krita.run(
            """
            pixels = sys.modules["pullface.host.pixels"]
            scratch = sys.modules["pullface.host.scratch"]
            node = document().createNode("portrait", "paintlayer")
            with scratch.Converter(pixels.SRGB, scratch.format_of(node)) as converter:
                native = converter.convert(arguments[0], *arguments[1:])
            node.setPixelData(QtCore.QByteArray(native), 0, 0, *arguments[1:])
            document().rootNode().addChildNode(node, None)
            document().setActiveNode(node)
            document().refreshProjection()
            document().waitForDone()
            """,
            Image.merge("RGBA", (blue, green, red, alpha)).tobytes(),
            *paper.size,
            timeout=120,
        )
        self.krita.wait_until("(ws.look(), ws.pull is not None and ws.pull.source.name == 'portrait')[1]")
        return self.digest()

    def open_portrait(self, crop: Sequence[int] | None = CROP) -> str:
        """Opens a copy of the example portrait as its only document. Returns a digest of the layer's pixels."""
        file = self.krita.home / "portrait.png"
        shutil.copy(PORTRAIT, file)
        self.krita.open_document(file)
        self.krita.run("document().rootNode().childNodes()[0].setName('portrait')\nws.look()")
        if crop:
            self.krita.run("ws.pull.set_crop('drawn', Square(*arguments))", *crop)
        return self.digest()

    def digest(self) -> str:
        """Of every byte of the source layer, and of its bounds."""
        return str(self.krita.run("digest()"))

    def layers(self) -> Any:
        """Names of the layers, from the bottom, each with those inside it."""
        return self.krita.run("layers()")

    def select(self, x: int, y: int, width: int, height: int) -> None:
        """Selects an ellipse."""
        self.krita.run(
            """
            x, y, w, h = arguments
            image = QtGui.QImage(w, h, QtGui.QImage.Format_Grayscale8)
            image.fill(0)
            painter = QtGui.QPainter(image)
            painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
            painter.setBrush(Qt.GlobalColor.white)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawEllipse(0, 0, w, h)
            painter.end()
            rows = b"".join(image.constScanLine(row).asstring(w) for row in range(h))
            selection = __import__("krita").Selection()
            selection.setPixelData(QtCore.QByteArray(rows), x, y, w, h)
            document().setSelection(selection)
            """,
            x, y, width, height,
        )  # fmt: skip

    # -- the docker

    def press(self, text: str) -> None:
        """Clicks a button of the docker, once it can be pressed."""
        self.krita.wait_until(f"button({text!r}).isEnabled()")
        self.click(f"button({text!r})")

    def click(self, widget: str) -> None:
        """Clicks a widget of the docker (an expression), once it keeps its place."""

        def place() -> tuple[int, int]:
            # The docker may be too low for all that is in it.
            self.krita.run(
                f"b = {widget}\n"
                "for area in panel().findChildren(QtWidgets.QScrollArea):\n"
                "    if area.isAncestorOf(b): area.ensureWidgetVisible(b)\n"
                "QApplication.processEvents()"
            )
            return self.krita.on_screen(widget, 12, 8)

        self.krita.display.click(*still(place))

    def facts(self) -> dict[str, Any]:
        """What the shown pull says of itself."""
        return dict(self.krita.run("facts()"))

    def until(self, condition: str, seconds: float = 300.0) -> dict[str, Any]:
        """Waits until an expression on ``f``, the facts, is true. Returns the facts."""
        self.krita.wait_until(f"(lambda f: f is not None and ({condition}))(facts())", seconds)
        return self.facts()

    def rest(self, seconds: float = 600.0) -> dict[str, Any]:
        """Waits until nothing runs."""
        return self.until("not f['busy'] and f['phase'] in ('ready', 'idle')", seconds)

    # -- the canvas

    def pull_mode(self) -> None:
        """Switches Pull mode on with its button and waits for the overlay."""
        if not self.krita.run("ws.canvas.mode"):
            self.press("Pull")
        self.krita.wait_until("ws.canvas.overlay is not None and ws.canvas.gestures.affine is not None")

    def on_screen(self, point: Sequence[float]) -> tuple[int, int]:
        """Where a position of the image is on the screen."""
        x, y = self.krita.run("list(ws.canvas.gestures.affine.map(arguments))", *point)
        return self.krita.on_screen("ws.canvas.overlay", x, y)

    def draw(self, handle: Sequence[float], target: Sequence[float]) -> None:
        """Draws an arrow on the canvas with the mouse."""
        before = len(self.facts()["pairs"])
        still(lambda: self.on_screen(handle))
        self.krita.display.drag(self.on_screen(handle), self.on_screen(target))
        self.until(f"len(f['pairs']) == {before + 1}")

    def pull(self, **options: Any) -> dict[str, Any]:
        """One whole pull of the example's mouth with the docker's button. Returns the facts at its end."""
        self.krita.run("ws.pull.drag_options = arguments[0]", options)
        before = self.facts()["results"]
        self.press("Drag")
        self.until(f"f['results'] > {before} or f['kind'] == 'error'", PATIENCE)
        return self.rest()

    def begin_long_pull(self) -> dict[str, Any]:
        """A pull that runs until it is stopped."""
        self.krita.run("ws.pull.drag_options = arguments[0]", LONG)
        self.press("Drag")
        return self.until("f['phase'] == 'dragging' and f['step'] >= 3", PATIENCE)
