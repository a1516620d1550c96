"""Commits with all that is stored beside them (docs/protocol.md §3.6, §3.7, §8)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.server.visits import Invite, Member, Visit, new_id, problem_of, random_b64


def commit_as(
    client: httpx.Client, visit: Visit, member: Member, parent: int, **more: Any
) -> httpx.Response:
    body = visit.commit(parent, **more)
    return client.post(f"{visit.path}/commits", json=body, headers=member.token.header)


def door(client: httpx.Client, visit: Visit, invite: Invite) -> dict[str, Any]:
    answer = client.get(f"{visit.path}/door", headers=invite.token.header)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_commit_replaces_door_and_all_key_boxes(client: httpx.Client, visit: Visit) -> None:
    before = door(client, visit, visit.guest_invite)
    box = visit.host_invite.key_box()
    body = visit.commit(0, keyBoxes=[box])
    answer = client.post(f"{visit.path}/commits", json=body, headers=visit.host.token.header)
    assert (answer.status_code, answer.json()["seq"]) == (201, 1)
    after = door(client, visit, visit.guest_invite)
    assert before["keyBox"] is not None
    assert (after["door"], after["keyBox"], after["lastCommit"]) == (body["door"], None, 1)
    assert door(client, visit, visit.host_invite)["keyBox"] == box["box"]


def test_a_refused_commit_leaves_nothing_behind(client: httpx.Client, visit: Visit) -> None:
    before = door(client, visit, visit.guest_invite)
    stranger = {"invite": new_id(), "box": random_b64(1176)}
    other = Invite("guest")
    answer = commit_as(client, visit, visit.host, 0, keyBoxes=[stranger], open=[other.opened()])
    assert problem_of(answer) == "malformed"
    assert door(client, visit, visit.guest_invite) == before
    refused = client.get(f"{visit.path}/door", headers=other.token.header)
    assert problem_of(refused) == "not-authorised"


def test_a_letter_goes_when_the_first_member_joins(client: httpx.Client, visit: Visit) -> None:
    letter = visit.guest_invite.letter()
    commit_as(client, visit, visit.host, 0, letters=[letter])
    assert door(client, visit, visit.guest_invite)["letter"] == letter["letter"]
    guest = visit.join(client, 1)
    assert door(client, visit, visit.guest_invite)["letter"] is None

    late = {"parent": 2, "door": random_b64(288), "keyBoxes": []}
    late["letters"] = [visit.guest_invite.letter()]
    answer = client.put(f"{visit.path}/door", json=late, headers=visit.host.token.header)
    assert answer.status_code == 204
    assert door(client, visit, visit.guest_invite)["letter"] is None
    mine = client.get(f"{visit.path}/door", headers=guest.token.header).json()
    assert mine["letter"] is None


def test_a_member_reads_any_invites_key_box_but_no_letter(
    client: httpx.Client, visit: Visit
) -> None:
    box = visit.guest_invite.key_box()
    letters = [visit.guest_invite.letter()]
    commit_as(client, visit, visit.host, 0, keyBoxes=[box], letters=letters)
    path, host = f"{visit.path}/door?invite={visit.guest_invite.id}", visit.host.token.header
    shown = client.get(path, headers=host).json()
    assert (shown["keyBox"], shown["letter"]) == (box["box"], None)
    unknown = client.get(f"{visit.path}/door?invite={new_id()}", headers=host)
    assert problem_of(unknown) == "not-found"
    by_invite = client.get(path, headers=visit.guest_invite.token.header)
    assert problem_of(by_invite) == "malformed"


def test_a_closed_invite_opens_nothing_and_its_members_stay(
    client: httpx.Client, visit: Visit
) -> None:
    guest = visit.join(client, 0)
    commit_as(client, visit, visit.host, 1, close=[visit.guest_invite.id])
    for path in ("", "/door", "/chat?form=digest"):
        answer = client.get(f"{visit.path}{path}", headers=visit.guest_invite.token.header)
        assert problem_of(answer) == "not-authorised"
    assert client.get(visit.path, headers=guest.token.header).status_code == 200

    commit_as(client, visit, visit.host, 2, open=[visit.guest_invite.opened()])
    assert door(client, visit, visit.guest_invite)["lastCommit"] == 3


def test_an_opened_invite_can_be_joined(client: httpx.Client, visit: Visit) -> None:
    second = Invite("host")
    answer = commit_as(
        client, visit, visit.host, 0, open=[second.opened()], keyBoxes=[second.key_box()]
    )
    assert answer.status_code == 201
    colleague = visit.join(client, 1, second)
    assert commit_as(client, visit, colleague, 2, close=[second.id]).status_code == 201


def test_an_invite_keeps_its_role(client: httpx.Client, visit: Visit) -> None:
    raised = visit.guest_invite.opened() | {"role": "host"}
    assert problem_of(commit_as(client, visit, visit.host, 0, open=[raised])) == "malformed"


@pytest.mark.parametrize("privilege", ["letters", "open", "close", "revoke"])
def test_guests_and_joiners_manage_nothing(
    client: httpx.Client, visit: Visit, privilege: str
) -> None:
    guest = visit.join(client, 0)
    content: dict[str, list[Any]] = {
        "letters": [visit.guest_invite.letter()],
        "open": [Invite("guest").opened()],
        "close": [visit.guest_invite.id],
        "revoke": [visit.host.id],
    }
    more = {privilege: content[privilege]}
    assert problem_of(commit_as(client, visit, guest, 1, **more)) == "forbidden"
    for invite in (visit.guest_invite, visit.host_invite):
        body = visit.commit(1, member=Member().joins(), **more)
        joiner = client.post(f"{visit.path}/commits", json=body, headers=invite.token.header)
        assert problem_of(joiner) == "forbidden"
    head = client.get(visit.path, headers=visit.host.token.header).json()["head"]
    assert head == 1


def test_only_a_joiner_gives_a_member(client: httpx.Client, visit: Visit) -> None:
    body = visit.commit(0, member=Member().joins())
    by_member = client.post(f"{visit.path}/commits", json=body, headers=visit.host.token.header)
    assert problem_of(by_member) == "malformed"
    headers = visit.guest_invite.token.header
    by_invite = client.post(f"{visit.path}/commits", json=visit.commit(), headers=headers)
    assert problem_of(by_invite) == "malformed"


def test_a_guests_link_does_not_take_a_hosts_place(client: httpx.Client, visit: Visit) -> None:
    thief = Member(id=visit.host.id)
    body = visit.commit(0, member=thief.joins())
    headers = visit.guest_invite.token.header
    answer = client.post(f"{visit.path}/commits", json=body, headers=headers)
    assert problem_of(answer) == "forbidden"
    assert client.get(visit.path, headers=visit.host.token.header).status_code == 200
    assert client.get(visit.path, headers=thief.token.header).status_code == 401


def test_a_device_that_comes_back_by_its_invite_gets_its_new_token(
    client: httpx.Client, visit: Visit
) -> None:
    lost = visit.join(client, 0)
    back = Member(id=lost.id)
    body = visit.commit(1, member=back.joins())
    headers = visit.guest_invite.token.header
    assert client.post(f"{visit.path}/commits", json=body, headers=headers).status_code == 201
    again = client.post(f"{visit.path}/commits", json=body, headers=headers)
    assert (again.status_code, again.json()["seq"]) == (200, 2)
    assert client.get(visit.path, headers=back.token.header).status_code == 200
    assert client.get(visit.path, headers=lost.token.header).status_code == 401


def test_a_join_that_another_put_back_makes_its_member_known_again(
    client: httpx.Client, visit: Visit
) -> None:
    lost = Member()
    join = visit.commit(0, member=lost.joins())
    bare = {name: value for name, value in join.items() if name != "member"}
    url, link = f"{visit.path}/commits", visit.guest_invite.token.header
    assert client.post(url, json=bare, headers=visit.host.token.header).status_code == 201
    assert client.get(visit.path, headers=lost.token.header).status_code == 401
    assert client.post(url, json=join, headers=link).status_code == 200
    assert client.get(visit.path, headers=lost.token.header).status_code == 200
    # Once it is known, the same again makes no other token right, and no revoked one.
    other = join | {"member": Member(id=lost.id).joins()}
    assert client.post(url, json=other, headers=link).status_code == 200
    assert client.get(visit.path, headers=lost.token.header).status_code == 200
    gone = f"{visit.path}/members/{lost.id}"
    assert client.delete(gone, headers=visit.host.token.header).status_code == 204
    assert client.post(url, json=join, headers=link).status_code == 200
    assert client.get(visit.path, headers=lost.token.header).status_code == 401


def test_nobody_joins_with_a_token_that_is_in_use(client: httpx.Client, visit: Visit) -> None:
    for token in (visit.host.token, visit.host_invite.token):
        body = visit.commit(0, member=Member(token=token).joins())
        headers = visit.guest_invite.token.header
        answer = client.post(f"{visit.path}/commits", json=body, headers=headers)
        assert problem_of(answer) == "malformed"


def test_a_door_is_mended_for_the_last_commit_only(client: httpx.Client, visit: Visit) -> None:
    guest = visit.join(client, 0)
    right = {"parent": 1, "door": random_b64(288), "keyBoxes": [visit.guest_invite.key_box()]}
    stale = client.put(f"{visit.path}/door", json=right | {"parent": 0}, headers=guest.token.header)
    assert (stale.status_code, problem_of(stale)) == (409, "stale-parent")
    assert stale.json()["lastCommit"] == 1
    done = client.put(f"{visit.path}/door", json=right, headers=guest.token.header)
    assert done.status_code == 204
    assert door(client, visit, visit.guest_invite)["door"] == right["door"]
    letters = right | {"letters": [visit.guest_invite.letter()]}
    answer = client.put(f"{visit.path}/door", json=letters, headers=guest.token.header)
    assert problem_of(answer) == "forbidden"
