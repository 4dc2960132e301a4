"""A web server that serves one file, with the faults that a test asks for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What is served, and what was asked.

    Attributes:
        content: of the file.
        tag: its ETag; empty for none.
        ranges: whether parts may be asked for.
        tells_length: whether its length is told.
        breaks: after so many bytes the connection breaks, once for each entry.
        statuses: what is answered instead, once for each entry.
        stalls_after: so many bytes are sent, and then nothing more comes.
        kind: the content type.
        asked: the Range header of each request for content, empty where there was none.
    """

    content: bytes
    tag: str = '"1"'
    ranges: bool = True
    tells_length: bool = True
    breaks: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    stalls_after: int | None = None
    kind: str = "application/octet-stream"
    asked: list[str] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """While entered, ``site.url`` answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(200, len(site.content))

        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            site.asked.append(asked)
            if site.statuses:
                self.send_error(site.statuses.pop(0))
                return
            start = int(asked.removeprefix("bytes=").split("-")[0]) if asked and site.ranges else 0
            if self.headers.get("If-Range", site.tag) != site.tag:
                start = 0
            if start >= len(site.content):
                self.send_error(416)
                return
            self._answer(206 if start else 200, len(site.content) - start, start)
            part = site.content[start:]
            if site.breaks:
                self.wfile.write(part[: site.breaks.pop(0)])
                self.close_connection = True
                return
            if site.stalls_after is not None:
                self.wfile.write(part[: site.stalls_after])
                ending.wait(60)
                return
            self.wfile.write(part)

        def _answer(self, status: int, length: int, start: int = 0) -> None:
            self.send_response(status)
            self.send_header("Content-Type", site.kind)
            if site.tells_length:
                self.send_header("Content-Length", str(length))
            if site.tag:
                self.send_header("ETag", site.tag)
            if status == 206:
                whole = len(site.content)
                self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    ending = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}/files/model.pkl"
    try:
        yield site
    finally:
        ending.set()
        server.shutdown()
        thread.join()
        server.server_close()
