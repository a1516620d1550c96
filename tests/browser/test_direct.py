"""Files straight between two browsers and the store, and through the server where that fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Request

from tests.browser.people import Person, clinician, new_session, patient
from tests.browser.test_files import digest, save
from tests.seaweed import Seaweed
from tests.serving import serving
from tests.store_front import Front, store_front

SIZE = 9_000_000  # three parts


@pytest.fixture(scope="module")
def front(bucket: Seaweed) -> Iterator[Front]:
    with store_front(bucket) as running:
        yield running


@pytest.fixture
def people(
    front: Front, tmp_path: Path, first_browser: Browser, second_browser: Browser
) -> Iterator[tuple[Person, Person]]:
    front.heal()
    environment = front.bucket.direct() | {"CARESEAL_OBJECTS_DIRECT": front.address}
    with serving(tmp_path / "server", **environment) as server:
        doctor = clinician(first_browser, server.sign_in_link)
        ann = patient(second_browser, new_session(doctor))
        yield doctor, ann
        doctor.context.close()
        ann.context.close()


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


def through_the_server(person: Person) -> list[str]:
    """Fills with the methods of requests that carry a part past the server's door."""
    seen: list[str] = []

    def note(request: Request) -> None:
        if "/parts/" in request.url and not request.url.endswith("/direct"):
            seen.append(request.method)

    person.page.on("request", note)
    return seen


def test_parts_pass_the_server_by(people: tuple[Person, Person], front: Front, scan: Path) -> None:
    doctor, ann = people
    up, down = through_the_server(doctor), through_the_server(ann)
    doctor.attach(scan)
    assert digest(save(ann, "scan.bin")) == digest(scan)
    assert (up, down) == ([], [])
    assert sorted(method for method, _ in front.asked) == 3 * ["GET"] + 3 * ["PUT"]
    for _, headers in front.asked:
        assert not {"authorization", "cookie", "referer"} & set(headers)
    assert doctor.complaints + ann.complaints == []


@pytest.mark.parametrize("trouble", ["it fails", "it does not allow the page", "half way"])
def test_what_the_store_does_not_do_the_server_does(
    people: tuple[Person, Person], front: Front, scan: Path, trouble: str
) -> None:
    doctor, ann = people
    up, down = through_the_server(doctor), through_the_server(ann)
    if trouble == "it fails":
        front.spoils = lambda _method, _body: 503
    elif trouble == "half way":
        front.spoils = lambda method, _body: (
            503 if sum(each == method for each, _ in front.asked) > 1 else None
        )
    else:
        front.hides = ("access-control-allow-origin",)
    doctor.attach(scan)
    assert digest(save(ann, "scan.bin")) == digest(scan)
    least = 2 if trouble == "half way" else 3
    assert len(up) >= least
    assert len(down) >= least
