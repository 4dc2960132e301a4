"""The command line of ``pullface models``; standard library only, so that ``pullface --help`` needs nothing else."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The actions of ``pullface models`` and their options."""
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")

    listing = actions.add_parser("list", help="list them")
    listing.add_argument("--all", action="store_true", help="also those that can be downloaded")

    get = actions.add_parser("download", help="download one that others publish, see `list --all`")
    get.add_argument("name", metavar="NAME")
    get.add_argument("--accept-licence", action="store_true", help="do not ask; for programs")

    add = actions.add_parser("add", help="add a model's file of any program, or one at an address")
    add.add_argument("source", metavar="FILE-or-URL")
    add.add_argument("--name", help="to choose it by; else the file's")
    add.add_argument("--domain", help="what its pictures show, e.g. “oil portraits”")
    add.add_argument("--licence", help="of the model, e.g. CC-BY-4.0")
    add.add_argument("--description", help="one sentence")
    add.add_argument(
        "--labels",
        type=_names,
        default=(),
        metavar="NAME,NAME,…",
        help="what the labels of a conditional model are called, in their order",
    )
    add.add_argument("--accept-licence", action="store_true", help="do not ask; for programs")

    info = actions.add_parser("info", help="what is known of one")
    info.add_argument("model", metavar="NAME-or-FILE")

    verify = actions.add_parser("verify", help="check that the files are whole and unchanged")
    verify.add_argument("names", nargs="*", metavar="NAME", help="these only")

    remove = actions.add_parser("remove", help="delete one from the library")
    remove.add_argument("name", metavar="NAME")

    export = actions.add_parser("export", help="write one as a .safetensors file, to keep or to pass on")
    export.add_argument("model", metavar="NAME-or-FILE")
    export.add_argument("output", type=Path, metavar="FILE")
    export.add_argument("--force", action="store_true", help="replace a file that is there")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))
