"""A session as a program takes part in it."""

from __future__ import annotations

import asyncio
import mimetypes
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from careseal.e2ee.epoch import Member
from careseal.e2ee.errors import ForkDetected, NotAllowed, SealError
from careseal.e2ee.events import Duplicate, EntryEvent
from careseal.e2ee.following import read_entry
from careseal.e2ee.identifiers import InviteId, MemberId, MessageId, SessionId
from careseal.e2ee.invite import Link
from careseal.e2ee.joining import Introduction, OpenedDoor
from careseal.e2ee.log import Kind
from careseal.e2ee.past import anchor, extend_past
from careseal.e2ee.payload import (
    Admit,
    Edit,
    End,
    File,
    Late,
    Leave,
    Note,
    Payload,
    Reaction,
    Receipt,
    Text,
    Withdraw,
)
from careseal.e2ee.policy import Policy, PolicyInvite, Settings
from careseal.e2ee.secret import IdentityKey, MemberToken
from careseal.e2ee.security_code import SecurityCode
from careseal.e2ee.signal import Peer
from careseal.e2ee.signal_payload import SignalPayload
from careseal.e2ee.state import Epoch, Phase, SessionState

from . import duties, entering, founding, transfers
from . import waiting as waiting_room
from .account import Account
from .carrying import Carrier, OnPutBack
from .commits import Changes, Committer
from .conversation import Conversation, Said
from .core import Core
from .duties import Duties
from .entering import Waiting
from .errors import (
    LinkRefused,
    NotAuthorised,
    NotInSession,
    ServerContradicts,
    ServerRefused,
    ServerUnreachable,
    StorageError,
)
from .events import Event
from .following import Follower, drain
from .founding import InviteOptions, MadeInvite
from .granting import give_history
from .knocking import Answering, Knocking
from .posting import Postman, check_sending
from .storage import Store
from .transfers import OnProgress
from .transport import Transport


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that the server has acknowledged."""

    message: MessageId
    seq: int


@dataclass(frozen=True, slots=True)
class Participant:
    """Those who came by one invite; what they are called are their own claims."""

    invite: PolicyInvite
    devices: tuple[Member, ...]


class Session:
    """One session of this device.

    Come by one with `create`, `join` or `open`, each an async context manager or closed with
    `close`. Everything acknowledged is kept, whatever happens to this process; several
    processes may use the same session at once.
    """

    def __init__(self, core: Core) -> None:
        """For `create`, `join` and `open`."""
        self._core = core
        self._postman = Postman(core)
        self._committer = Committer(core)
        self._answering = Answering(core)
        self._carrier = Carrier(core, self._committer)
        self._duties = Duties(core, self._committer, self._postman, self._answering)
        core.note = duties.note
        self._follower: Follower | None = None

    # Coming by a session -------------------------------------------------------------------

    @classmethod
    async def create(
        cls,
        store: Store,
        server: str,
        account: Account,
        *,
        name: str,
        title: str = "",
        device: str | None = None,
        identity_key: IdentityKey | None = None,
        relay_only: bool = False,
        starts: int | None = None,
        invites: Sequence[InviteOptions] = (InviteOptions(),),
        lifetime: int | None = None,
    ) -> tuple[Session, tuple[Link, ...]]:
        """A new session at `server`, and a link for each of `invites`.

        `starts` is the time agreed for the visit, ms since 1970; everybody in it and whoever
        opens a link sees it. `lifetime` in seconds. Raises `ServerRefused`, `ServerUnreachable`
        or `Malformed`.
        """
        transport = Transport(server)
        try:
            session, links = await founding.create(
                store,
                transport,
                account,
                _introduction(name, device, identity_key),
                Settings(title, relay_only, starts),
                invites,
                lifetime,
            )
        except BaseException:
            await transport.close()
            raise
        return cls(Core(store, session, transport)), links

    @classmethod
    async def join(
        cls,
        store: Store,
        link: Link | str,
        *,
        name: str,
        device: str | None = None,
        passcode: str | None = None,
        identity_key: IdentityKey | None = None,
        patience: float = 0.0,
        waiting: Waiting = lambda: None,
    ) -> Session:
        """Joins by a link; a device that is in already is opened.

        With `patience`, waits that many seconds for a host to mend the door, or to admit this
        device where the link asks for that; `waiting` is called once when it has to.

        Raises `LinkRefused` and its kin, `NotAdmitted`, or `DoorNotReady`.
        """
        parsed = link if isinstance(link, Link) else Link.parse(link)
        invite = await asyncio.to_thread(entering.derive, parsed, passcode)
        transport = Transport(parsed.origin)
        try:
            session = await cls._return(store, parsed.session, transport)
            if session is None:
                introduction = _introduction(name, device, identity_key)
                await entering.enter(
                    store,
                    transport,
                    invite,
                    introduction,
                    patience,
                    waiting,
                    knocks=parsed.knocks,
                )
                session = cls(Core(store, parsed.session, transport))
                await session.catch_up()
                await session._core.take_letter()
        except BaseException:
            await transport.close()
            raise
        return session

    @classmethod
    async def look(cls, link: Link | str, passcode: str | None = None) -> OpenedDoor:
        """What a link leads to, without joining: title, hosts, the link's own rule."""
        parsed = link if isinstance(link, Link) else Link.parse(link)
        invite = await asyncio.to_thread(entering.derive, parsed, passcode)
        async with Transport(parsed.origin) as transport:
            return await entering.look(transport, invite)

    @classmethod
    async def open(cls, store: Store, session: SessionId) -> Session:
        """A session that this device is in. Raises `StorageError` or `NotInSession`.

        Needs no server: what an earlier process left unfinished goes on with `catch_up`.
        """
        if not entering.in_store(store, session):
            raise StorageError("This session is not in the store.")
        return cls(Core(store, session, None))

    @classmethod
    async def _return(
        cls, store: Store, session: SessionId, transport: Transport
    ) -> Session | None:
        """A session that this device is in, or half in; None if it must come by the link."""
        if not entering.in_store(store, session):
            return None
        known = cls(Core(store, session, transport))
        try:
            await known.catch_up()
        except (NotInSession, LinkRefused):
            store.forget(session)
            return None
        return known

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stops all work; not a leave."""
        await self._core.transport.close()

    # What there is to see ------------------------------------------------------------------

    @property
    def id(self) -> SessionId:
        return self._core.id

    @property
    def server(self) -> str:
        return self._core.profile.origin

    @property
    def title(self) -> str:
        return self.policy.settings.title

    @property
    def starts(self) -> int | None:
        """The time agreed for the visit, ms since 1970."""
        return self.policy.settings.starts

    @property
    def policy(self) -> Policy:
        return self._present.policy

    @property
    def me(self) -> Member:
        return self.state.me

    @property
    def members(self) -> tuple[Member, ...]:
        """All devices that are in, by leaf index."""
        return self._present.members

    @property
    def participants(self) -> tuple[Participant, ...]:
        """All invites, and the devices that are in by each."""
        return tuple(
            Participant(rule, tuple(each for each in self.members if each.invite == rule.id))
            for rule in self.policy.invites
        )

    @property
    def waiting(self) -> tuple[Member, ...]:
        """Devices of guests whom no host has admitted yet, longest in the group first."""
        let_in = waiting_room.admitted(self._core.store, self.id)
        present = self._present
        return tuple(m for m in self.members if waiting_room.is_waiting(m.invite, present, let_in))

    @property
    def security_code(self) -> SecurityCode:
        """Equal for all who are in the same group: compare it by voice."""
        return SecurityCode.derive(self._present.keys.code)

    @property
    def epoch(self) -> int:
        return self._present.number

    @property
    def head(self) -> int:
        """Seq of the last entry that was verified."""
        return self.state.chain.head.seq

    @property
    def unsent(self) -> int:
        """Messages that the server has not acknowledged yet."""
        return len(self._core.outbox.waiting())

    @property
    def peers(self) -> dict[Peer, MemberId]:
        """Pages and processes of others that said hello, while this one follows."""
        return dict(self._core.signalling.peers)

    @property
    def state(self) -> SessionState:
        """The state machine's value, for those who know `careseal.e2ee`."""
        return self._core.keeper.state

    @property
    def previous_epoch(self) -> Epoch | None:
        """The epoch before, for 10 s after a change: frames of it may still come."""
        return self._core.keeper.previous

    @property
    def _present(self) -> Epoch:
        try:
            return self.state.present
        except SealError as error:
            raise NotInSession("This device is not in the session.") from error

    def link(self, invite: InviteId) -> Link | None:
        """An invite's link, if it was made on this device."""
        stored = self._core.store.get(self.id, f"link/{invite}")
        return None if stored is None else Link.parse(stored.decode())

    # Reading -------------------------------------------------------------------------------

    async def catch_up(self) -> list[Event]:
        """Reads the log to its end, finishes what was interrupted, sends what waits.

        Raises `NotInSession` if this device was removed, or `ServerUnreachable`.
        """
        joins = self.state.phase is Phase.JOINING
        told = [] if joins else await self._core.read()
        coming_back = self._core.keeper.coming_back
        told += await self._committer.resume()
        if joins and not coming_back:
            return told
        told += await self._duties.look_after()
        await self._postman.deliver_all()
        return told

    @property
    def restored(self) -> bool:
        """Whether the server's log ends before what this device knows of it, and all there is of
        it is right: see `carry_on`."""
        return self._core.restored

    async def carry_on(self, *, progress: OnPutBack | None = None) -> int:
        """Puts back what a restored server misses, and how many entries that were.

        The same sealed bytes go to the same places; nothing is sealed anew before the log is
        again what this device has seen. What only another device may put back waits for that
        one: raises `CarryOnWaits`, and while following it goes on by itself. Raises
        `SendingStopped` where the server has another entry in a place, and `NotAllowed` when
        nothing was restored. `progress` is told after each entry how many are back, of how many.
        """
        posted = await self._carrier.carry_on(progress)
        await self.catch_up()
        return posted

    async def history(self, after: int = 0) -> AsyncIterator[EntryEvent]:
        """Messages that this device can read, oldest first, from behind `after` to the present."""
        await self._core.read()
        records = self.state.records
        start = max(after, records[0].record.start if records else self.head)
        head = self.head
        chain = anchor(self.state, start)
        while chain.head.seq < head:
            page = await self._core.transport.entries(self.id, self._token, chain.head.seq)
            if not page.entries:
                raise ServerContradicts("The server does not give what it gave before.")
            for entry in page.entries[: head - chain.head.seq]:
                try:
                    chain = extend_past(self.state, chain, entry)
                except ForkDetected as error:
                    self._core.contradicted(error.seq)
                    raise
                if entry.kind is Kind.CHAT and entry.seq > start:
                    event = self._core.keeper.first(read_entry(self.state, entry))
                    if not isinstance(event, Duplicate):
                        yield event

    async def conversation(self) -> Conversation:
        """Everything that this device can read, as it stands: edited, withdrawn, reacted to."""
        conversation = Conversation()
        async for event in self.history():
            conversation.take(event)
        return conversation

    @asynccontextmanager
    async def following(self) -> AsyncIterator[AsyncIterator[Event]]:
        """The events of the session as they happen, while the block lasts.

        The line to the server comes back by itself. Ends when the session is over; raises
        `NotInSession` when this device was removed. A host's device keeps the door right and
        removes those who have left meanwhile.
        """
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        follower = Follower(self._core, self._committer, self._postman, self._duties, self._carrier)
        self._core.listeners.append(queue.put_nowait)
        self._follower = follower
        running = asyncio.create_task(follower.run())
        try:
            yield drain(queue, running)
        finally:
            self._core.listeners.remove(queue.put_nowait)
            self._follower = None
            await follower.goodbye()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def follow(self) -> AsyncIterator[Event]:
        """As `following`, for a plain `async for`."""
        async with self.following() as events:
            async for event in events:
                yield event

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Calls `listener` with every event; what is returned ends that. Does not follow."""
        self._core.listeners.append(listener)
        return lambda: self._core.listeners.remove(listener)

    # Writing -------------------------------------------------------------------------------

    async def send(self, text: str, *, reply: MessageId | None = None) -> Sent:
        """Sends a text; returns when the server has acknowledged it.

        Raises `ServerUnreachable` when it could not be sent yet: it is kept, and goes out with
        the next `catch_up` or while following.
        """
        message = MessageId(os.urandom(16))
        return Sent(message, await self.send_payload(Text(message, text, reply)))

    async def send_note(self, text: str) -> Sent:
        """A note on the visit, from a host."""
        message = MessageId(os.urandom(16))
        return Sent(message, await self.send_payload(Note(message, text)))

    async def edit(self, message: MessageId, text: str) -> int:
        """Puts another text in the place of an own one; its seq in the log.

        Raises `NotAllowed` where this device wrote no such text, or has withdrawn it.
        """
        said = await self._said(self.me.id, message)
        if not isinstance(said.payload, Text):
            raise NotAllowed("Only a text can be edited.")
        return await self.send_payload(Edit(message, text))

    async def withdraw(self, message: MessageId) -> int:
        """Takes an own text or file back: devices forget it, and the server its parts.

        The sealed log keeps it, and whoever has read it has read it. Raises `NotAllowed`.
        """
        said = await self._said(self.me.id, message)
        if isinstance(said.payload, Note):
            raise NotAllowed("A note stays as it is.")
        if isinstance(said.payload, File):
            try:
                await self._core.transport.delete_file(self.id, self._token, said.payload.file)
            except ServerRefused as refused:
                if refused.problem != "not-found":  # gone already
                    raise
        return await self.send_payload(Withdraw(message))

    async def react(self, author: MemberId, message: MessageId, emoji: str) -> int:
        """One emoji for a message of anybody, in the place of the one before; "" takes it back.

        Raises `NotAllowed` where there is no such message, or none any more.
        """
        await self._said(author, message)
        return await self.send_payload(Reaction(author, message, emoji))

    async def _said(self, author: MemberId, message: MessageId) -> Said:
        said = (await self.conversation()).find(author, message)
        if said is None or said.payload is None:
            raise NotAllowed("There is no such message, or it was withdrawn.")
        return said

    async def send_payload(self, payload: Payload) -> int:
        """Its seq in the log."""
        check_sending(self._core)
        return await self._postman.send(payload)

    async def run_late(self, minutes: int) -> int:
        """Tells all that this host is so many minutes late. Its seq in the log."""
        return await self.send_payload(Late(minutes))

    async def mark_seen(self, seq: int) -> None:
        """Tells the others that everything up to `seq` was seen."""
        await self.send_payload(Receipt(self.head, seq))

    async def send_file(
        self,
        source: Path | BinaryIO,
        *,
        name: str | None = None,
        mime: str | None = None,
        progress: OnProgress | None = None,
    ) -> Sent:
        """Sends a file, or a stream to its end. An interrupted upload of a file goes on."""
        check_sending(self._core)
        if not isinstance(source, Path):
            async with transfers.spooled(source, self._core.store.folder) as path:
                return await self._send_file(path, name or "stream", mime, progress, lasting=False)
        return await self._send_file(source, name or source.name, mime, progress, lasting=True)

    async def _send_file(
        self,
        path: Path,
        name: str,
        mime: str | None,
        progress: OnProgress | None,
        *,
        lasting: bool,
    ) -> Sent:
        file = await transfers.upload(
            self._core.store,
            self._core.transport,
            self.id,
            self._token,
            path,
            name,
            mime or mimetypes.guess_type(name)[0] or "application/octet-stream",
            progress,
            lasting=lasting,
        )
        with self._core.store.transaction():
            waiting = self._postman.put(file)
            transfers.finish(self._core.store, self.id, file)
        return Sent(file.message, await self._postman.deliver(waiting))

    async def receive_file(
        self,
        file: File,
        target: Path | BinaryIO,
        *,
        progress: OnProgress | None = None,
    ) -> Path | None:
        """Receives a file into a folder, to a path, or into a stream.

        In a folder it gets its own name, made safe, and a number if that is taken. A file is
        there whole or not at all. Returns the path. Raises `FileUnavailable` or `Tampered`.
        """

        def parts(first: int) -> AsyncIterator[memoryview]:
            return transfers.download(
                self._core.transport, self.id, self._token, file, first, progress
            )

        if not isinstance(target, Path):
            async for plain in parts(0):
                await asyncio.to_thread(target.write, bytes(plain))  # it may keep them
            return None
        path = await asyncio.to_thread(transfers.free_path, target, transfers.safe_name(file.name))
        await transfers.save(parts, file, path)
        return path

    @property
    def received(self) -> int:
        """Seq of the last message whose file `mark_received` was told of, 0 at first."""
        kept = self._core.store.get(self.id, "received")
        return 0 if kept is None else int.from_bytes(kept, "big")

    def mark_received(self, seq: int) -> None:
        """Remembers, for the programs of this device, up to where files were received."""
        if seq > self.received:
            self._core.store.put(self.id, "received", seq.to_bytes(8, "big"))

    # Members -------------------------------------------------------------------------------

    async def invite(self, options: InviteOptions | None = None) -> Link:
        """A new link. Hosts only: raises `NotAllowed` for a guest."""
        chosen = options or InviteOptions()

        def plan(epoch: Epoch) -> Changes:
            made = MadeInvite.make(self.server, self.id, chosen, epoch.number + 1)
            policy = epoch.policy.with_invite(made.rule)
            return Changes(policy=policy, opens=(made.opening,), made=made)

        made = (await self._committer.commit(plan)).made
        assert made is not None  # noqa: S101 - the plan has it
        return made.link

    async def close_invite(self, invite: InviteId) -> None:
        """Lets no more devices in by that link; those who are in stay."""
        await self._committer.commit(
            lambda epoch: Changes(policy=epoch.policy.closing(invite), closes=(invite,))
        )

    async def remove(self, invite: InviteId) -> None:
        """Removes a participant, all its devices and its link. Hosts only, and not itself."""
        if invite == self.state.invite.id:
            raise NotAllowed("Nobody removes itself; leave or end the session instead.")

        def plan(epoch: Epoch) -> Changes:
            gone = [each for each in epoch.members if each.invite == invite]
            return Changes(
                removes=tuple(each.leaf for each in gone),
                policy=epoch.policy.without(frozenset({invite})),
                closes=(invite,),
                revokes=tuple(each.id for each in gone),
            )

        await self._committer.commit(plan)

    async def remove_device(self, member: MemberId) -> None:
        """Removes one device; its link stays as it is. Hosts only."""

        def plan(epoch: Epoch) -> Changes | None:
            gone = epoch.find(member)
            return None if gone is None else Changes(removes=(gone.leaf,), revokes=(member,))

        await self._committer.commit(plan)

    async def knocks(self) -> tuple[Knocking, ...]:
        """Those who ask to come in by a link that needs admitting, longest first. Hosts only."""
        await self._core.read()
        return await self._answering.waiting()

    async def refuse(self, who: Knocking) -> None:
        """Turns away somebody who knocks, and tells it so. Hosts only."""
        await self._answering.refuse(who)

    async def admit(self, who: MemberId | Knocking) -> None:
        """Lets in a guest that waits, with all its devices, or somebody who knocks.

        Hosts only: raises `NotAllowed`.
        """
        if not self.state.is_host:
            raise NotAllowed("Only a host admits.")
        if isinstance(who, Knocking):
            await self._answering.admit(who)
            return
        await self.send_payload(Admit(who))
        await self._core.read()

    async def retitle(self, title: str) -> None:
        """Changes the sealed title of the session. Hosts only."""

        def plan(epoch: Epoch) -> Changes:
            settings = replace(epoch.policy.settings, title=title)
            return Changes(policy=epoch.policy.with_settings(settings))

        await self._committer.commit(plan)

    async def reschedule(self, starts: int | None) -> None:
        """Changes the time agreed for the visit, ms since 1970; `None`: none. Hosts only."""

        def plan(epoch: Epoch) -> Changes:
            settings = replace(epoch.policy.settings, starts=starts)
            return Changes(policy=epoch.policy.with_settings(settings))

        await self._committer.commit(plan)

    async def renew(self) -> None:
        """Begins a new epoch: what leaked before opens nothing after."""
        await self._committer.commit(lambda epoch: Changes(), hosts_only=False)

    async def give_history(self, member: MemberId) -> None:
        """Lets another device read what this one can read. Raises `NotAllowed`."""
        await give_history(self._core, self._postman, member)

    async def leave(self) -> None:
        """Says so, then deletes everything of the session from this device."""
        await self.send_payload(Leave())
        with suppress(NotAuthorised):  # a host was quicker
            await self._core.transport.revoke(self.id, self._token, self.state.member_id)
        self._core.store.forget(self.id)

    async def end(self) -> None:
        """Ends the session for everybody; from then on it can only be read. Hosts only."""
        await self.send_payload(End())
        await self._core.transport.end(self.id, self._token)

    def delete_from_device(self) -> None:
        """The crypto-erase: what this device knew of the session is gone."""
        self._core.store.forget(self.id)

    # Calls ---------------------------------------------------------------------------------

    async def send_signal(self, to: Peer | None, payload: SignalPayload) -> None:
        """To one peer, or hello, typing and bye to everybody, while following."""
        if self._follower is None:
            raise ServerUnreachable("Signals go out while the session is followed.")
        await self._follower.send_signal(to, payload)

    async def ice_servers(self) -> list[dict[str, object]]:
        return await self._core.transport.ice_servers(self.id, self._token)

    @property
    def _token(self) -> MemberToken:
        return self._core.profile.token


def _introduction(name: str, device: str | None, identity_key: IdentityKey | None) -> Introduction:
    return Introduction(name, device or socket.gethostname()[:64], identity_key)
