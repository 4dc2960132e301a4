"""How long a real Krita's event loop stands still while previews stream, and how long Apply takes.

    python -m benchmarks.krita [--json] [--seconds 10] [--side 4000]

Baseline: the same Krita with the same document in the same run, Pull mode off and nothing under way. Needs what the
editor tests need (`python3 install.py test --editors krita` says what is missing).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from typing import Any

from tests.editors.krita.driver import Krita
from tests.editors.krita.pullface_stage import HANDLE, SECOND, TARGET, Stage

_CLOCK = """
import time
GAPS = []
def watch(seconds):
    GAPS.clear()
    last = [time.perf_counter()]
    end = last[0] + seconds
    timer = QtCore.QTimer(app)
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    def tick():
        now = time.perf_counter()
        GAPS.append((now - last[0]) * 1000)
        last[0] = now
        if now > end:
            timer.stop()
    timer.timeout.connect(tick)
    timer.start(1)
SHOWN = [0]
def count(topic):
    SHOWN[0] += topic == "preview"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all and prints one line a figure, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.krita", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each state is watched")
    parser.add_argument("--side", type=int, default=4000, help="of the document for Apply, px")
    options = parser.parse_args(arguments)
    with Krita() as krita:
        report = {
            "krita": krita.run("app.version()"),
            "event_loop": _event_loop(krita, options.seconds),
            "apply": _apply(krita, options.side),
        }
    if options.json:
        print(json.dumps(report, indent=1))
        return 0
    print(f"Krita {report['krita']}")
    for state, gaps in report["event_loop"].items():
        print(f"event loop, {state:10}", "  ".join(f"{name} {value}" for name, value in gaps.items()))
    print("apply", "  ".join(f"{name} {value}" for name, value in report["apply"].items()))
    return 0


def _event_loop(krita: Krita, seconds: float) -> dict[str, dict[str, Any]]:
    stage = Stage(krita)
    krita.run(_CLOCK)
    stage.open_portrait()
    idle = _watch(krita, seconds)
    stage.select(290, 490, 150, 90)
    stage.pull_mode()
    stage.draw(HANDLE, TARGET)
    stage.draw(*SECOND)
    stage.begin_long_pull()
    krita.run("SHOWN[0] = 0\nEND = ws.pull.observe(count)")
    streaming = _watch(krita, seconds)
    shown = krita.run("END()\nSHOWN[0]")
    stage.press("Stop")
    stage.rest()
    krita.run("ws.set_mode(False)")
    krita.close_documents()
    ratio = round(streaming["p95_ms"] / idle["p95_ms"], 2)
    return {
        "idle": idle,
        "streaming": {**streaming, "previews_per_second": round(shown / seconds, 1), "p95_of_idle": ratio},
    }


def _watch(krita: Krita, seconds: float) -> dict[str, Any]:
    krita.run("watch(arguments[0])", seconds)
    time.sleep(seconds + 0.5)
    gaps = sorted(krita.run("GAPS"))
    return {
        "p50_ms": round(gaps[len(gaps) // 2], 2),
        "p95_ms": round(gaps[int(len(gaps) * 0.95)], 2),
        "p99_ms": round(gaps[int(len(gaps) * 0.99)], 2),
        "max_ms": round(gaps[-1], 1),
    }


def _apply(krita: Krita, side: int) -> dict[str, Any]:
    """An edit of 1200 px square onto a document of side × side, from the order to the layer standing there."""
    stage = Stage(krita)
    krita.new_document(side, side, "large")
    krita.run(
        """
        side = arguments[0]
        n = document().rootNode().childNodes()[0]
        n.setPixelData(QtCore.QByteArray(b"\\x60\\x90\\xc0\\xff" * (side * side)), 0, 0, side, side)
        document().refreshProjection()
        document().waitForDone()
        ws.look()
        Edit = sys.modules["pullface.backend.editing.host"].Edit
        Rect = sys.modules["pullface.backend.editing.geometry"].Rect
        EDIT = Edit(Rect(side // 3, side // 3, 1200, 1200), b"\\x20\\x30\\x40\\xff" * (1200 * 1200))
        """,
        side,
        timeout=120,
    )
    assert stage.facts()["busy"] is False
    found = krita.run(
        """
        slices = ws.pull.source.write("Apply", EDIT)
        begun, times = time.perf_counter(), []
        while True:
            started = time.perf_counter()
            try:
                next(slices)
            except StopIteration:
                break
            finally:
                times.append((time.perf_counter() - started) * 1000)
        [(time.perf_counter() - begun) * 1000, max(times), len(document().rootNode().childNodes())]
        """,
        timeout=60,
    )
    assert found[2] == 2, "the group is not there"
    return {"side": side, "total_ms": round(found[0]), "longest_slice_ms": round(found[1])}


if __name__ == "__main__":
    raise SystemExit(main())
