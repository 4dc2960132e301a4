"""The inversion table in words and in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from .sheets import page
from .words import number

GROUP_WORDS = {
    "render": "held-out renders",
    "textured": "the same with brush texture and noise",
    "outside": "pictures from elsewhere",
}


def markdown(table: dict[str, Any]) -> str:
    """The table of `table.measure` as Markdown."""
    first = table["rows"][0] if table["rows"] else {"perceptual": "discriminator"}
    steps = "{}+{}".format(*table["pti_steps"])
    lines = [
        f"Model {table['model']}; pti with {steps} steps"
        + (" (as published)." if table["published"] else " (NOT as published)."),
        "",
        f"| pictures | method | n | PSNR dB | MS-SSIM | {first['perceptual']} | LPIPS | total s | processor s |"
        " first preview s | recognisable s | recognisable processor s | usable s | peak MB | stored MB |"
        " drag px left | against own samples |",
        "|" + "---|" * 17,
    ]
    for row in table["rows"]:
        seconds = row["seconds"]
        cells = [
            GROUP_WORDS[row["group"]],
            row["method"],
            str(row["pictures"]),
            number(row["psnr"], 1),
            number(row["ms_ssim"], 3),
            number(row["distance"], 4),
            number(row["lpips"], 3),
            number(seconds["total"], 1),
            number(seconds["processor"], 1),
            number(seconds["first_preview"], 2),
            number(seconds["recognisable"], 1),
            number(seconds["recognisable_work"], 1),
            number(seconds["usable"], 1),
            number(row["megabytes"], 0),
            number(row["delta_mb"], 2),
            number(row["drag"], 2),
            number(row["drag_ratio"], 2),
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
            number(pulls[feature]["after"] if feature in pulls else None, 2) for pulls in columns.values()
        ]
        lines.append(f"| {feature} | {own['asked']:.1f} | " + " | ".join(left) + " |")
    return lines


def _ratios(table: dict[str, Any]) -> list[str]:
    lines = []
    for group, ratio in table["ratios"].items():
        line = (
            f"{GROUP_WORDS[group].capitalize()}, on the same pictures: ours is {number(ratio['times_faster'], 1)} "
            f"times as fast as pti ({number(ratio['less_work'], 1)} times less processor time), its PSNR "
            f"{ratio['psnr_more']:+.1f} dB, its distance {number(ratio['distance_ratio'], 2)} times pti's"
        )
        if ratio["drag_ratio"] is not None:
            line += f", what drags leave {number(ratio['drag_ratio'], 2)} times"
        near = sorted(times for times in ratio["as_near"] if times is not None)
        if near:
            line += (
                f"; on {len(near)} of {len(ratio['as_near'])} pictures it was as near (PSNR and MS-SSIM) as pti ends "
                f"after {number(near[0], 1)} to {number(near[-1], 1)} times less processor time"
            )
        lines.append(line + ".")
    return lines


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
    lines = []
    for picture, methods in rows.items():
        files: list[Path | None] = [Path(picture)]
        files += [run / f"{methods[m]['name']}.png" if m in methods else None for m in ("pti", "ours")]
        if "ours" in methods:
            name = methods["ours"]["name"]
            files += [run / f"{name}-{number}.png" for number in range(len(methods["ours"]["pulls"]))]
        lines.append([None if file is None else _read(file) for file in files])
    return page(titles, lines)


def _read(file: Path) -> Image.Image:
    with Image.open(file) as image:
        return image.convert("RGB")
