"""Making a session at a server (docs/protocol.md §3, §8)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from careseal.e2ee.identifiers import SessionId
from careseal.e2ee.invite import Invite, Link, new_secret
from careseal.e2ee.joining import Introduction, found
from careseal.e2ee.policy import PolicyInvite, Role, Settings
from careseal.e2ee.secret import MemberToken

from .account import Account
from .keeper import Keeper
from .knocking import keep_name
from .profile import Profile
from .storage import Store
from .transport import Opening, Transport

OWN_DEVICES = 16


@dataclass(frozen=True, slots=True)
class InviteOptions:
    """What a new link is for. `history`: what came before may be handed over without asking."""

    label: str = ""
    role: Role = Role.GUEST
    devices: int = 4
    history: bool = False
    passcode: str | None = field(default=None, repr=False)
    knock: bool = False  # each device must be admitted


@dataclass(frozen=True, slots=True)
class MadeInvite:
    """A new invite: its keys, its link, and what the policy says of it."""

    invite: Invite
    link: Link
    rule: PolicyInvite

    @classmethod
    def make(
        cls, origin: str, session: SessionId, options: InviteOptions, since: int
    ) -> MadeInvite:
        secret = new_secret(os.urandom)
        invite = Invite.derive(session, secret, options.passcode)
        rule = invite.policy_entry(
            options.role,
            since,
            label=options.label,
            devices=options.devices,
            history=options.history,
            knock=options.knock,
        )
        link = Link(origin, session, secret, options.passcode is not None, options.knock)
        return cls(invite, link, rule)

    @property
    def opening(self) -> Opening:
        return Opening(self.invite.id, self.rule.role.value, self.invite.access_token)


async def create(
    store: Store,
    transport: Transport,
    account: Account,
    introduction: Introduction,
    settings: Settings,
    invites: Sequence[InviteOptions],
    lifetime: int | None,
) -> tuple[SessionId, tuple[Link, ...]]:
    """The new session's id and the links of `invites`. Raises `ServerRefused` and others.

    What a crash leaves of it before the server answered is marked and never opened again.
    """
    session = SessionId(os.urandom(16))
    own = InviteOptions(introduction.name, Role.HOST, OWN_DEVICES, history=True)
    made = [MadeInvite.make(transport.origin, session, options, 0) for options in (own, *invites)]
    rules = tuple(each.rule for each in made)
    state, upload = found(made[0].invite, rules, settings, introduction, os.urandom)
    profile = Profile(transport.origin, MemberToken(os.urandom(32)), introduction)
    with store.transaction():
        store.put(session, "founding", b"")
        store.put(session, "profile", profile.encode())
        for each in made:
            keep_link(store, each)
        Keeper(store, session).begin(state)
    openings = [each.opening for each in made]
    try:
        await transport.create(
            session, account, upload, openings, state.member_id, profile.token, lifetime
        )
    except BaseException:
        store.forget(session)
        raise
    store.delete(session, "founding")
    if upload.letters:
        await transport.put_door(session, profile.token, upload)
    return session, tuple(each.link for each in made[1:])


def keep_link(store: Store, made: MadeInvite) -> None:
    """A link is known on the device that made it only."""
    store.put(made.link.session, f"link/{made.invite.id}", made.link.reveal().encode())
    keep_name(store, made.link.session, made.rule, made.invite)
