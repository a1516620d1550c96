"""What was said, as it stands: edited, withdrawn and reacted to (docs/protocol.md §5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from careseal.e2ee.epoch import Member
from careseal.e2ee.events import EntryEvent, MessageReceived
from careseal.e2ee.identifiers import MemberId, MessageId
from careseal.e2ee.payload import Edit, End, File, Note, Reaction, Text, Withdraw

Changing = Edit | Withdraw | Reaction


@dataclass(frozen=True, slots=True)
class Said:
    """One message; `payload` is as its author last put it, or None once it was withdrawn."""

    seq: int
    sender: Member
    time: int  # sender's clock, ms since 1970
    own: bool
    message: MessageId
    payload: Text | File | Note | None
    edited: bool = False
    reactions: Mapping[Member, str] = field(default_factory=lambda: MappingProxyType({}))


class Conversation:
    """Takes the events of a session in the order of its log, from any place on."""

    def __init__(self) -> None:
        self._said: dict[tuple[MemberId, MessageId], Said] = {}
        self._ended = False

    @property
    def messages(self) -> tuple[Said, ...]:
        """In the order in which they were first said."""
        return tuple(self._said.values())

    def find(self, author: MemberId, message: MessageId) -> Said | None:
        return self._said.get((author, message))

    def take(self, event: EntryEvent) -> Said | None:
        """The message that the event says or changes, as it stands now; None for any other."""
        if not isinstance(event, MessageReceived):
            return None
        match event.payload:
            case Text(message) | File(message) | Note(message):
                key = event.sender.id, message
                if key not in self._said:
                    self._said[key] = Said(
                        event.seq, event.sender, event.time, event.own, message, event.payload
                    )
                return self._said[key]
            case Edit() | Withdraw() | Reaction() as change if not self._ended:
                return self._change(event.sender, change)
            case End():
                self._ended = True
        return None

    def _change(self, sender: Member, change: Changing) -> Said | None:
        author = change.author if isinstance(change, Reaction) else sender.id
        said = self._said.get((author, change.message))
        if said is None or said.payload is None:
            return None
        match change, said.payload:
            case Edit(text=text), Text() as before:
                said = replace(said, payload=replace(before, text=text), edited=True)
            case Withdraw(), Text() | File():
                said = replace(said, payload=None, edited=False, reactions=MappingProxyType({}))
            case Reaction(emoji=emoji), _:
                others = {
                    each: felt for each, felt in said.reactions.items() if each.id != sender.id
                }
                felt = others | ({sender: emoji} if emoji else {})
                said = replace(said, reactions=MappingProxyType(felt))
            case _:
                return None
        self._said[author, change.message] = said
        return said
