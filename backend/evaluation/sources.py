"""Which version of the program a figure belongs to: an engine that was changed since has to be measured again."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from .runs import digest

ROOT = Path(__file__).resolve().parents[2]
_OURS = ("backend", "stylegan_ops")


@cache
def version_of(module: str) -> str:
    """Stands for the source of `module` (its full name) and of all modules of ours that it imports, and they."""
    seen: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        file = _file_of(name)
        if name in seen or file is None:
            continue
        seen[name] = file.read_bytes()
        waiting += _imports(name, ast.parse(seen[name]))
    return digest(*(part for name in sorted(seen) for part in (name, seen[name])))


def _file_of(module: str) -> Path | None:
    """None for what is no module of ours; packages themselves only gather, and count for nothing."""
    file = (ROOT / module.replace(".", "/")).with_suffix(".py")
    return file if module.split(".")[0] in _OURS and file.is_file() else None


def _imports(module: str, tree: ast.Module) -> list[str]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*package, *([node.module] if node.module else [])])
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return names
