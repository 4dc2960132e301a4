"""Eyes, brows, nose and mouth. Each function draws on a canvas in head coordinates and reports its landmarks."""

from __future__ import annotations

import math

import skia

from .factors import Factors
from .pen import Color, Head, Point, fill, oklab, spline, stroke, taper

Landmarks = dict[str, Point]

_WHITE = skia.Color4f(1, 1, 1, 1)


def draw_eye(canvas: skia.Canvas, head: Head, p: Factors, side: int, line: Color) -> Landmarks:
    """One eye; ``side`` is -1 for the one on the left of the picture, 1 for the right."""
    openness = min(max(p["eye_open"] + side * p["wink"] * (1 - abs(2 * p["eye_open"] - 1)), 0.0), 1.0)
    width, height = p["eye_width"], p["eye_height"] * (0.06 + 0.94 * openness)
    cx, cy = side * p["eye_x"], p["eye_y"]
    cos, sin = math.cos(side * p["eye_tilt"]), math.sin(side * p["eye_tilt"])

    def at(u: float, v: float) -> Point:
        """Eye coordinates: u = -1…1 from the inner to the outer corner, v = -1 (top) … 1 (bottom)."""
        x, y = side * u * width, v * height
        return head.place(cx + x * cos - y * sin, cy + x * sin + y * cos)

    upper = [at(-1, 0.25), at(-0.55, -0.72), at(0.1, -1.0), at(0.7, -0.62), at(1, 0.05)]
    lower = [at(1, 0.05), at(0.62, 0.72), at(0.0, 0.95), at(-0.6, 0.78), at(-1, 0.25)]
    outline = spline(upper)
    outline.addPath(spline(lower), skia.Path.AddPathMode.kExtend_AddPathMode)
    outline.close()
    canvas.drawPath(outline, fill(_WHITE))
    canvas.save()
    canvas.clipPath(outline, doAntiAlias=True)
    # The iris keeps its size when the lid closes, so that the lid covers it.
    iris_height = p["eye_height"] * p["iris"]
    gaze = (p["gaze_x"] * width * 0.75, p["gaze_y"] * p["eye_height"] * 0.7)
    ix, iy = head.place(cx + gaze[0], cy + gaze[1])
    iris_width = iris_height * 0.80 * math.cos(head.yaw)
    a, b = p["eye_a"], p["eye_b"]

    def disc(dx: float, dy: float, scale: float, color: Color) -> None:
        rx, ry = iris_width * scale, iris_height * scale
        x, y = ix + dx * iris_width, iy + dy * iris_height
        canvas.drawOval(skia.Rect(x - rx, y - ry, x + rx, y + ry), fill(color))

    disc(0, 0, 1.0, oklab(0.40, a * 0.8, b * 0.8))
    disc(0, 0.10, 0.86, oklab(0.66, a, b))
    disc(0, 0.42, 0.48, oklab(0.88, a * 0.7, b * 0.7))
    disc(0, 0, 0.44, oklab(0.22, a * 0.4, b * 0.4))
    disc(-0.32, -0.42, 0.27, _WHITE)
    disc(0.36, 0.40, 0.13, _WHITE)
    shadow = skia.Color4f(0.25, 0.2, 0.35, 0.28)
    canvas.drawPath(taper(upper, [0.2 * p["eye_height"]] * 5), fill(shadow))
    canvas.restore()
    lash = p["lash"]
    canvas.drawPath(
        taper([*upper[:4], at(1.12, -0.02)], [lash * k for k in (0.35, 0.9, 1.1, 1.25, 0.5)]), fill(line)
    )
    canvas.drawPath(spline(lower[1:4]), stroke(line, p["line"] * 0.55))
    crease = [at(-0.5, -0.98), at(0.1, -1.32), at(0.72, -0.98)]
    canvas.drawPath(spline(crease), stroke(skia.Color4f(line.fR, line.fG, line.fB, 0.45), p["line"] * 0.55))
    name = "left" if side < 0 else "right"
    return {
        f"eye_{name}_inner": at(-1, 0.25),
        f"eye_{name}_outer": at(1, 0.05),
        f"eye_{name}_top": at(0.1, -1.0),
        f"eye_{name}_bottom": at(0.0, 0.95),
        f"iris_{name}": (ix, iy),
    }


def draw_brow(canvas: skia.Canvas, head: Head, p: Factors, side: int, color: Color) -> Landmarks:
    """One eyebrow."""
    cx, cy = side * p["eye_x"], p["eye_y"] - p["eye_height"] - p["brow_y"] + side * p["brow_raise"]
    half, rise = 0.068, p["brow_tilt"] * 0.068

    def at(u: float, v: float) -> Point:
        return head.place(cx + side * u * half, cy - u * rise + v)

    points = [at(-1, 0.0), at(0.05, -p["brow_arch"]), at(1, p["brow_arch"] * 0.4)]
    thickness = p["brow_thickness"]
    canvas.drawPath(taper(points, [thickness, thickness, thickness * 0.35]), fill(color))
    name = "left" if side < 0 else "right"
    return {
        f"brow_{name}_inner": points[0],
        f"brow_{name}_middle": points[1],
        f"brow_{name}_outer": points[2],
    }


def draw_nose(canvas: skia.Canvas, head: Head, p: Factors, line: Color, shade: Color) -> Landmarks:
    """The nose: a shadow on the far side and the stroke under its tip."""
    tip = head.place(0, p["nose_y"], 0.215)
    base = head.place(0, p["nose_y"] + 0.018, 0.185)
    bridge = head.place(0.012 * (1 if head.yaw >= 0 else -1), p["nose_y"] - 0.045, 0.175)
    wedge = skia.Path()
    wedge.moveTo(*bridge)
    wedge.lineTo(*tip)
    wedge.lineTo(*base)
    wedge.close()
    canvas.drawPath(wedge, fill(shade))
    canvas.drawPath(
        taper([tip, ((tip[0] + base[0]) / 2, (tip[1] + base[1]) / 2 + 0.003), base], [0.004, 0.009, 0.004]),
        fill(line),
    )
    return {"nose": tip}


def draw_mouth(canvas: skia.Canvas, head: Head, p: Factors, line: Color) -> Landmarks:
    """Lips, and the open mouth with teeth and tongue."""
    y, half, opening = p["mouth_y"], p["mouth_width"], p["mouth_open"]
    smile, smirk = p["smile"], p["smirk"]
    left_y, right_y = y - smile - smirk, y - smile + smirk
    top = y + smile * 0.35 - opening * 0.22
    bottom = y + smile * 0.55 + opening
    upper = head.places([(-half, left_y), (-half * 0.5, (left_y + top) / 2 + smile * 0.25), (0, top)])
    upper += head.places([(half * 0.5, (right_y + top) / 2 + smile * 0.25), (half, right_y)])
    lower = head.places([(half, right_y), (half * 0.55, (right_y + 2 * bottom) / 3), (0, bottom)])
    lower += head.places([(-half * 0.55, (left_y + 2 * bottom) / 3), (-half, left_y)])
    mouth = spline(upper)
    mouth.addPath(spline(lower), skia.Path.AddPathMode.kExtend_AddPathMode)
    mouth.close()
    canvas.drawPath(mouth, fill(oklab(0.42, 0.11, 0.03)))
    canvas.save()
    canvas.clipPath(mouth, doAntiAlias=True)
    gap = bottom - top
    tongue = head.places(
        [(-half * 0.55, bottom + 0.01), (0, bottom - gap * 0.42), (half * 0.55, bottom + 0.01)]
    )
    canvas.drawPath(spline(tongue), fill(oklab(0.72, 0.12, 0.04)))
    edge = top + gap * p["teeth"]
    teeth = head.places(
        [(-half, left_y - 0.01), (-half * 0.6, edge), (half * 0.6, edge), (half, right_y - 0.01)]
    )
    teeth += head.places([(0, top - 0.08)])
    path = skia.Path()
    path.addPoly([skia.Point(*t) for t in teeth], True)
    canvas.drawPath(path, fill(skia.Color4f(1, 0.99, 0.97, 1)))
    canvas.restore()
    width = p["line"]
    canvas.drawPath(taper(upper, [width * k for k in (1.5, 0.9, 1.0, 0.9, 1.5)]), fill(line))
    canvas.drawPath(spline(lower), stroke(line, width * 0.6))
    lip = head.places([(-half * 0.3, bottom + 0.022), (0, bottom + 0.026), (half * 0.3, bottom + 0.022)])
    canvas.drawPath(spline(lip), stroke(skia.Color4f(line.fR, line.fG, line.fB, 0.35), width * 0.7))
    return {
        "mouth_left": upper[0],
        "mouth_right": upper[-1],
        "mouth_top": upper[2],
        "mouth_bottom": lower[2],
    }
