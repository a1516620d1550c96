"""Installed, offline, and upgraded while somebody is in a visit."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from careseal.release import WEB_CLIENT
from tests.browser.people import Person, clinician, join, new_context, new_session, patient
from tests.serving import ServerProcess

WEB = Path(__file__).parents[2] / "web"
CONTROLLED = """async () => {
  await navigator.serviceWorker.ready
  return navigator.serviceWorker.controller !== null
}"""
KEPT = """async () => {
  const addresses = []
  for (const name of await caches.keys())
    for (const { url } of await (await caches.open(name)).keys()) addresses.push(url)
  return addresses
}"""
BUILDS = "async () => (await caches.keys()).length"
UPDATE = """async () => {
  const registration = await navigator.serviceWorker.ready
  await registration.update()
  const { installing } = registration
  if (installing) await new Promise((done) => (installing.onstatechange = done))
  return registration.waiting?.state
}"""


def settled(page: Page) -> None:
    """The page's own files are kept from now on."""
    page.wait_for_function(CONTROLLED)


def test_a_browser_can_install_it(
    server: ServerProcess,
    tmp_path: Path,
    playwright: Playwright,
    chromium_options: dict[str, Any],
) -> None:
    with playwright.chromium.launch_persistent_context(
        tmp_path / "profile", **chromium_options
    ) as context:
        page = context.new_page()
        page.goto(server.sign_in_link)
        settled(page)
        session = context.new_cdp_session(page)
        manifest = session.send("Page.getAppManifest")
        assert manifest["errors"] == []
        assert manifest["url"] == f"{server.base_url}/manifest.webmanifest"
        errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
        assert errors == []


def test_without_a_network_it_opens_and_says_so(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    doctor = clinician(first_browser, server.sign_in_link)
    link, other = new_session(doctor), ""
    doctor.page.goto(server.base_url)
    other = new_session(doctor)
    context = new_context(second_browser)
    ann = Person("Ann", context, context.new_page())
    ann.page.goto(link)
    join(ann)
    ann.write("Written before the tunnel")
    ann.sees("Written before the tunnel")
    settled(ann.page)

    kept = ann.page.evaluate(KEPT)
    assert len(kept) > 50
    assert f"{server.base_url}/index.html" in kept
    assert not [url for url in kept if "/api" in url or "/telemedicine" in url or "#" in url]

    server.stop()
    context.set_offline(True)
    ann.page.reload()
    ann.sees("Written before the tunnel")
    expect(ann.page.get_by_text("Offline. What you write waits").first).to_be_visible()
    ann.page.goto(other)
    expect(ann.page.get_by_role("heading", name="You are offline")).to_be_visible()
    expect(ann.page.get_by_text("no connection to the internet")).to_be_visible()

    server.start()
    context.set_offline(False)
    expect(ann.page.get_by_label("Your name")).to_be_visible()
    assert ann.complaints == []


@pytest.fixture
def other_build(tmp_path: Path) -> Path:
    """The same sources, built so that every file has another name."""
    folder = tmp_path / "other-build"
    node = Path(os.environ["PATH"].split(os.pathsep)[0]) / "node"
    command = [node if node.exists() else "node", "node_modules/vite/bin/vite.js", "build"]
    command += ["--outDir", str(folder), "--minify", "false", "--logLevel", "error"]
    subprocess.run(command, cwd=WEB, check=True)
    return folder


def test_an_upgrade_breaks_no_visit_and_waits_until_it_is_closed(
    tmp_path: Path, other_build: Path, first_browser: Browser, second_browser: Browser
) -> None:
    folder = tmp_path / "web"
    shutil.copytree(WEB_CLIENT, folder)
    environment = {"CARESEAL_TEST_WEB": str(folder)}
    upgraded = ServerProcess(tmp_path, (), environment, module="tests.browser.other_client")
    with upgraded as server:
        link = new_session(clinician(first_browser, server.sign_in_link))
        context = new_context(second_browser)
        ann = Person("Ann", context, context.new_page())
        ann.page.goto(link)
        join(ann)
        settled(ann.page)
        without = patient(first_browser, link, "Ben", service_workers="block")

        shutil.rmtree(folder)
        shutil.copytree(other_build, folder)
        ann.open_panel("Security code")
        expect(ann.page.get_by_role("img", name="QR code of the security code")).to_be_visible()
        without.open_panel("Security code")
        expect(without.page.get_by_role("button", name="Load the page again").first).to_be_visible()

        assert ann.page.evaluate(UPDATE) == "installed"
        assert ann.page.evaluate(BUILDS) == 2
        ann.open_panel("Chat")
        ann.write("Still here")
        ann.sees("Still here")

        address = ann.page.url
        ann.page.close()
        later = Person("Ann", context, context.new_page())
        later.page.goto(address)
        later.sees("Still here")
        later.page.wait_for_function(f"async () => (await ({BUILDS})()) === 1")
        settled(later.page)
