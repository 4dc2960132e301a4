"""The gallery: pictures that neither the renderer nor the model drew, each pulled by the mouth and by an eyelid.

    python -m benchmarks.gallery --pictures FOLDER [--model NAME] [--run DIR] [--only NAME,…] [--write]

FOLDER holds the pictures that docs/gallery/README.md names; docs/gallery/pulls.json says what is pulled where. Every
picture's results go to --run, at full size; what is there already is not done again. With --write the small pictures
and the sheet in docs/gallery are made from them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from backend.engine import Crop, DragOptions, FaceEditor, extract, extract_mask
from backend.models import find, load
from backend.sessions.faces import find as find_faces

GALLERY = Path(__file__).resolve().parents[1] / "docs" / "gallery"
PULLS = GALLERY / "pulls.json"
PULL_NAMES = ("mouth", "eyelid")

NEAR, UPRIGHT = 0.3, 25.0
"""A found square is right when it shares this part with the one given by hand, and is turned by less than so much."""

SMALL, CELL, GAP = 448, 300, 6
"""Sides in px of the pictures in the repository, and of those on the sheet."""

STEPS = 120

Pixels = NDArray[np.uint8]


def read(file: Path) -> Pixels:
    with Image.open(file) as image:
        return np.array(ImageOps.exif_transpose(image).convert("RGBA"))


def ellipse(shape: tuple[int, int], numbers: list[float]) -> Pixels:
    """A soft mask [H, W]: centre x, y, radii, and the angle in degrees clockwise; image space."""
    x, y, across, down, angle = numbers
    ys, xs = np.mgrid[: shape[0], : shape[1]] + 0.5
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    u, v = ((xs - x) * cos + (ys - y) * sin) / across, (-(xs - x) * sin + (ys - y) * cos) / down
    soft = (4 * (1 - np.hypot(u, v))).clip(0, 1)
    values: Pixels = (255 * soft).round().astype(np.uint8)
    return values


def choose(rgba: Pixels, by_hand: list[float]) -> tuple[Crop, str]:
    """The face that is found where it should be, else the square given by hand; and how it was chosen."""
    hand = Crop(*(int(n) for n in by_hand[:3]), *by_hand[3:])
    for number, face in enumerate(find_faces(rgba, (0, 0))):
        crop = face.crop
        sides = [
            min(a + crop.size / 2, b + hand.size / 2) - max(a - crop.size / 2, b - hand.size / 2)
            for a, b in zip(crop.centre, hand.centre)
        ]
        shared = max(0.0, sides[0]) * max(0.0, sides[1])
        if shared / (crop.size**2 + hand.size**2 - shared) >= NEAR and abs(crop.angle - hand.angle) < UPRIGHT:
            return crop, "found" if number == 0 else f"found, face {number + 1}"
    return hand, "given by hand"


def pull(
    editor: FaceEditor, rgba: Pixels, crop: Crop, inversion: Any, wanted: dict[str, Any]
) -> tuple[Pixels, dict[str, Any]]:
    """The whole picture with the pull in it, and what the drag says of itself."""
    side = editor.resolution
    pairs = crop.to_crop(np.array(wanted["pairs"]), side)
    mask = ellipse(rgba.shape[:2], wanted["mask"])
    begun = time.monotonic()
    model_mask = extract_mask(mask, (0, 0), crop, side)
    with editor.drag(inversion, pairs, model_mask, DragOptions(steps=STEPS)) as drag:
        best = min(drag, key=lambda step: step.distance)
    dragged = time.monotonic()
    seen = extract(rgba, (0, 0), crop, side)
    ways = crop.to_image(np.stack([pairs[:, 0], best.handles], axis=1), side)
    edit = editor.composite(rgba, crop, editor.render(inversion), best.preview(), mask, (0, 0), seen, [ways])
    result = rgba.copy()
    x, y, width, height = edit.rect
    result[y : y + height, x : x + width] = edit.pixels
    first = float(np.linalg.norm(pairs[:, 0] - pairs[:, 1], axis=1).mean())
    outside = int(np.count_nonzero((result != rgba).any(axis=2) & (mask == 0)))
    facts = {
        "asked_px": round(first, 2),
        "left_px": round(best.distance, 2),
        "steps": best.index,
        "outcome": drag.outcome,
        "drag_seconds": round(dragged - begun, 1),
        "composite_seconds": round(time.monotonic() - dragged, 1),
        "changed_outside_mask": outside,
    }
    return result, facts


def do(editor: FaceEditor, file: Path, entry: dict[str, Any], run: Path, name: str) -> dict[str, Any]:
    """Inverts a picture and does its pulls; files in `run`."""
    rgba = read(file)
    crop, chosen = choose(rgba, entry["crop_by_hand"])
    seen = extract(rgba, (0, 0), crop, editor.resolution)
    begun = time.monotonic()
    inversion = editor.invert(seen)
    seconds = time.monotonic() - begun
    shown = editor.render(inversion)
    Image.fromarray(np.hstack([seen, shown])).save(run / f"{name}-inversion.png")
    facts: dict[str, Any] = {
        "size": [rgba.shape[1], rgba.shape[0]],
        "crop": crop.numbers(),
        "chosen": chosen,
        "inversion_seconds": round(seconds, 1),
        "info": inversion.info,
    }
    for wanted in entry["pulls"]:
        result, said = pull(editor, rgba, crop, inversion, wanted)
        Image.fromarray(result).save(run / f"{name}-{wanted['name']}.png")
        facts[wanted["name"]] = said
    return facts


def cut(picture: Pixels, crop: Crop, side: int, pairs: list[Any] | None = None) -> Image.Image:
    """The picture around its face, on white, at most `side` px; with the pulls as arrows."""
    square = crop.cover()
    scale = min(1.0, side / square.size)
    image = Image.new("RGBA", (picture.shape[1], picture.shape[0]), "white")
    image.alpha_composite(Image.fromarray(picture))
    x, y = max(0, square.x), max(0, square.y)
    right, bottom = min(image.width, square.x + square.size), min(image.height, square.y + square.size)
    part = image.crop((x, y, right, bottom)).convert("RGB")
    part = part.resize(
        (max(1, round(part.width * scale)), max(1, round(part.height * scale))), Image.Resampling.LANCZOS
    )
    if pairs:
        grow = side / max(part.size)
        part = part.resize((round(part.width * grow), round(part.height * grow)), Image.Resampling.LANCZOS)
        pen = ImageDraw.Draw(part)
        for handle, target in pairs:
            (a, b), (c, d) = (
                ((p - q) * scale * grow for p, q in zip(point, (x, y))) for point in (handle, target)
            )
            pen.line([a, b, c, d], fill=(230, 0, 90), width=2)
            pen.ellipse([a - 3, b - 3, a + 3, b + 3], outline=(230, 0, 90), width=2)
            pen.ellipse([c - 3, d - 3, c + 3, d + 3], fill=(230, 0, 90))
    return part


def write_small(name: str, entry: dict[str, Any], pictures: Path, run: Path, facts: dict[str, Any]) -> None:
    """The picture around its face as it was and after each pull, into the repository."""
    crop = Crop(*facts["crop"])
    before = cut(read(pictures / entry["file"]), crop, SMALL)
    before.save(GALLERY / f"{name}-before.webp", quality=88, method=6)
    for wanted in PULL_NAMES:
        after = cut(read(run / f"{name}-{wanted}.png"), crop, SMALL)
        after.save(GALLERY / f"{name}-{wanted}.webp", quality=88, method=6)


def sheet(names: list[str], table: dict[str, Any], pictures: Path, run: Path) -> Image.Image:
    """A picture a row: with its arrows, as the model shows it, and after each pull."""
    columns = 4
    page = Image.new("RGB", (columns * (CELL + GAP), len(names) * (CELL + GAP)), "white")
    for line, name in enumerate(names):
        entry, facts = table[name]["entry"], table[name]["facts"]
        crop = Crop(*facts["crop"])
        pairs = [pair for wanted in entry["pulls"] for pair in wanted["pairs"]]
        with Image.open(run / f"{name}-inversion.png") as both:
            shown = both.crop((both.width // 2, 0, both.width, both.height)).resize((CELL, CELL))
        cells = [
            cut(read(pictures / entry["file"]), crop, CELL, pairs),
            shown.convert("RGB"),
            *(cut(read(run / f"{name}-{wanted}.png"), crop, CELL) for wanted in PULL_NAMES),
        ]
        for column, cell in enumerate(cells):
            grow = CELL / max(cell.size)
            cell = cell.resize(
                (max(1, round(cell.width * grow)), max(1, round(cell.height * grow))),
                Image.Resampling.LANCZOS,
            )
            place = (
                column * (CELL + GAP) + (CELL - cell.width) // 2,
                line * (CELL + GAP) + (CELL - cell.height) // 2,
            )
            page.paste(cell, place)
    return page


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=Path, required=True, help="folder with the pictures")
    parser.add_argument("--model", default="toon", help="a model's name or file")
    parser.add_argument("--run", type=Path, default=Path("pullface-gallery"), help="where results are kept")
    parser.add_argument("--only", help="names, with commas between them")
    parser.add_argument("--write", action="store_true", help="also make the small pictures in docs/gallery")
    arguments = parser.parse_args()
    entries: dict[str, Any] = json.loads(PULLS.read_text(encoding="utf-8"))
    names = arguments.only.split(",") if arguments.only else list(entries)
    arguments.run.mkdir(parents=True, exist_ok=True)
    path = find(arguments.model).path
    weights = hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
    editor: FaceEditor | None = None
    table: dict[str, Any] = {}
    for name in names:
        entry = entries[name]
        source = arguments.pictures / entry["file"]
        key = hashlib.blake2b(
            f"{weights}{json.dumps(entry)}".encode() + source.read_bytes(), digest_size=8
        ).hexdigest()
        done = arguments.run / f"{name}.json"
        known = json.loads(done.read_text(encoding="utf-8")) if done.exists() else {}
        if known.get("key") != key:
            editor = editor or FaceEditor(load(path))
            facts = do(editor, source, entry, arguments.run, name)
            editor.forget()
            known = {"key": key, "entry": entry, "facts": facts}
            done.write_text(json.dumps(known, indent=1), encoding="utf-8")
        table[name] = known
        facts = known["facts"]
        pulled = ", ".join(f"{p} {facts[p]['asked_px']}→{facts[p]['left_px']} px" for p in PULL_NAMES)
        print(
            f"{name}: {facts['chosen']}, {facts['inversion_seconds']} s, {pulled}",
            file=sys.stderr,
            flush=True,
        )
        if arguments.write:
            write_small(name, entry, arguments.pictures, arguments.run, facts)
    page = sheet(names, table, arguments.pictures, arguments.run)
    page.save((GALLERY if arguments.write else arguments.run) / "sheet.webp", quality=85, method=6)
    (arguments.run / "gallery.json").write_text(json.dumps(table, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
