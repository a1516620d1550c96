"""The server is blind: a visit full of random strings, none of them anywhere it has been."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.canaries import Canaries
from tests.browser.people import Person, clinician, new_session, patient
from tests.browser.wiretap import Wiretap
from tests.serving import ServerProcess

KEEP_DESCRIPTIONS = """
  window.descriptions = []
  const original = RTCPeerConnection.prototype.setLocalDescription
  RTCPeerConnection.prototype.setLocalDescription = async function (...description) {
    await original.apply(this, description)
    window.descriptions.push(this.localDescription.sdp)
  }
"""


@pytest.fixture
def tapped(server: ServerProcess) -> Wiretap:
    return Wiretap(server.port)


def call(first: Person, second: Person) -> None:
    """A call from the first to the second until both see each other."""
    first.button("Start call").click()
    second.button("Answer").click()
    for person in (first, second):
        expect(person.button("Hang up")).to_be_visible()
        person.page.locator("video").first.wait_for()


def test_no_random_string_of_a_whole_visit_is_ever_at_the_server(
    server: ServerProcess,
    first_browser: Browser,
    second_browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
    tapped: Wiretap,
) -> None:
    canaries = Canaries()
    folder = tmp_path_factory.mktemp("files")
    file = folder / f"{canaries.plant('file name')}.txt"
    file.write_text(f"before {canaries.plant('file bytes')} behind")
    with tapped:
        sign_in = server.sign_in_link.replace(f":{server.port}/", f":{tapped.port}/")
        doctor = clinician(first_browser, sign_in)
        link = new_session(doctor, title=canaries.plant("session label"))
        canaries.strings["invite secret"] = link.partition("#")[2]
        doctor.context.add_init_script(KEEP_DESCRIPTIONS)
        doctor.page.reload()
        doctor.write(canaries.plant("text before the join"))
        ann = patient(second_browser, link, canaries.plant("guest's name"))
        ann.context.add_init_script(KEEP_DESCRIPTIONS)
        ann.page.reload()
        ann.write(canaries.plant("text of the guest"))
        doctor.sees(canaries.strings["text of the guest"])
        ann.attach(file)
        expect(doctor.button(f"Save {file.name}")).to_be_visible()
        invite_a_third(doctor, canaries.plant("invite label"))
        call(doctor, ann)
        for person, whose in ((doctor, "clinician's"), (ann, "guest's")):
            for number, secret in enumerate(call_secrets(person)):
                canaries.strings[f"{whose} call description {number}"] = secret
        doctor.button("Hang up").click()
        server.stop()  # so that the log of the database is written out as well
        carried = tapped.carried()
    assert len(canaries.strings) >= 10
    assert canaries.found_in("what crossed the sockets", carried) == []
    assert canaries.found_under(server.folder) == []


def invite_a_third(host: Person, label: str) -> None:
    host.open_panel("Participants")
    host.button("Invite").click()
    dialog = host.page.get_by_role("dialog")
    dialog.get_by_role("textbox").first.fill(label)
    dialog.get_by_role("button", name="Make link").click()
    expect(dialog.get_by_role("textbox", name="Link for your patient")).to_be_visible()
    dialog.get_by_role("button", name="Close").first.click()
    host.open_panel("Chat")


def call_secrets(person: Person) -> set[str]:
    """ICE passwords and certificate fingerprints of the person's own descriptions."""
    descriptions = "\n".join(person.page.evaluate("window.descriptions"))
    found = set(re.findall(r"a=(?:ice-pwd:|fingerprint:sha-256 )(\S+)", descriptions))
    assert found
    return found


@pytest.mark.parametrize(
    "planted",
    [
        lambda text: text.encode(),
        lambda text: text.encode().hex().encode(),
        lambda text: text.encode("utf-16-le"),
        lambda text: base64.b64encode(text.encode()),
        lambda text: base64.b64encode(b"x" + text.encode() + b"yz"),
        lambda text: base64.urlsafe_b64encode(b"xy" + text.encode() + b"z"),
    ],
    ids=["plain", "hex", "UTF-16", "base64", "base64 shifted by one", "base64url shifted by two"],
)
def test_the_search_finds_a_string_that_was_planted(planted: object, tmp_path: Path) -> None:
    canaries = Canaries()
    text = canaries.plant("control")
    assert callable(planted)
    (tmp_path / "careseal.db-wal").write_bytes(b"\0" * 99 + planted(text) + b"\0" * 99)
    assert canaries.found_under(tmp_path) != []


def test_the_wiretap_reads_what_a_browser_writes_into_a_web_socket(
    server: ServerProcess, first_browser: Browser
) -> None:
    canaries = Canaries()
    text = canaries.plant("control")
    with Wiretap(server.port) as tapped:
        page = first_browser.new_context().new_page()
        page.goto(f"http://localhost:{tapped.port}/")
        page.evaluate(
            """([port, text]) => new Promise((resolve) => {
              const url = `ws://localhost:${port}/api/telemedicine/sessions/${"A".repeat(22)}/follow`
              const socket = new WebSocket(url)
              socket.onopen = () => socket.send(text)
              socket.onclose = resolve
            })""",
            [tapped.port, text],
        )
        assert canaries.found_in("what crossed the sockets", tapped.carried()) != []
