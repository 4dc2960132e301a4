"""The German translation is complete and fits the English texts."""

from __future__ import annotations

import ast
import json
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from krita_plugin.pullface import translation
from krita_plugin.pullface.backend.editing import pull, state
from krita_plugin.pullface.qt import QtCore

PLUGIN = Path(translation.__file__).parent
GERMAN = json.loads((PLUGIN / "translations/de.json").read_text(encoding="utf-8"))


def calls_of(file: Path, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in names:
                yield node


def texts_in(node: ast.expr) -> Iterator[str]:
    """The constant texts of an argument, those of both branches of a conditional included."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts_in(node.body)
        yield from texts_in(node.orelse)


def translated_texts() -> dict[str, str]:
    found = {}
    shared = Path(pull.__file__).with_name("wording.py")
    for file in (*sorted(PLUGIN.rglob("*.py")), shared):
        for call in calls_of(file, "tr"):
            found.update(dict.fromkeys(texts_in(call.args[0]), file.name))
    return found


def sentences_of_a_pull() -> dict[str, str]:
    """What ``backend.editing`` says in English; the docker translates it when it shows it."""
    found = {}
    for file in sorted(Path(pull.__file__).parent.glob("*.py")):
        for call in calls_of(file, "Message", "filled", "EditingError"):
            texts = [text for argument in call.args[:3] for text in texts_in(argument)]
            found.update({text: file.name for text in texts if " " in text})
    for text in (*state._TEXTS.values(), *state._STAGES.values()):
        if text:
            found[text] = "state.py"
    return found


def test_every_text_is_in_german() -> None:
    texts = translated_texts()
    assert len(texts) > 60
    assert {text: file for text, file in texts.items() if text not in GERMAN} == {}


def test_every_sentence_of_a_pull_is_in_german() -> None:
    texts = sentences_of_a_pull()
    assert len(texts) > 25
    assert {text: file for text, file in texts.items() if text not in GERMAN} == {}


def fields_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_translations_have_the_same_values_in_them() -> None:
    assert {text for text, german in GERMAN.items() if fields_of(text) != fields_of(german)} == set()


def test_no_translation_is_empty_or_left_over_from_a_text_that_is_gone() -> None:
    assert [text for text, german in GERMAN.items() if not german.strip()] == []
    backend = Path(pull.__file__).parents[1]
    sources = [*PLUGIN.rglob("*.py"), *backend.rglob("*.py"), *PLUGIN.parents[1].glob("backend/**/*.py")]
    constants = {
        node.value
        for file in sources
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(GERMAN) - constants == set()


def test_values_and_numbers() -> None:
    translation.use_language("de")
    assert translation.title("Pull 12") == "Zug 12"
    assert translation.title("Pull to step 7") == "Zug bis Schritt 7"
    assert translation.title("Pull the other one") == "Pull the other one"
    assert translation.tr("{seconds} s left", seconds=5) == "noch 5 s"
    assert translation.number(1234.56) == "1234,6"
    assert translation.tr("A text that {nobody} translated") == "A text that {nobody} translated"
    translation.use_language("en")
    assert translation.number(1234.56) == "1234.6"


@pytest.mark.parametrize(
    ("locale", "language"), [("de_AT", "de"), ("de", "de"), ("en_GB", "en"), ("fr_FR", "en"), ("C", "en")]
)
def test_the_editors_language_is_followed(application: Any, locale: str, language: str) -> None:
    before = QtCore.QLocale()
    QtCore.QLocale.setDefault(QtCore.QLocale(locale))
    try:
        assert translation.editor_language() == language
    finally:
        QtCore.QLocale.setDefault(before)
