"""Runs what a driver sends, inside an editor. The drivers copy this file and ``messages.py`` into their probes.

Standard library only, and no annotations that an old Python would stumble over.
"""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
import linecache
import traceback

_numbers = itertools.count(1)


def evaluate(code, arguments, space):
    """Run a snippet; the value of its last line, when that is an expression, is what comes back."""
    name = f"<snippet {next(_numbers)}>"
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    tree = ast.parse(code, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    space["arguments"] = arguments
    exec(compile(tree, name, "exec"), space)
    return eval(compile(ast.Expression(last.value), name, "eval"), space) if last else None  # noqa: S307


def answer(connection, request, space, send):
    """Evaluate a request and send ``{"value" or "failed" and "kind", "printed"}`` back; closes the connection."""
    printed = io.StringIO()
    reply = {}
    with contextlib.redirect_stdout(printed):
        try:
            reply["value"] = evaluate(request["code"], request["arguments"], space)
        except BaseException as error:
            frames = error.__traceback__.tb_next  # without this function's own frame
            reply["failed"] = "".join(traceback.format_exception(type(error), error, frames))
            reply["kind"] = type(error).__name__
    reply["printed"] = printed.getvalue()
    with connection:
        try:
            send(connection, reply)
        except TypeError as error:
            send(connection, {"failed": str(error), "kind": "TypeError", "printed": reply["printed"]})
        except OSError:
            return  # the driver has given up waiting
