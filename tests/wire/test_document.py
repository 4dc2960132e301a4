"""``docs/protocol.md`` and the code say the same, table by table."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from backend.wire import limits
from backend.wire.errors import ERROR_CODES
from backend.wire.types import ACKNOWLEDGE, EVENTS, HEARTBEAT, REQUESTS, STAGES, Field, Lane

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
SERVED = {Lane.FRONT: "front", Lane.SHORT: "worker, short", Lane.LONG: "worker, long"}


def section(title: str) -> str:
    """The text below a heading, up to the next heading of its level or above."""
    found = re.search(
        rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,3}} |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL
    )
    assert found, f"no section {title}"
    return found[2]


def table(text: str, first: str) -> list[list[str]]:
    """The rows of the table whose first column is called ``first``; empty when there is none."""
    found = re.search(rf"^\| {first} \|.*\n\|[-|]+\|\n((?:\|.*\n)*)", text, re.MULTILINE)
    rows = found[1].splitlines() if found else []
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def expected(fields: tuple[Field, ...], with_required: bool) -> list[list[str]]:
    rows = [[f"`{field.name}`", str(field.check)] for field in fields]
    if with_required:
        for row, field in zip(rows, fields, strict=True):
            row.append("yes" if field.required else "no")
    return rows


def test_version() -> None:
    major, minor = limits.PROTOCOL
    assert re.search(r"^Version \*\*(.*)\*\*$", DOCUMENT, re.MULTILINE)[1] == f"{major}.{minor}"


def test_every_request_is_documented_and_nothing_else() -> None:
    chapter = DOCUMENT.split("## Requests\n")[1].split("\n## ")[0]
    assert re.findall(r"^### `(.*)`$", chapter, re.MULTILINE) == list(REQUESTS)


@pytest.mark.parametrize("name", REQUESTS)
def test_requests(name: str) -> None:
    request = REQUESTS[name]
    text = section(f"`{name}`")
    session = "yes" if request.session else "no"
    events = ", ".join(request.events) or "none"
    assert f"*Served by:* {SERVED[request.lane]} · *session:* {session} · *events:* {events}\n" in text
    assert [row[:3] for row in table(text, "body")] == expected(request.fields, True)
    assert [row[:2] for row in table(text, "reply")] == expected(request.reply, False)
    assert all(row[-1] for row in table(text, "body") + table(text, "reply"))


@pytest.mark.parametrize("name", EVENTS)
def test_events(name: str) -> None:
    text = section(f"`{name}`")
    assert [row[:3] for row in table(text, "event")] == expected(EVENTS[name], True)
    stages = set(re.findall(r"`(\w+)`", table(text, "event")[0][-1]))
    assert stages <= set(STAGES)


def test_messages_without_a_reply() -> None:
    text = section("Messages without a last reply")
    assert set(re.findall(r"^`([\w.]+)`", text, re.MULTILINE)) == {ACKNOWLEDGE, HEARTBEAT}


def test_limits() -> None:
    documented = {row[0].strip("`"): float(row[1]) for row in table(section("Limits"), "name")}
    in_code = {
        name: float(value)
        for name, value in vars(limits).items()
        if name.isupper() and isinstance(value, int | float)
    }
    assert documented == in_code


def test_error_codes() -> None:
    documented = {row[0].strip("`"): row[1] for row in table(section("Error codes"), "code")}
    assert documented == ERROR_CODES


def test_errors_named_at_a_type_exist() -> None:
    named = set()
    for line in re.findall(r"^Errors: (.*)$", DOCUMENT, re.MULTILINE):
        named |= set(re.findall(r"`(\w+)`", line))
    assert named
    assert named <= set(ERROR_CODES)


def test_every_code_that_the_backend_raises_is_documented() -> None:
    raised: dict[str, str] = {}
    for part in ("front", "compute", "sessions", "engine", "models", "wire"):
        for file in (ROOT / "backend" / part).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id in ("PullfaceError", "WireError", "RemoteError")
                    and node.args
                    and isinstance(node.args[0], ast.Constant)
                ):
                    raised[str(node.args[0].value)] = str(file.relative_to(ROOT))
    assert len(raised) > 25
    assert {code: file for code, file in raised.items() if code not in ERROR_CODES} == {}
