"""Both transports, by the same tests, against a real libzmq ROUTER."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import select
import signal
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from backend.wire import zmtp
from backend.wire.client import RemoteError
from backend.wire.libzmq import LibzmqTransport
from backend.wire.sockets import SocketTransport
from backend.wire.transport import RECEIVE_QUEUE, SEND_QUEUE, Transport, open_transport
from tests.wire.peers import (
    AT_ONCE,
    MEGABYTE,
    PATIENCE,
    BadRoad,
    Connect,
    Router,
    RouterProcess,
    Stranger,
    memory,
    open_descriptors,
    take,
    take_uncopied,
    wait_for_end,
)

pytestmark = pytest.mark.usefixtures("transport")


@pytest.fixture
def router() -> Iterator[Router]:
    with Router() as router:
        yield router


SIZES = (0, 1, 2, 255, 256, 257, 65_534, 65_535, 65_536, 65_545, 65_546, 1_000_000)
RANDOM = random.Random(7).randbytes(2 * MEGABYTE)


def messages(longest: int) -> list[list[bytes]]:
    """Messages of all shapes with frames up to ``longest`` bytes."""
    sizes = [size for size in SIZES if size <= longest]
    made = [[RANDOM[number : number + size]] for number, size in enumerate(sizes)]
    made += [[b"header", RANDOM[:size]] for size in sizes]
    made += [
        [b"", b""],
        [b"", b"x", b""],
        [b"x" * min(longest, 300)] * 5,
        [RANDOM[:size] for size in sizes[-4:]],
    ]
    return made


def test_it_is_the_one_that_was_asked_for(transport: str, router: Router, connected: Connect) -> None:
    kind = {"libzmq": LibzmqTransport, "sockets": SocketTransport}[transport]
    one = connected(router.endpoint)
    assert isinstance(one, kind)
    assert one.name


def test_messages_of_all_shapes_arrive_in_both_directions(router: Router, connected: Connect) -> None:
    one = connected(router.endpoint)
    for message in messages(MEGABYTE):
        one.send(message)
    for message in messages(MEGABYTE):
        peer, frames = router.receive()
        assert frames == message
        router.send(peer, message)
    for message in messages(MEGABYTE):
        assert take(one) == message
    assert one.receive() is None
    assert one.ended is None


def test_buffers_of_any_kind_are_sent(router: Router, connected: Connect) -> None:
    one = connected(router.endpoint)
    one.send(
        [
            b"a",
            bytearray(b"b"),
            memoryview(b"cde")[1:],
            memoryview(bytes(24)).cast("d"),
            memoryview(bytearray()),
        ]
    )
    assert router.receive()[1] == [b"a", b"b", b"de", bytes(24), b""]


def test_small_buffers_may_change_after_sending(router: Router, connected: Connect) -> None:
    """Only large ones are used where they lie."""
    one = connected(router.endpoint)
    buffer = bytearray(b"before")
    one.send([buffer])
    buffer[:] = b"behind"
    assert router.receive()[1] == [b"before"]


@pytest.mark.parametrize("longest", [1, 2, 7, 1500, 70_000])
def test_a_stream_that_is_cut_anywhere(router: Router, connected: Connect, longest: int) -> None:
    with BadRoad(router.endpoint, longest, seed=longest) as road:
        one = connected(road.endpoint)
        many = messages(300 if longest < 10 else 70_000)
        for message in many:
            one.send(message)
        for message in many:
            peer, frames = router.receive()
            assert frames == message
            router.send(peer, message)
        for message in many:
            assert take(one) == message


def test_many_frames(router: Router, connected: Connect) -> None:
    """All are sent. Of those that come no more are kept than a message may have, and the next message is whole."""
    one = connected(router.endpoint)
    frames = [b"%d" % number for number in range(5000)]
    one.send(frames)
    peer, arrived = router.receive()
    assert arrived == frames
    router.send(peer, frames)
    router.send(peer, [b"next"])
    assert take(one) == frames[: zmtp.KEPT_FRAMES]
    assert take(one) == [b"next"]


def test_a_layer_of_256_mb(connected: Connect) -> None:
    """4000 × 4000 RGBA floats there and back, without a further copy on this side."""
    layer = memoryview(bytes(range(256)) * MEGABYTE)
    assert layer.nbytes == 4096 * 4096 * 16
    total = zlib.crc32(layer)
    with RouterProcess() as router:
        one = connected(router.endpoint)
        one.send([b"warm"])
        take(one)
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts anew
        before = memory("VmRSS")
        one.send([b"sum", layer])
        assert take(one) == [b"%d" % total]
        sending = memory("VmHWM") - before
        one.send([b"give", b"%d" % layer.nbytes])
        (back,) = take_uncopied(one)
        receiving = memory("VmHWM") - before
        assert (len(back), zlib.crc32(back)) == (layer.nbytes, total)
        print(
            f"{sending >> 20} MB more for sending, {receiving >> 20} MB for receiving {layer.nbytes >> 20} MB"
        )
        assert sending < 16 * MEGABYTE
        assert receiving < layer.nbytes + 16 * MEGABYTE


def test_a_client_that_does_not_take_its_messages(connected: Connect) -> None:
    """No more than a bounded number is held for it; the sender is held up, and nothing is lost."""
    with Router(SNDHWM=4, SNDBUF=65536) as router:
        one = connected(router.endpoint)
        one.send([b"here"])
        peer, _ = router.receive()
        sent = refusals = 0
        while refusals < 50:  # half a second without any going out
            try:
                router.socket.send_multipart([peer, struct.pack(">Q", sent), RANDOM[:50_000]], zmq.NOBLOCK)
                sent, refusals = sent + 1, 0
            except zmq.Again:
                refusals += 1
                time.sleep(0.01)
        # What lies in the two programs' queues, and some megabytes in the system's.
        assert RECEIVE_QUEUE <= sent < RECEIVE_QUEUE + 500
        for number in range(sent):
            assert take(one) == [struct.pack(">Q", number), RANDOM[:50_000]]


def test_a_server_that_does_not_read(connected: Connect) -> None:
    """The client's memory stays as it is; a message too many is refused; what was taken arrives."""
    with RouterProcess() as router:
        one = connected(router.endpoint)
        one.send([b"warm"])
        take(one)
        layer = bytearray(RANDOM[:MEGABYTE])
        before = memory("VmRSS")
        router.signal(signal.SIGSTOP)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < SEND_QUEUE + 200:
                one.send([b"sum", struct.pack(">Q", sent), layer])
                sent += 1
                if sent >= SEND_QUEUE:
                    time.sleep(0.01)
        # libzmq does not count to the last message; some megabytes lie in the system's queues.
        assert SEND_QUEUE // 2 <= sent < SEND_QUEUE + 50
        assert memory("VmRSS") - before < 16 * MEGABYTE
        assert one.ended is None
        router.signal(signal.SIGCONT)
        expected = b"%d" % zlib.crc32(layer)
        for number in range(sent):
            assert take(one) == [b"%d" % zlib.crc32(struct.pack(">Q", number)), expected]
        one.send([b"and on"])
        assert take(one) == [b"and on"]


def test_a_killed_server_is_noticed_at_once(connected: Connect) -> None:
    with RouterProcess() as router:
        one = connected(router.endpoint)
        one.send([b"here"])
        assert take(one) == [b"here"]
        router.signal(signal.SIGKILL)
        assert wait_for_end(one) < AT_ONCE
        assert one.ended is not None
        assert one.ended.code == "server_lost"
        assert one.ended.message
        assert one.ended.hint
        with pytest.raises(BlockingIOError):
            one.send([b"anybody?"])
        assert one.receive() is None


@pytest.mark.parametrize("direction", ["to it", "from it"])
def test_a_server_that_is_killed_in_the_middle_of_a_frame(connected: Connect, direction: str) -> None:
    with RouterProcess() as router:
        one = connected(router.endpoint)
        one.send([b"here"])
        take(one)
        if direction == "to it":
            router.signal(signal.SIGSTOP)
            one.send([b"sum", bytes(64 * MEGABYTE)])
            time.sleep(0.1)
        else:
            one.send([b"give", b"%d" % (256 * MEGABYTE)])
            time.sleep(0.1)
        router.signal(signal.SIGKILL)
        assert wait_for_end(one) < AT_ONCE


def test_last_words_are_heard(connected: Connect, transport: str) -> None:
    if transport == "libzmq":
        pytest.skip("libzmq throws away what was not taken when the connection breaks")
    with RouterProcess() as router:
        one = connected(router.endpoint)
        one.send([b"last words", b"x" * 100_000])
        assert take(one) == [b"last words", b"x" * 100_000]
        assert wait_for_end(one) < AT_ONCE


def test_nobody_listens_and_then_somebody_does(connected: Connect) -> None:
    """A refused or broken connection stays so; another one is made to whoever listens there next."""
    with Router() as first:
        endpoint = first.endpoint
        one = connected(endpoint)
        one.send([b"one"])
        assert first.receive()[1] == [b"one"]
    assert wait_for_end(one) < AT_ONCE
    refused = connected(endpoint)
    assert wait_for_end(refused) < AT_ONCE
    with Router(endpoint) as second:
        again = connected(endpoint)
        again.send([b"again"])
        assert second.receive()[1] == [b"again"]
        assert not second.socket.poll(100)
    for over in (one, refused):
        with pytest.raises(BlockingIOError):
            over.send([b"x"])


@pytest.mark.parametrize("endpoint", ["", "tcp://127.0.0.1:", "tcp://127.0.0.1:x", "tcp://127.0.0.1:70000"])
def test_an_endpoint_that_is_none(endpoint: str) -> None:
    with pytest.raises(RemoteError) as caught:
        open_transport(endpoint)
    assert caught.value.code == "server_lost"


def readable(one: Transport, seconds: float) -> bool:
    return bool(select.select([one.fileno()], [], [], seconds)[0])


def test_the_descriptor_tells_of_messages_and_of_the_end(connected: Connect) -> None:
    """An event loop that only watches it, and drains after each wake-up, misses nothing."""
    with Router() as router:
        one = connected(router.endpoint)
        one.send([b"here"])
        peer, _ = router.receive()
        assert one.socket_object is None or one.socket_object.fileno() == one.fileno()
        taken = 0
        for number in range(50):
            if number % 10 == 0:
                time.sleep(0.02)
            router.send(peer, [b"%d" % number])
        while taken < 50:
            while one.receive() is not None:
                taken += 1
            if taken < 50:
                assert readable(one, AT_ONCE)
        while readable(one, 0.1):
            assert one.receive() is None
    if isinstance(
        one, SocketTransport
    ):  # libzmq's own descriptor says nothing of that; the loop's timer finds it
        assert readable(one, AT_ONCE)
    assert wait_for_end(one) < AT_ONCE


def test_heartbeats_of_zmtp(connected: Connect) -> None:
    """A ROUTER that asks for signs of life gets them, and one that gets none hangs up."""
    with Router(HEARTBEAT_IVL=50, HEARTBEAT_TIMEOUT=250, HEARTBEAT_TTL=500) as router:
        one = connected(router.endpoint)
        one.send([b"here"])
        peer, _ = router.receive()
        time.sleep(1.0)  # the client is idle, as an editor is
        router.send(peer, [b"still there?"])
        assert take(one) == [b"still there?"]
        one.send([b"yes"])
        assert router.receive()[1] == [b"yes"]


# Closing


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """What ``socket.socketpair`` is on Windows: bytes take their time from one end to the other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        return one, listener.accept()[0]


def test_wake_ups_over_tcp_as_on_windows(
    router: Router, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is lost, none is late, and none stays: an event loop that watches would spin."""
    if transport == "libzmq":
        pytest.skip("libzmq wakes in its own way")
    with monkeypatch.context() as patch:
        patch.setattr(socket, "socketpair", tcp_pair)
        one = open_transport(router.endpoint)
    one.send([b"here"])
    peer, _ = router.receive()
    longest = 0.0
    for number in range(300):
        begun = time.monotonic()
        one.send([b"%d" % number])
        assert router.receive()[1] == [b"%d" % number]
        router.send(peer, [b"%d" % number])
        if number % 2:
            assert readable(one, AT_ONCE)
        while (message := one.receive()) is None:  # by the timer, before the wake-up arrives
            assert time.monotonic() - begun < AT_ONCE
        assert message == [b"%d" % number]
        assert one.receive() is None
        longest = max(longest, time.monotonic() - begun)
    print(f"{longest * 1000:.0f} ms for the slowest of 300 echoes")
    time.sleep(0.05)
    one.receive()
    assert not readable(one, 0.2)
    one.close()


def test_nothing_stays_behind(router: Router) -> None:
    for attempt in range(12):
        one = open_transport(router.endpoint)
        one.send([b"here"])
        router.receive()
        if attempt == 1:
            descriptors, threads = open_descriptors(), threading.active_count()
        one.close()
        one.close()
        assert one.receive() is None
    one = open_transport(router.endpoint)
    one.send([b"here"])
    router.receive()
    deadline = time.monotonic() + AT_ONCE  # the router closes its ends in its own time
    while open_descriptors() > descriptors and time.monotonic() < deadline:
        time.sleep(0.01)
    assert open_descriptors() <= descriptors
    assert threading.active_count() == threads
    one.close()


def test_one_that_was_forgotten_lets_go(router: Router, transport: str) -> None:
    if transport == "libzmq":
        pytest.skip("pyzmq warns of sockets that were not closed")
    before = threading.active_count()
    one = open_transport(router.endpoint)
    one.send([b"here"])
    router.receive()
    assert threading.active_count() == before + 1
    del one
    gc.collect()
    assert threading.active_count() == before


def test_closing_does_not_wait(connected: Connect) -> None:
    """Not for a peer that never answers, nor for a server that does not read what is on its way."""
    gate = threading.Event()
    with Stranger(lambda _connection: gate.wait(PATIENCE) and None) as stranger:
        one = connected(stranger.endpoint)
        one.send([bytes(32 * MEGABYTE)])
        begun = time.monotonic()
        one.close()
        assert time.monotonic() - begun < AT_ONCE
        gate.set()
    with RouterProcess() as router:
        one = connected(router.endpoint)
        one.send([b"here"])
        take(one)
        router.signal(signal.SIGSTOP)
        one.send([b"sum", bytes(64 * MEGABYTE)])
        time.sleep(0.05)
        begun = time.monotonic()
        one.close()
        assert time.monotonic() - begun < AT_ONCE


def test_an_echo_takes_no_several_times_what_libzmq_takes(transport: str, router: Router) -> None:
    """16 MB there and back, both transports in turn; the smallest of some times, since the machine has more to do."""
    if transport == "libzmq":
        pytest.skip("is measured with the other")
    layer = RANDOM[:MEGABYTE] * 16

    def echo() -> None:
        for _ in range(2 * 6):
            peer, *frames = router.socket.recv_multipart(copy=False)
            router.socket.send_multipart([peer, *frames], copy=False)

    server = threading.Thread(target=echo)
    server.start()
    best: dict[str, float] = {}
    pair = (LibzmqTransport(router.endpoint), SocketTransport(router.endpoint))
    for _ in range(6):
        for one in pair:
            begun = time.perf_counter()
            one.send([b"h", layer])
            message = take_uncopied(one)
            name = type(one).__name__
            best[name] = min(best.get(name, PATIENCE), time.perf_counter() - begun)
            assert message[1] == layer
    server.join()
    for one in pair:
        one.close()
    ratio = best["SocketTransport"] / best["LibzmqTransport"]
    print(
        ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in best.items()), f"ratio {ratio:.2f}"
    )
    assert ratio < (10 if os.getloadavg()[0] > (os.cpu_count() or 1) else 4)
