"""The inversion table in words and in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

GROUP_WORDS = {
    "render": "held-out renders",
    "textured": "the same with brush texture and noise",
    "outside": "pictures from elsewhere",
}
_CELL, _GAP = 192, 4


def markdown(table: dict[str, Any]) -> str:
    """The table of `table.measure` as Markdown."""
    first = table["rows"][0] if table["rows"] else {"perceptual": "discriminator"}
    steps = "{}+{}".format(*table["pti_steps"])
    lines = [
        f"Model {table['model']}; pti with {steps} steps"
        + (" (as published)." if table["published"] else " (NOT as published)."),
        "",
        f"| pictures | method | n | PSNR dB | MS-SSIM | {first['perceptual']} | LPIPS | total s | processor s |"
        " first preview s | recognisable s | usable s | peak MB | stored MB | drag px left | against own samples |",
        "|" + "---|" * 16,
    ]
    for row in table["rows"]:
        seconds = row["seconds"]
        cells = [
            GROUP_WORDS[row["group"]],
            row["method"],
            str(row["pictures"]),
            _number(row["psnr"], 1),
            _number(row["ms_ssim"], 3),
            _number(row["distance"], 4),
            _number(row["lpips"], 3),
            _number(seconds["total"], 1),
            _number(seconds["processor"], 1),
            _number(seconds["first_preview"], 2),
            _number(seconds["recognisable"], 1),
            _number(seconds["usable"], 1),
            _number(row["megabytes"], 0),
            _number(row["delta_mb"], 2),
            _number(row["drag"], 2),
            _number(row["drag_ratio"], 2),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *_drags(table), "", *_ratios(table)]
    return "\n".join(lines) + "\n"


def _drags(table: dict[str, Any]) -> list[str]:
    """The drag table on held-out renders, beside the model's own samples."""
    columns = {"own samples": table["samples"]["pulls"], **table["pulls"]}
    columns = {name: pulls for name, pulls in columns.items() if pulls}
    lines = [
        "Drags on held-out renders: px that are left of what was asked (found by the landmark detector).",
        "",
        "| feature | asked | " + " | ".join(columns) + " |",
        "|---|---|" + "---|" * len(columns),
    ]
    for feature, own in table["samples"]["pulls"].items():
        left = [
            _number(pulls[feature]["after"] if feature in pulls else None, 2) for pulls in columns.values()
        ]
        lines.append(f"| {feature} | {own['asked']:.1f} | " + " | ".join(left) + " |")
    return lines


def _ratios(table: dict[str, Any]) -> list[str]:
    lines = []
    for group, ratio in table["ratios"].items():
        line = (
            f"{GROUP_WORDS[group].capitalize()}, on the same pictures: ours is {_number(ratio['times_faster'], 1)} "
            f"times as fast as pti ({_number(ratio['less_work'], 1)} times less processor time), its PSNR "
            f"{ratio['psnr_more']:+.1f} dB, its distance {_number(ratio['distance_ratio'], 2)} times pti's"
        )
        if ratio["drag_ratio"] is not None:
            line += f", what drags leave {_number(ratio['drag_ratio'], 2)} times"
        lines.append(line + ".")
    return lines


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def sheet(table: dict[str, Any], run: Path) -> Image.Image | None:
    """Source, pti, ours, and ours after each drag, a picture a row; None when there is none."""
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for job in table["jobs"]:
        if job["picture"]:
            rows.setdefault(job["picture"], {})[job["method"]] = job
    if not rows:
        return None
    most = max(len(job["pulls"]) for row in rows.values() for job in row.values())
    titles = ["source", "pti", "ours", *(f"ours: {n}" for n in range(1, most + 1))]
    width, height = len(titles) * (_CELL + _GAP), len(rows) * (_CELL + _GAP) + 16
    page = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(page)
    for column, title in enumerate(titles):
        pen.text((column * (_CELL + _GAP) + 2, 2), title, fill="black")
    for line, (picture, methods) in enumerate(rows.items()):
        files: list[Path | None] = [Path(picture)]
        files += [run / f"{methods[m]['name']}.png" if m in methods else None for m in ("pti", "ours")]
        if "ours" in methods:
            name = methods["ours"]["name"]
            files += [run / f"{name}-{number}.png" for number in range(len(methods["ours"]["pulls"]))]
        for column, file in enumerate(files):
            if file is not None:
                with Image.open(file) as image:
                    small = image.convert("RGB").resize((_CELL, _CELL), Image.Resampling.LANCZOS)
                page.paste(small, (column * (_CELL + _GAP), 16 + line * (_CELL + _GAP)))
    return page
