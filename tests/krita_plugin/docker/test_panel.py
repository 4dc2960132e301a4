"""What the docker shows, what it asks for, and that nothing jumps or works in vain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from krita_plugin.pullface import translation
from krita_plugin.pullface.backend.editing.geometry import Square
from krita_plugin.pullface.backend.editing.messages import Message
from krita_plugin.pullface.backend.editing.state import Phase, Progress
from krita_plugin.pullface.qt import Qt, QtCore, QtGui, QtWidgets, sip
from tests.krita_plugin.docker.conftest import settle
from tests.krita_plugin.docker.fakes import ERROR, FakePull, result, with_pairs
from tests.krita_plugin.docker.states import STATES, make_panel, palette

Show = Callable[..., Any]


def pull_of(panel: Any) -> FakePull:
    return panel._pull


def press(widget: QtWidgets.QWidget, x: float, y: float) -> None:
    """A real press and release of the left button."""
    kinds, left, none = QtCore.QEvent.Type, Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    for kind, buttons in ((kinds.MouseButtonPress, left), (kinds.MouseButtonRelease, none)):
        place = QtCore.QPointF(x, y)
        glob = QtCore.QPointF(widget.mapToGlobal(QtCore.QPoint(round(x), round(y))))
        event = QtGui.QMouseEvent(kind, place, glob, left, buttons, Qt.KeyboardModifier.NoModifier)
        QtWidgets.QApplication.sendEvent(widget, event)


# Orders


@pytest.mark.parametrize("name", ["invert", "drag", "apply"])
def test_a_button_calls_the_pull(show: Show, name: str) -> None:
    panel = show("history")
    getattr(panel.controls, name).click()
    assert pull_of(panel).calls == [(name,)]


def test_stop_is_there_while_something_runs(show: Show) -> None:
    panel = show("inverting")
    controls = panel.controls
    assert not controls.drag.isEnabled()
    assert not controls.invert.isEnabled()
    controls.stop.click()
    assert pull_of(panel).calls == [("stop",)]
    pull_of(panel).tell("state", phase=Phase.READY)
    assert not controls.stop.isEnabled()
    assert controls.drag.isEnabled()


def test_animation_has_lengths(show: Show) -> None:
    panel = show("history")
    panel.controls.animation.menu().actions()[1].trigger()
    assert pull_of(panel).calls == [("animate", 24)]


def test_options_reach_the_pull(show: Show) -> None:
    panel = show("options")
    options, pull = panel.options, pull_of(panel)
    options.grow.setValue(7)
    options.feather.setValue(12)
    options.movable.setCurrentIndex(1)
    options.movable.activated.emit(1)
    assert (pull.area.movable, pull.area.grow, pull.area.feather) == ("selection", 7, 12)
    assert options.crop.currentData() == "face"
    options.crop.setCurrentIndex(2)
    options.crop.activated.emit(2)
    assert pull.crop_choice == "selection"


def test_a_crop_that_is_not_drawn_yet_is_asked_for(show: Show) -> None:
    panel = show("options")
    asked: list[bool] = []
    panel.framing_toggled.connect(asked.append)
    panel.options.crop.setCurrentIndex(3)
    panel.options.crop.activated.emit(3)
    assert asked == [True]
    assert panel.options.crop.currentData() == "face"  # it counts when it is drawn
    pull_of(panel).tell("options", drawn_crop=Square(0, 0, 64), crop_choice="drawn")
    assert panel.options.crop.currentData() == "drawn"
    panel.options.draw.click()
    assert asked == [True, True]


def test_editing_the_frame_is_shown(show: Show) -> None:
    panel = show("options")
    asked: list[bool] = []
    panel.framing_toggled.connect(asked.append)
    before = panel.controls.text.text()
    panel.set_framing(True)
    assert panel.options.draw.isChecked()
    assert "corner" in panel.controls.text.text()
    assert asked == []
    panel.options.draw.click()
    assert asked == [False]
    panel.set_framing(False)
    assert panel.controls.text.text() == before


def test_a_label_is_chosen_where_the_model_has_any(show: Show) -> None:
    panel = show("options")
    label, pull = panel.options.label, pull_of(panel)
    assert label.isHidden()
    pull.tell("options", labels=["cat", "dog"])
    assert not label.isHidden()
    assert [label.itemText(index) for index in range(label.count())] == ["Any", "cat", "dog"]
    assert label.currentData() == -1
    for index, number in ((2, 1), (0, None)):
        label.setCurrentIndex(index)
        label.activated.emit(index)
        assert pull.calls[-1] == ("set_label", number)
    pull.tell("options", label=0)
    assert label.currentText() == "cat"
    pull.tell("options", labels=[], label=None)
    assert label.isHidden()


def test_of_several_faces_the_next_can_be_chosen(show: Show) -> None:
    panel = show("options")
    options, pull = panel.options, pull_of(panel)
    assert options.faces.isHidden()
    pull.tell("options", faces=(Square(0, 0, 64), Square(90, 0, 64, 12.5)), face_number=1)
    assert not options.faces.isHidden()
    assert options.which_face.text() == "Face 2 of 2"
    options.next_face.click()
    assert pull.calls[-1] == ("next_face",)
    pull.tell("options", face_number=None)
    assert options.which_face.text() == "2 faces"


def test_what_the_pull_tells_is_not_sent_back(show: Show) -> None:
    panel = show("options")
    pull = pull_of(panel)
    pull.tell("options", model="portraits-512", crop_choice="selection")
    pull.tell("state", last_step=90)
    assert pull.calls == []
    assert panel.header.model.currentText() == "portraits-512"


def test_choosing_a_model(show: Show) -> None:
    panel = show("history")
    assert panel.header.model.currentText() == "toon"  # the default is shown by its name
    panel.header.model.setCurrentIndex(1)
    panel.header.model.activated.emit(1)
    assert pull_of(panel).calls == [("set_model", "portraits-512")]


def test_the_default_that_the_backend_marks_is_shown(show: Show) -> None:
    panel = show("history")
    marked = [{"name": "anime"}, {"name": "toon", "default": True}]
    panel._connection.tell(models=marked)
    assert panel.header.model.currentText() == "toon"
    panel._connection.tell(models=[{"name": "anime"}, {"name": "toon"}])
    assert panel.header.model.currentText() == "anime"
    panel._connection.tell(models=[])
    assert panel.header.model.currentText() == "Default model"


def test_a_models_tooltip_says_what_it_shows_and_how_large(show: Show) -> None:
    panel = show("history")
    facts = {"domain": "oil portraits", "resolution": 512, "description": "By hand.", "licence": "CC0-1.0"}
    tall = {"name": "figures", "domain": "people", "resolution": 1024, "height": 1024, "width": 512}
    panel._connection.tell(models=[{"name": "oil", **facts}, {"name": "bare"}, tall])
    texts = [panel.header.model.itemData(i, QtCore.Qt.ItemDataRole.ToolTipRole) for i in (0, 1, 2)]
    assert texts == ["oil portraits, 512 px\nBy hand.\nCC0-1.0", "", "people, 512 × 1024 px"]


def test_a_model_file_of_the_artist_is_shown_by_its_name(show: Show) -> None:
    panel = show("history")
    pull_of(panel).tell("options", model="/home/artist/models/mine.safetensors")
    assert panel.header.model.currentText() == "mine.safetensors"


def test_results_are_applied_and_deleted(show: Show) -> None:
    panel = show("history")
    results = panel.results
    assert not results.apply.isEnabled()
    results.list.item(1).setSelected(True)
    assert results.chosen == "r2"
    results.apply.click()
    results.list.itemDoubleClicked.emit(results.list.item(1))
    results.delete.click()
    assert pull_of(panel).calls == [("apply_result", "r2"), ("apply_result", "r2"), ("delete_result", "r2")]


def test_results_keep_their_choice_and_their_pictures(show: Show) -> None:
    panel = show("history")
    thumbnails = panel.results.list
    thumbnails.item(2).setSelected(True)
    before = thumbnails.item(2).icon().cacheKey()
    pull = pull_of(panel)
    pull.tell("results", results=[result(1, 2), result(2), result(3), result(4)])
    assert [thumbnails.item(index).text() for index in range(4)] == ["Pull 4", "Pull 3", "Pull 2", "Pull 1 ✓"]
    assert panel.results.chosen == "r1"
    assert thumbnails.item(3).icon().cacheKey() == before
    pull.tell("results", results=[result(4)])
    assert panel.results.chosen is None
    assert not panel.results.delete.isEnabled()


def test_no_result_is_applied_while_something_runs(show: Show) -> None:
    panel = show("dragging")
    panel.results.list.item(0).setSelected(True)
    assert not panel.results.apply.isEnabled()
    panel.results.list.itemDoubleClicked.emit(panel.results.list.item(0))
    assert pull_of(panel).calls == []


def test_the_mode_is_told_and_shown(show: Show) -> None:
    panel = show("no-backend")
    told: list[bool] = []
    panel.mode_toggled.connect(told.append)
    panel.controls.mode.click()
    assert told == [True]
    assert "Drag on the canvas" in panel.controls.text.text()
    panel.set_mode(False)
    assert told == [True]
    assert not panel.controls.mode.isChecked()


# Scrubbing


def test_the_scrubber_goes_where_it_is_pressed(show: Show) -> None:
    panel = show("history")
    scrubber = panel.controls.scrubber
    press(scrubber, scrubber.width() * 0.25, scrubber.height() / 2)
    (name, step) = pull_of(panel).calls[-1]
    assert name == "show"
    assert step == pytest.approx(15, abs=4)


def test_the_scrubber_stays_where_the_artist_put_it(show: Show) -> None:
    panel = show("history")
    controls, pull = panel.controls, pull_of(panel)
    controls.scrubber.setValue(20)
    pull.pairs.track([], 33)  # a step on the way, shown late
    pull.tell("state")
    assert controls.scrubber.value() == 20
    controls.back.click()
    controls.back.click()
    assert [call for call in pull.calls if call[0] == "show"] == [("show", 20), ("show", 19), ("show", 18)]
    pull.pairs.track([], 18)
    pull.tell("state")
    pull.pairs.track([], 50)  # undo, for example
    pull.tell("state")
    assert controls.scrubber.value() == 50
    controls.back.click()
    pull.tell("message", message=ERROR)  # the step cannot be shown
    assert controls.scrubber.value() == 50


def test_steps_cannot_be_shown_while_something_runs(show: Show) -> None:
    controls = show("dragging").controls
    assert not controls.scrubber.isEnabled()
    assert not controls.back.isEnabled()
    assert controls.count.text() == "42 / 60"


# Messages


def test_an_error_says_what_to_do_and_copies_its_details(show: Show) -> None:
    panel = show("error")
    bar = panel.message_bar
    assert bar.isVisible()
    assert (bar.text.text(), bar.hint.text()) == (ERROR.text, ERROR.hint)
    bar.copy.click()
    copied = QtWidgets.QApplication.clipboard().text()
    for part in (ERROR.text, "dragging: out_of_memory", "Krita 5.2.9", "ready, cpu", "Python 3."):
        assert part in copied
    bar.close_button.click()
    assert pull_of(panel).calls == [("dismiss",)]
    assert not bar.isVisible()


def test_the_connections_message_is_shown_until_it_is_read(show: Show) -> None:
    panel = show("lost")
    bar, connection = panel.message_bar, panel._connection
    assert "not installed" in bar.text.text()
    bar.close_button.click()
    connection.tell()
    assert not bar.isVisible()
    panel.header.start.click()
    assert connection.calls == ["start"]
    connection.tell(state="lost")
    assert bar.isVisible()  # it was tried again, so it is news


def test_nothing_above_moves_when_a_message_comes(show: Show) -> None:
    panel = show("history")
    places = [
        (widget, widget.mapTo(panel, QtCore.QPoint(0, 0)), widget.size())
        for widget in panel.controls.findChildren(QtWidgets.QWidget)
        if widget.isVisible()
    ]
    assert len(places) > 10
    pull_of(panel).tell("message", message=ERROR)
    settle(QtWidgets.QApplication.instance())
    assert panel.message_bar.isVisible()
    for widget, place, size in places:
        assert (widget.mapTo(panel, QtCore.QPoint(0, 0)), widget.size()) == (place, size)


def test_nothing_moves_when_texts_change(show: Show) -> None:
    panel = show("history")
    pull = pull_of(panel)

    def places() -> list[tuple[Any, Any]]:
        settle(QtWidgets.QApplication.instance())
        return [
            (widget.mapTo(panel, QtCore.QPoint(0, 0)), widget.size())
            for widget in panel.controls.findChildren(QtWidgets.QWidget)
        ]

    before = places()
    pull.tell("state", phase=Phase.INVERTING, progress=Progress(0.1, 3599.0, "Finding the face in the model"))
    assert places() == before
    pull.tell("state", phase=Phase.DRAGGING, progress=Progress(None, None, "Pulling"), last_step=999)
    assert places() == before
    panel.set_mode(False)
    panel._connection.tell(state="lost", device="")
    assert places() == before


# Room


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("name", STATES)
def test_everything_fits_into_a_narrow_docker(show: Show, name: str, language: str) -> None:
    translation.use_language(language)
    panel = show(name)
    inner = panel.header.parentWidget()
    bar = panel.style().pixelMetric(QtWidgets.QStyle.PixelMetric.PM_ScrollBarExtent)
    assert inner.minimumSizeHint().width() + bar <= 220
    buttons = [widget for widget in panel.controls.findChildren(QtWidgets.QPushButton) if widget.isVisible()]
    for button in buttons:
        words = button.fontMetrics().horizontalAdvance(button.text())
        assert words + button.iconSize().width() + 8 <= button.width(), button.text()
    text = panel.controls.text
    lines = text.fontMetrics().boundingRect(
        QtCore.QRect(0, 0, text.width(), 999), int(Qt.TextFlag.TextWordWrap), text.text()
    )
    assert lines.height() <= text.height() + 1, text.text()


# Work


class Counter(QtCore.QObject):
    """Counts the events that mean that a widget has to be laid out or painted anew."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:  # noqa: N802
        kinds = QtCore.QEvent.Type
        if event.type() in (kinds.Paint, kinds.UpdateRequest, kinds.LayoutRequest, kinds.EnabledChange):
            self.count += 1
        return False


@pytest.mark.parametrize("topic", ["preview", "state", "pairs", "options", "results", "message"])
def test_nothing_is_painted_when_nothing_changed(show: Show, topic: str) -> None:
    panel = show("history")
    application = QtWidgets.QApplication.instance()
    counter = Counter()
    for widget in [panel, *panel.findChildren(QtWidgets.QWidget)]:
        widget.installEventFilter(counter)
    for _ in range(5):
        pull_of(panel).tell(topic)
        settle(application)
    assert counter.count == 0
    pull_of(panel).tell("state", phase=Phase.INVERTING, progress=Progress(0.5, 3.0, "Reading the layer"))
    settle(application)
    assert counter.count > 0  # the counter counts


def test_a_pull_that_was_taken_away_is_not_listened_to(show: Show) -> None:
    panel = show("history")
    pull = pull_of(panel)
    panel.set_notice("This layer is a mask.")
    panel.set_pull(None)
    pull.tell("state", phase=Phase.DRAGGING)
    pull.tell("message", message=Message("error", "late"))
    assert not panel.message_bar.isVisible()
    assert panel.notice.isVisible()
    assert panel.notice.text() == "This layer is a mask."
    assert not panel.controls.isVisible()
    panel.controls.drag.click()
    assert pull.calls == []


def test_a_docker_that_krita_has_deleted_does_not_listen(show: Show) -> None:
    panel = make_panel(STATES["dragging"])
    pull, connection = panel._pull, panel._connection
    sip.delete(panel)
    for topic in ("state", "pairs", "preview", "options", "results", "message"):
        pull.tell(topic, phase=Phase.READY, message=ERROR)
    connection.tell(state="off")
    assert pull.observers._functions == connection.observers._functions == []


def test_removing_all_points(show: Show) -> None:
    panel = show("points")
    panel.header.clear_asked.emit()
    assert len(pull_of(panel).pairs) == 0
    pull_of(panel).pairs.undo()
    assert len(pull_of(panel).pairs) == 2


def test_another_palette_makes_other_icons(show: Show, application: Any) -> None:
    panel = show("history")

    def brightness() -> float:
        image = panel.controls.invert.icon().pixmap(16, 16).toImage()
        inked = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
        return max(colour.lightness() for colour in inked if colour.alpha() > 200)

    try:
        assert brightness() > 150
        application.setPalette(palette("bright"))
        settle(application)
        assert brightness() < 100
    finally:
        application.setPalette(palette("dark"))
        settle(application)


def test_everything_can_be_reached_with_the_keyboard_and_has_a_name(show: Show) -> None:
    panel = show("options")
    reached = set()
    widget = panel.header.model
    for _ in range(200):
        reached.add(widget)
        widget = widget.nextInFocusChain()
    wanted = [
        widget
        for kind in (QtWidgets.QAbstractButton, QtWidgets.QComboBox, QtWidgets.QAbstractSlider)
        for widget in panel.findChildren(kind)
        if widget.isVisible() and not isinstance(widget, QtWidgets.QScrollBar)
    ]
    assert len(wanted) > 12
    for widget in wanted:
        assert widget in reached
        assert widget.focusPolicy() != Qt.FocusPolicy.NoFocus, widget
        assert widget.accessibleName() or getattr(widget, "text", str)(), widget


def test_the_wheel_changes_nothing_by_accident(show: Show) -> None:
    panel = show("options")
    for field in (panel.options.grow, panel.options.movable, panel.controls.scrubber):
        event = QtGui.QWheelEvent(
            QtCore.QPointF(5, 5),
            QtCore.QPointF(field.mapToGlobal(QtCore.QPoint(5, 5))),
            QtCore.QPoint(0, 0),
            QtCore.QPoint(0, 120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QtWidgets.QApplication.sendEvent(field, event)
    assert pull_of(panel).calls == []
    assert panel.options.grow.value() == 0


def test_points_before_a_pull_ask_for_drag(show: Show) -> None:
    panel = show("points")
    assert panel.controls.drag.primary
    assert not panel.controls.apply.primary
    pull = pull_of(panel)
    with_pairs(pull, count=1, step=5)
    pull.tell("state", phase=Phase.READY, last_step=5)
    assert panel.controls.apply.primary
    assert not panel.controls.drag.primary
