"""The error codes of protocol 1 and the exceptions that carry them."""

from __future__ import annotations

ERROR_CODES: dict[str, str] = {
    "wrong_token": "The token in hello is not the one in the connection file.",
    "hello_first": "Something else than hello came from a client that is not let in.",
    "wrong_protocol": "The major versions differ; the text says which side to update.",
    "unknown_type": "No request of this name exists.",
    "malformed": "The message cannot be decoded, or a field is missing or of the wrong type.",
    "wrong_buffer_size": "A buffer is missing, unexpected, too large, or does not fit its shape and dtype.",
    "bad_points": "No points, too many points, or a coordinate that is not a finite number.",
    "points_outside": "A point lies outside the crop.",
    "empty_mask": "Nothing may move: the mask is zero all over the crop.",
    "empty_layer": "The layer has no visible pixel in the crop.",
    "empty_selection": "The crop should follow the selection, but nothing is selected.",
    "layer_too_small": "The layer is smaller than the smallest allowed.",
    "layer_too_large": "The layer has more pixels than allowed.",
    "bad_crop": "The crop's side is out of range, or its choice is unknown.",
    "crop_outside": "The crop does not touch the layer's picture.",
    "bad_mask": "The mask holds values that are no numbers, or does not fit the crop.",
    "bad_options": "An option is unknown or its value is out of range.",
    "unknown_engine": "There is no drag engine of this name.",
    "unknown_model": "No model of this name is installed.",
    "bad_model": "The model's file cannot be read.",
    "no_device": "The worker's device does not exist on this machine.",
    "wrong_model": "The session's inversion was made with another model.",
    "bad_inversion": "The saved inversion cannot be read.",
    "wrong_picture_size": "Pictures that belong together do not have the same size.",
    "diverged": "The pull ran away; the steps before are kept.",
    "session_full": "The session holds as many steps as it can.",
    "unknown_session": "No session of this name is open or saved.",
    "unknown_step": "The session has no such step.",
    "not_inverted": "The session must be inverted first.",
    "not_running": "No drag is running in this session.",
    "damaged_session": "The session's files cannot be read.",
    "disk_full": "The session cannot be written to disk.",
    "out_of_memory": "The computation did not fit into memory; the worker goes on.",
    "worker_lost": "The compute process died; it is restarted, the session is saved.",
    "server_lost": "Raised by the client library: the server's process is gone.",
    "timeout": "Raised by the client library: no answer in the time given.",
    "not_started": "Raised by the launcher: the server could not be started.",
    "cancelled": "The request was cancelled before it was done.",
    "busy": "A limit on clients, sessions, requests or queued bytes is reached.",
    "internal": "A defect of Pullface; the log has the details.",
}
"""Code → meaning. A code never changes its meaning; later minor versions may add codes."""


class WireError(Exception):
    """A message that breaks the protocol, or a request that cannot be granted.

    Attributes:
        code: a key of ``ERROR_CODES``.
        message: one plain sentence for artists.
        hint: what to do about it, one sentence.
        request_id: the id of the broken request where it could be read, so that the answer can be addressed.
    """

    def __init__(self, code: str, message: str, hint: str, request_id: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.request_id = request_id


class RemoteError(WireError):
    """The client's side of an ``error`` reply; also raised for a lost server and for a timeout.

    A code that this side does not know, from a newer server, is kept as it is.
    """

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()
