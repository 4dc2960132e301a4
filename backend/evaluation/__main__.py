"""``python -m backend.evaluation``: measures that take minutes. Stop with Ctrl+C, run again to go on."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from PIL.Image import Image

from backend.errors import PullfaceError

from .arguments import add_measures
from .runs import RunFolder

USER_ERROR, STOPPED = 2, 130


def options_of(words: Sequence[str]) -> dict[str, Any]:
    """``NAME=VALUE`` with JSON values.

    Raises:
        PullfaceError: ``bad_options``.
    """
    options = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            options[name] = json.loads(value)
        except ValueError:
            raise PullfaceError(
                "bad_options", f"{word!r} is no option.", "Write it like tuning_steps=20."
            ) from None
    return options


def inversion(arguments: argparse.Namespace) -> int:
    """Measure, and print the table."""
    from . import report, table

    groups = tuple(arguments.groups.split(","))
    if not set(groups) <= set(table.GROUPS):
        raise PullfaceError("bad_options", f"There are no such pictures: {arguments.groups}.", "See --help.")
    first, second = (int(number) for number in arguments.pti_steps.split(","))
    plan = table.Plan(
        run=arguments.run.absolute(),
        model=arguments.model,
        pictures=arguments.pictures,
        pti_pictures=arguments.pti_pictures,
        samples=arguments.samples,
        folder=arguments.folder,
        groups=groups,
        pti_steps=(first, second),
        options=options_of(arguments.inversion_option),
        drag_steps=arguments.drag_steps,
        threads=arguments.threads,
    )
    measured = table.measure(plan)
    words = report.markdown(measured)
    (plan.run / "table.md").write_text(words, encoding="utf-8")
    (plan.run / "table.json").write_text(json.dumps(measured, indent=1), encoding="utf-8")
    page = report.sheet(measured, plan.run)
    if page is not None:
        page.save(plan.run / "sheet.webp", quality=85)
    print(json.dumps(measured, indent=1) if arguments.json else words)
    print(f"The table, the sheet of pictures and all figures are in {plan.run}.", file=sys.stderr)
    return 0


def landmarks(arguments: argparse.Namespace) -> int:
    """Measure, and print the table."""
    from . import manipulation, manipulation_report

    points = tuple(arguments.points or manipulation.Plan.points)
    plan = manipulation.Plan(**common(arguments), points=points, mask=arguments.mask)
    bench, results = manipulation.measure(plan)
    measured = manipulation.summary(plan, bench, results)
    sheet = manipulation_report.sheet(plan, bench, results)
    return _keep(arguments, "landmarks", measured, manipulation_report.markdown(measured), sheet)


def reconstruction(arguments: argparse.Namespace) -> int:
    """Measure, and print the table."""
    from . import bench as benches
    from . import reconstruction as measure

    bench, results = measure.measure(benches.Setting(**common(arguments)))
    measured = measure.summary(bench, results)
    sheet = measure.sheet(bench, results)
    return _keep(arguments, "reconstruction", measured, measure.markdown(measured), sheet)


def tracking(arguments: argparse.Namespace) -> int:
    """Measure, and print the table."""
    from . import tracking as measure

    plan = measure.Plan(
        **common(arguments), walks=None if arguments.walks is None else tuple(arguments.walks)
    )
    bench, results = measure.measure(plan)
    measured = measure.summary(bench, results)
    sheet = measure.sheet(bench, results)
    return _keep(arguments, "tracking", measured, measure.markdown(measured), sheet)


def common(arguments: argparse.Namespace) -> dict[str, Any]:
    """What all measures of drags are told, as `bench.Setting` names it."""
    return {
        "run": arguments.run.absolute(),
        "model": arguments.model,
        "pairs": arguments.pairs,
        "seed": arguments.seed,
        "engines": None if arguments.engines is None else tuple(arguments.engines),
        "steps": arguments.steps,
        "drag_options": options_of(getattr(arguments, "drag_option", ())),
        "detector": arguments.detector,
        "device": arguments.device,
        "threads": arguments.threads,
    }


def _keep(
    arguments: argparse.Namespace, name: str, measured: dict[str, Any], words: str, sheet: Image | None
) -> int:
    """Print a table, as it was asked for, and keep it with its pictures in the run's folder."""
    folder = RunFolder(arguments.run.absolute())
    folder.keep_table(name, words, measured)
    if sheet is not None:
        sheet.save(folder.path / f"{name}.webp", quality=90)
    print(json.dumps(measured, indent=1) if arguments.json else words)
    print(f"The table, the sheet of pictures and all figures are in {folder.path}.", file=sys.stderr)
    return 0


MEASURES = {
    "inversion": inversion,
    "landmarks": landmarks,
    "reconstruction": reconstruction,
    "tracking": tracking,
}


def main(words: Sequence[str] | None = None) -> int:
    """Run one measure.

    Returns:
        0 well, 2 something that the user can cure, 130 stopped.
    """
    parser = argparse.ArgumentParser(prog="python -m backend.evaluation", description=__doc__)
    add_measures(parser)
    arguments = parser.parse_args(words)
    try:
        return MEASURES[arguments.what](arguments)
    except PullfaceError as error:
        print(f"{error.message}\n{error.hint}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("\nStopped. What is measured is kept; run the same command again to go on.", file=sys.stderr)
        return STOPPED


if __name__ == "__main__":
    sys.exit(main())
