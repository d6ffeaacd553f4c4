"""The browser of the tests sees what goes wrong in a page, and reaches nothing outside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from tests.support.browser import Browser, chromium


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


def page(folder: Path, body: str) -> str:
    """The address of a page with this body."""
    file = folder / "page.html"
    icon = '<link rel="icon" href="data:,">'
    file.write_text(f"<!doctype html><title>page</title>{icon}<body>{body}</body>")
    return file.as_uri()


def test_a_good_page_has_no_problems_and_the_size_that_was_asked_for(
    browser: Browser, tmp_path: Path
) -> None:
    browser.open(page(tmp_path, "<script>console.log('all is well')</script>"), width=360)
    assert browser.problems() == []
    assert browser.script("return [innerWidth, innerHeight]") == [360, 800]
    shot = cv2.imread(str(browser.screenshot("browser")))
    assert shot is not None
    assert shot.shape == (800, 360, 3)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<script>console.error('broken')</script>", "broken"),
        ("<script>throw new Error('uncaught')</script>", "uncaught"),
        ("<img src='absent.png'>", "absent.png"),
        ("<img src='http://example.com/outside.png'>", "outside.png"),
    ],
)
def test_what_goes_wrong_is_seen(browser: Browser, tmp_path: Path, body: str, said: str) -> None:
    browser.open(page(tmp_path, body))
    browser.wait_for("document.readyState === 'complete'")
    assert any(said in problem for problem in browser.problems())
    assert browser.problems() == []


def test_waiting_ends_with_what_was_waited_for(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.browser.TIMEOUT_S", 0.2)
    browser.open(page(tmp_path, ""))
    with pytest.raises(Exception, match="in vain: the moon"):
        browser.wait_for("false", "the moon")


def test_a_page_can_draw_with_webgl(browser: Browser, tmp_path: Path) -> None:
    browser.open(page(tmp_path, "<canvas></canvas>"))
    context = "document.querySelector('canvas').getContext('webgl')"
    assert browser.script(f"return {context} !== null")


def test_a_page_sees_which_colors_are_preferred(browser: Browser, tmp_path: Path) -> None:
    browser.open(page(tmp_path, ""))
    for scheme in ("dark", "light"):
        browser.prefer(scheme)
        assert browser.script(f"return matchMedia('(prefers-color-scheme: {scheme})').matches")
