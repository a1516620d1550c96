"""What a patient's browser loads for the page with "Join", until it is at rest."""

from __future__ import annotations

from playwright.sync_api import Browser, Response, expect

from tests.browser.people import clinician, new_context, new_session
from tests.serving import ServerProcess

KB = 1000


def test_the_join_page_weighs_at_most_150_kb(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    link = new_session(clinician(first_browser, server.sign_in_link))
    page = new_context(second_browser).new_page()
    loaded: list[Response] = []

    def remember(response: Response) -> None:
        loaded.append(response)

    page.on("response", remember)
    page.goto(link)
    expect(page.get_by_label("Your name")).to_be_visible()
    # What comes after the form differs from run to run until all of it is there.
    page.wait_for_load_state("networkidle")
    sizes = {response.url: response.request.sizes() for response in loaded}
    weight = sum(size["responseBodySize"] for size in sizes.values())
    assert len(sizes) > 3
    assert weight <= 150 * KB, {url: size["responseBodySize"] for url, size in sizes.items()}
