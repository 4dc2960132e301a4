"""The plugin's texts in the language of the editor.

Texts stand in English in the code, as ``tr("…")``; ``translations/<language>.json`` maps each to its translation.
A text that a language lacks is shown in English.
"""

from __future__ import annotations

import json
from pathlib import Path

from .qt import QtCore

FOLDER = Path(__file__).parent / "translations"

_texts: dict[str, str] | None = None
_locale = QtCore.QLocale.c()


def tr(text: str, **values: object) -> str:
    """The text in the editor's language.

    Args:
        text: English, with ``{name}`` where a value goes.
        values: what goes there; without any, braces in the text stay as they are.
    """
    if _texts is None:
        use_language(editor_language())
    assert _texts is not None
    translated = _texts.get(text, text)
    return translated.format(**values) if values else translated


def title(text: str) -> str:
    """The title of a pull, such as ``Pull 3``, in the editor's language; it is kept in English in the document."""
    for pattern in ("Pull {number}", "Pull, step {number}", "Pull to step {number}"):
        before, after = pattern.split("{number}")
        value = text[len(before) : len(text) - len(after)]
        if text == before + value + after and value.isdigit():
            return tr(pattern, number=value)
    return text


def number(value: float, digits: int = 1) -> str:
    """A number as it is written in the language of the texts, with so many digits after the point."""
    if _texts is None:
        use_language(editor_language())
    return _locale.toString(value, "f", digits)


def editor_language() -> str:
    """The first of the artist's languages that the plugin speaks; ``en`` when there is none.

    Krita makes the language that was chosen in its menu Qt's default locale.
    """
    for name in QtCore.QLocale().uiLanguages():
        language = name.replace("_", "-").split("-")[0].lower()
        if language == "en" or (FOLDER / f"{language}.json").is_file():
            return language
    return "en"


def use_language(language: str) -> None:
    """Translates into this language from now on; what is shown already stays as it is.

    Args:
        language: two letters; one without a translation means English.
    """
    global _texts, _locale
    _locale = QtCore.QLocale(language)
    _locale.setNumberOptions(QtCore.QLocale.NumberOption.OmitGroupSeparator)
    try:
        _texts = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        _texts = {}
