"""Where the model looks: the crop that the artist chose, and the faces that the backend finds in the layer."""

from __future__ import annotations

from typing import Any

from ..wire.limits import MAX_BUFFER_BYTES
from .connection import Connection
from .geometry import Point, Rect, Square, distance, square_around
from .host import CropChoice, EditingError, LayerPicture, Source
from .messages import Message
from .state import PullState
from .tasks import Job, Later, Runner, Steps

LARGE_SELECTION = 0.25
"""Where no face is found, a selection is the crop if its side is this part of the layer's; a smaller one rather marks
what may move."""


class CroppedPull(PullState):
    """A pull that knows where the model looks. Arguments: see ``PullState``.

    Attributes:
        faces: that were found in the layer, the best first; empty before they were looked for.
    """

    def __init__(self, source: Source, connection: Connection, later: Later, record: bytes = b"") -> None:
        super().__init__(source, connection, later, record)
        self.faces: tuple[Square, ...] = ()
        self._finder = Runner(later, self._finding_ended)
        self._faces_of = ""
        """Digest of the pixels that they were found in."""

    @property
    def crop(self) -> Square | None:
        """The square that the model sees, or will see where that is known."""
        if self._session is not None and self._session.facts.wish == self._wish():
            return self._session.facts.crop
        if self.crop_choice == "drawn":
            return self._framed(self.drawn_crop)
        return self._chosen_face() if self.crop_choice == "face" else None

    @property
    def face_number(self) -> int | None:
        """Which of ``faces`` the model sees, from 0; None when it sees none of them."""
        crop = self.crop if self.crop_choice == "face" else None
        return _nearest(self.faces, crop) if crop is not None else None

    # Choices

    def set_crop(self, choice: CropChoice, square: Square | None = None) -> None:
        """How the crop is chosen; counts from the next inversion. ``drawn`` needs the square.

        ``face`` is automatic: it forgets which face was chosen before.
        """
        drawn = square._replace(aspect=1.0) if square is not None else self.drawn_crop
        face = None if choice == "face" else self.face
        if (choice, drawn, face) != (self.crop_choice, self.drawn_crop, self.face):
            self.crop_choice, self.drawn_crop, self.face = choice, drawn, face
            self._option_changed()
        self.look_for_faces()

    def choose_face(self, number: int) -> None:
        """Which of several faces the model shall see, by its place in ``faces``; counts from the next inversion."""
        if not 0 <= number < len(self.faces):
            return
        face = self.faces[number] if number else None  # the first is the automatic one
        if ("face", face) != (self.crop_choice, self.face):
            self.crop_choice, self.face = "face", face
            self._option_changed()

    def next_face(self) -> None:
        """The one after the present face, in turn."""
        if self.faces:
            number = self.face_number
            self.choose_face(0 if number is None else (number + 1) % len(self.faces))

    def look_for_faces(self) -> None:
        """Finds the faces in the layer while nothing else runs, if the crop is to follow one. Tells no errors."""
        if self._framing_faces and not (self.busy or self._closed or self._finder.busy):
            self._connection.start()
            self._finder.run(self._find_job())

    # Parts of jobs

    def _wish(self) -> list[Any]:
        square = {"drawn": self.drawn_crop, "face": self.face}.get(self.crop_choice)
        wish = [self.model, self.crop_choice, square.numbers if square is not None else None]
        if self.inversion_settings:
            return [*wish, self.label, self.inversion_settings]
        return wish if self.label is None else [*wish, self.label]

    @property
    def _framing_faces(self) -> bool:
        """Whether the crop follows a face: how a model frames one is known for square pictures only."""
        return self.crop_choice == "face" and self.aspect == 1

    def _framed(self, square: Square | None) -> Square | None:
        return square._replace(aspect=self.aspect) if square is not None else None

    def _located(self) -> Steps[tuple[Square | None, Rect]]:
        """The crop of a new session and the part of the layer to be read for it; None: the backend's choice."""
        bounds = self._filled_bounds()
        if self.crop_choice == "layer" or (self.crop_choice == "face" and not self._framing_faces):
            return None, bounds
        if self.crop_choice == "face":
            yield from self._find_faces(bounds)
            self._take_the_meant_face()
            crop = self._chosen_face()
            if crop is None:
                crop = self._instead_of_a_face(bounds)
                self._tell_no_face(crop)
        else:
            crop = self._chosen_crop()
        if crop is None:
            return None, bounds
        rect = crop.rect.intersected(bounds)
        if rect.empty:
            raise EditingError(
                "crop_outside", "The crop does not touch the layer's picture.", "Draw it around the face."
            )
        return crop, rect

    def _read(self, rect: Rect) -> Steps[LayerPicture]:
        """The layer as deep as it is, or in 8 bits where the wire could not carry that."""
        return (yield from self.source.read(rect, eight_bits=self._too_large(rect)))

    def _too_large(self, rect: Rect) -> bool:
        return self.source.deep and 16 * rect.width * rect.height > MAX_BUFFER_BYTES

    def _filled_bounds(self) -> Rect:
        bounds = self.source.bounds()
        if bounds.empty:
            raise EditingError(
                "empty_layer", "The selected layer is empty.", "Select the layer that the face is painted on."
            )
        return bounds

    def _chosen_crop(self) -> Square:
        if self.crop_choice == "drawn":
            if self.drawn_crop is None:
                raise EditingError("bad_crop", "No crop is drawn yet.", "Draw it around the face.")
            return self.drawn_crop._replace(aspect=self.aspect)
        if self._session is not None and self._session.facts.wish == self._wish():
            return self._session.facts.crop  # the selection may have moved on to what shall be pulled
        selected = self.source.selection_bounds()
        if selected is None:
            raise EditingError("empty_selection", "Nothing is selected.", "Select the face, then invert.")
        return square_around(selected, aspect=self.aspect)

    def _chosen_face(self) -> Square | None:
        if self.aspect != 1:
            return None
        if self.face is not None:
            return self.face
        return self.faces[0] if self.faces else None

    def _take_the_meant_face(self) -> None:
        """Of several faces the one that the points lie on, or the selection, unless the artist has chosen one."""
        if self.face is not None or len(self.faces) < 2:
            return
        places = [pair.handle for pair in self.pairs]
        selected = self.source.selection_bounds()
        if selected is not None:
            places.append(Point(selected.x + selected.width / 2, selected.y + selected.height / 2))
        for place in places:
            meant = [number for number, face in enumerate(self.faces) if face.contains(place)]
            if meant:
                self.choose_face(meant[0])
                return

    def _instead_of_a_face(self, bounds: Rect) -> Square | None:
        selected = self.source.selection_bounds()
        if selected is None or selected.intersected(bounds).empty:
            return None
        square = square_around(selected)
        return square if square.size >= LARGE_SELECTION * max(bounds.width, bounds.height) else None

    def _tell_no_face(self, crop: Square | None) -> None:
        text = (
            "No face was found, so the model sees the whole layer."
            if crop is None
            else "No face was found, so the model sees the selection."
        )
        self._say(Message("note", text, "To choose it yourself, draw the crop around the face."))

    def _find_job(self) -> Job:
        yield from self._connection.until_connected()
        yield from self._find_faces(self._filled_bounds())

    def _find_faces(self, bounds: Rect) -> Steps[None]:
        """Looks for the faces, unless the layer still shows what they were found in."""
        picture = yield from self.source.read(bounds, eight_bits=True)
        if picture.digest == self._faces_of:
            return
        body = {
            "layer": {"shape": [bounds.height, bounds.width, 4], "dtype": picture.dtype},
            "offset": [bounds.x, bounds.y],
        }
        reply = yield self._connection.send("faces.find", body, [picture.pixels])
        self._faces_of = picture.digest
        self.faces = tuple(Square.of(face["crop"]) for face in reply.body["faces"])
        if self.face is not None:  # painted on, a face may lie a little beside where it was
            number = _nearest(self.faces, self.face)
            self.face = self.faces[number] if number else None
        self._observers.tell("options")
        self._observers.tell("state")

    def _finding_ended(self, error: BaseException | None) -> None:
        """What went wrong is told when the picture is opened: nobody has asked for anything yet."""


def _nearest(faces: tuple[Square, ...], square: Square) -> int | None:
    """The face whose middle is nearest to the square's; None when it is another place altogether."""
    if not faces:
        return None
    away = [distance(Point(*face.middle), Point(*square.middle)) for face in faces]
    number = away.index(min(away))
    return number if away[number] < square.size / 3 else None
