"""One person's line to the servers, as bad as a test wants it, and changed while it is used.

Everything of that person goes through it and shares it: TCP (pages, WebSocket) and UDP (TURN). It
runs in a process of its own, ahead of others where it may, and keeps its own time: when a packet
leaves follows from what left before it, not from when the process came to look.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, cast

HOST = "127.0.0.1"
SEGMENT = 1400  # bytes of TCP that travel together
TCP_HEADERS, UDP_HEADERS = 40, 28
QUEUE = 0.3  # s that a datagram waits at the bottleneck; what would wait longer is dropped
ANSWER_WITHIN = 30  # s
Address = tuple[str, int]


@dataclass(frozen=True)
class Conditions:
    """The same in both directions."""

    rate: float | None = None  # bit/s
    delay: float = 0.0  # s, one way
    loss: float = 0.0  # 0 to 1, of datagrams; what TCP loses comes a round trip later
    dead: bool = False  # nothing comes through and nothing is refused

    @property
    def window(self) -> float:
        """Bytes of one TCP connection under way: what congestion control makes of the loss."""
        return 1.22 / self.loss**0.5 * SEGMENT if self.loss else 1 << 18


GOOD = Conditions()
BAD = Conditions(rate=300_000, delay=0.2, loss=0.05)  # 400 ms round trip
DEAD = Conditions(dead=True)


@dataclass
class Counted:
    """Both directions together, since the line was opened."""

    carried: int = 0  # bytes
    dropped: int = 0  # datagrams
    latest: float = 0.0  # s, the worst that something left late


@dataclass
class BadLine:
    """The test's end of the control; ``port`` and ``turn_port`` are what the person talks to."""

    port: int
    turn_port: int
    _control: Connection

    def be(self, conditions: Conditions) -> None:
        self._ask("be", conditions)

    def be_dead_for(self, seconds: float) -> None:
        """Returns when the line is as before again."""
        self._ask("dead for", seconds, within=seconds + ANSWER_WITHIN)

    def change_network(self) -> None:
        """As another Wi-Fi: all connections break, and datagrams come from other addresses."""
        self._ask("change network", None)

    def counted(self) -> Counted:
        return cast(Counted, self._ask("count", None))

    def _ask(self, what: str, value: object, within: float = ANSWER_WITHIN) -> object:
        self._control.send((what, value))
        if not self._control.poll(within):
            raise TimeoutError(f"the line does not answer: {what}")
        return self._control.recv()


@contextmanager
def bad_line(server_port: int, relay_port: int) -> Iterator[BadLine]:
    """A line, good at first, to a server's TCP port and a TURN server's UDP port on loopback."""
    spawn = multiprocessing.get_context("spawn")
    near, far = spawn.Pipe()
    process = spawn.Process(target=_run, args=(far, server_port, relay_port), daemon=True)
    process.start()
    try:
        if not near.poll(ANSWER_WITHIN):
            raise TimeoutError("the line did not open")
        port, turn_port = near.recv()
        yield BadLine(port, turn_port, near)
    finally:
        process.terminate()
        process.join()


class Direction:
    """One way of the line: a bottleneck with a queue, and the way behind it."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._free_at = 0.0

    def leaves_at(self, size: int) -> float:
        """Takes the bottleneck for ``size`` bytes; the time at which they arrive."""
        conditions = self._line.conditions
        self._free_at = max(self._line.now, self._free_at)
        if conditions.rate:
            self._free_at += size * 8 / conditions.rate
        return self._free_at + conditions.delay

    @property
    def full(self) -> bool:
        return self._free_at - self._line.now > QUEUE

    def datagram(self, data: bytes, deliver: Callable[[bytes], None]) -> None:
        line = self._line
        if line.conditions.dead or self.full:
            line.counted.dropped += 1
            return
        due = self.leaves_at(len(data) + UDP_HEADERS)
        if random.random() < line.conditions.loss:
            line.counted.dropped += 1
            return
        line.loop.call_at(due, self._arrives, due, data, deliver)

    def _arrives(self, due: float, data: bytes, deliver: Callable[[bytes], None]) -> None:
        if not self._line.conditions.dead:
            self._line.note(due, len(data))
            deliver(data)

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carries one TCP connection's bytes this way, in order, until it ends."""
        line, flow = self._line, Flow()
        arriving = asyncio.create_task(self._arrive(flow, writer))
        try:
            while data := await reader.read(SEGMENT):
                await line.alive.wait()
                while flow.under_way and flow.under_way + len(data) > line.conditions.window:
                    flow.moved.clear()
                    await flow.moved.wait()
                flow.under_way += len(data)
                due = self.leaves_at(len(data) + TCP_HEADERS)
                while random.random() < line.conditions.loss:
                    due = max(due, self.leaves_at(len(data) + TCP_HEADERS))
                    due += 2 * line.conditions.delay
                flow.last = max(flow.last, due)
                flow.arrivals.put_nowait((flow.last, data))
            flow.arrivals.put_nowait((flow.last, b""))
            await arriving
        finally:
            arriving.cancel()

    async def _arrive(self, flow: Flow, writer: asyncio.StreamWriter) -> None:
        line = self._line
        while True:
            due, data = await flow.arrivals.get()
            await asyncio.sleep(max(0.0, due - line.now))
            await line.alive.wait()
            if not data:
                writer.write_eof()
                return
            line.note(due, len(data))
            writer.write(data)
            await writer.drain()
            line.loop.call_later(line.conditions.delay, flow.acknowledge, len(data))


@dataclass
class Flow:
    """One way of one TCP connection."""

    under_way: int = 0
    last: float = 0.0
    arrivals: asyncio.Queue[tuple[float, bytes]] = field(default_factory=asyncio.Queue)
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def acknowledge(self, size: int) -> None:
        self.under_way -= size
        self.moved.set()


class Line:
    """The process's own side."""

    def __init__(self, control: Connection, server_port: int, turn_port: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.conditions = GOOD
        self.alive = asyncio.Event()
        self.alive.set()
        self.counted = Counted()
        self.up, self.down = Direction(self), Direction(self)
        self._control = control
        self._server: Address = (HOST, server_port)
        self._turn: Address = (HOST, turn_port)
        self._connections: set[asyncio.Task[None]] = set()
        self._ways: dict[Address, asyncio.DatagramTransport] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def now(self) -> float:
        return self.loop.time()

    def note(self, due: float, size: int) -> None:
        self.counted.carried += size
        if not self.conditions.dead:
            self.counted.latest = max(self.counted.latest, self.now - due)

    async def open(self) -> None:
        listener = await asyncio.start_server(self._accept, HOST, 0)
        self._near, _ = await self.loop.create_datagram_endpoint(
            lambda: Datagrams(self._from_person), sock=udp_socket((HOST, 0))
        )
        ports = listener.sockets[0].getsockname()[1], self._near.get_extra_info("sockname")[1]
        self._control.send(ports)
        self.loop.add_reader(self._control.fileno(), self._command)
        await listener.serve_forever()

    def _command(self) -> None:
        what, value = self._control.recv()
        match what:
            case "be":
                self._become(value)
            case "change network":
                self._change_network()
            case "dead for":
                self._keep(self._die(value))
                return
        self._control.send(self.counted if what == "count" else None)

    def _become(self, conditions: Conditions) -> None:
        self.conditions = conditions
        if conditions.dead:
            self.alive.clear()
        else:
            self.alive.set()

    async def _die(self, seconds: float) -> None:
        before = self.conditions
        self._become(DEAD)
        await asyncio.sleep(seconds)
        self._become(before)
        self._control.send(None)

    def _change_network(self) -> None:
        for connection in self._connections:
            connection.cancel()
        for way in self._ways.values():
            way.close()
        self._ways.clear()

    def _keep(self, work: Any) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self.alive.wait()
            far_reader, far_writer = await asyncio.open_connection(*self._server)
            try:
                await asyncio.gather(
                    self.up.stream(reader, far_writer), self.down.stream(far_reader, writer)
                )
            finally:
                far_writer.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass  # one end broke it off, or the network changed
        finally:
            writer.transport.abort()
            self._connections.discard(task)

    def _from_person(self, data: bytes, person: Address) -> None:
        self.up.datagram(data, lambda data: self._to_turn(data, person))

    def _to_turn(self, data: bytes, person: Address) -> None:
        way = self._ways.get(person)
        if way is None:
            self._keep(self._new_way(data, person))
        else:
            way.sendto(data)

    async def _new_way(self, data: bytes, person: Address) -> None:
        way, _ = await self.loop.create_datagram_endpoint(
            lambda: Datagrams(
                lambda data, _: self.down.datagram(data, lambda data: self._to_person(data, person))
            ),
            sock=udp_socket((HOST, 0), self._turn),
        )
        self._ways.setdefault(person, way).sendto(data)

    def _to_person(self, data: bytes, person: Address) -> None:
        self._near.sendto(data, person)


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, Address], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._take(data, addr)


def udp_socket(near: Address, far: Address | None = None) -> socket.socket:
    """With room for what comes while the process does not run."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    made.bind(near)
    if far is not None:
        made.connect(far)
    made.setblocking(False)
    return made


def _run(control: Connection, server_port: int, turn_port: int) -> None:
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)

    async def serve() -> None:
        await Line(control, server_port, turn_port).open()

    asyncio.run(serve())
