"""docs/protocol.md §3.2."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careseal.e2ee.errors import Malformed, NotAllowed
from careseal.e2ee.identifiers import SessionId
from careseal.e2ee.invite import Invite, new_secret
from careseal.e2ee.policy import Policy, PolicyInvite, Role, Settings
from tests.unit.e2ee.rng import seeded

SESSION = SessionId(bytes(16))


def invite(seed: str, role: Role = Role.GUEST, since: int = 0) -> PolicyInvite:
    return Invite.derive(SESSION, new_secret(seeded(seed))).policy_entry(role, since)


HOST, GUEST = invite("host", Role.HOST), invite("guest")
POLICY = Policy.make((HOST, GUEST), Settings("Visit"))


def test_a_policy_comes_back_from_its_text() -> None:
    assert Policy.decode(POLICY.text) == POLICY


@pytest.mark.parametrize("invites", [(), (GUEST,), (HOST, HOST), (HOST,) * 33])
def test_a_policy_needs_a_host_and_invites_that_differ(invites: tuple[PolicyInvite, ...]) -> None:
    with pytest.raises(Malformed):
        Policy.make(invites, Settings())


@pytest.mark.parametrize("devices", [0, 17])
def test_an_invite_lets_in_one_to_sixteen_devices(devices: int) -> None:
    with pytest.raises(Malformed):
        Policy.make((replace(HOST, devices=devices),), Settings())


def successor(policy: Policy) -> None:
    POLICY.check_successor(policy, 4, [HOST.id, GUEST.id], HOST.id)


def test_a_successor_may_add_close_rename_and_loosen() -> None:
    changed = replace(GUEST, open=False, label="x", devices=3, history=True, knock=True)
    new = invite("new", since=5)
    successor(Policy.make((HOST, changed, new), Settings("Other", relay_only=True)))


@pytest.mark.parametrize("starts", [None, 0, 1_790_000_000_000, 253_402_300_799_999])
def test_the_time_agreed_comes_back_and_may_change(starts: int | None) -> None:
    changed = Policy.make((HOST, GUEST), Settings("Visit", starts=starts))
    assert Policy.decode(changed.text).settings.starts == starts
    assert (b'"starts"' in changed.text) == (starts is not None)
    successor(changed)


@pytest.mark.parametrize("starts", [-1, 253_402_300_800_000])
def test_a_time_that_not_everybody_can_show_is_malformed(starts: int) -> None:
    with pytest.raises(Malformed):
        Policy.make((HOST, GUEST), Settings(starts=starts))


@pytest.mark.parametrize(
    "invites",
    [
        (HOST,),
        (HOST, replace(GUEST, role=Role.HOST)),
        (HOST, replace(GUEST, since=1)),
        (HOST, replace(GUEST, join=bytes(32))),
        (HOST, replace(GUEST, box=bytes(1216))),
        (HOST, GUEST, invite("new", since=4)),
        (invite("other", Role.HOST, since=5), GUEST),
    ],
)
def test_what_must_stay_stays(invites: tuple[PolicyInvite, ...]) -> None:
    with pytest.raises(NotAllowed):
        successor(Policy.make(invites, Settings()))


@given(st.data())
def test_a_changed_text_is_malformed_or_another_policy(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(POLICY.text) - 1))
    changed = POLICY.text[:at] + data.draw(st.binary(max_size=2)) + POLICY.text[at + 1 :]
    try:
        other = Policy.decode(changed)
    except Malformed:
        return
    assert (other == POLICY) == (changed == POLICY.text)
