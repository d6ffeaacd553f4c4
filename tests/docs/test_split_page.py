"""The page "Try the split", in a real browser: its arithmetic is that of tfl_depth/encoding.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from selenium.webdriver import ActionChains, Keys

from tests.support.browser import Browser, chromium
from tests.support.site import built_site
from tfl_depth.encoding import Decoder, Spans, encode

RANGES = {
    "10 m": Spans.uniform(10),
    "15 m": Spans.uniform(15),
    "growing": Spans((0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 80.0)),
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Browser:
    """The page, as it opens from a file."""
    browser.open((built_site() / "try-the-split.html").as_uri())
    browser.wait_for("document.querySelector('[data-part=decoded]').textContent !== ''")
    return browser


def text(page: Browser, part: str) -> str:
    return page.find(f'[data-part="{part}"]').text


def depths(spans: Spans) -> npt.NDArray[np.float64]:
    """Every tenth of a step, the edges with their neighbors, and what lies outside."""
    edges = np.asarray(spans.edges_m)
    rng = np.random.default_rng(0)
    return np.concatenate(
        [
            np.linspace(0, spans.max_depth_m, 10 * 255 * spans.count + 1),
            rng.uniform(0, spans.max_depth_m, 20_000),
            *(edges, np.nextafter(edges, -1), np.nextafter(edges, 1e9)),
            [-1.0, spans.max_depth_m + 1],
        ]
    )


def in_page(page: Browser, spans: Spans, body: str, *arguments: Any) -> Any:
    """The value of a body that knows `spans` and `given`."""
    made = f"const spans = Split.makeSpans(arguments[0]), given = arguments[1];{body}"
    return page.script(made, list(spans.edges_m), *arguments)


@pytest.mark.parametrize("spans", RANGES.values(), ids=RANGES)
def test_it_encodes_as_the_package_does(page: Browser, spans: Spans) -> None:
    depth_m = depths(spans)
    body = "return given.map((d) => Split.encode(d, spans)).map((c) => [c.integer, c.fractional]);"
    got = np.asarray(in_page(page, spans, body, depth_m.tolist()))
    assert (got == np.stack(encode(depth_m, spans), axis=1)).all()


@pytest.mark.parametrize("spans", RANGES.values(), ids=RANGES)
def test_it_decodes_every_pair_of_codes_as_the_package_does(page: Browser, spans: Spans) -> None:
    body = """
        return Array.from({length: 65536}, (_, k) => {
          const { agrees, depthMm } = Split.decode(k >> 8, k & 255, spans);
          return agrees ? depthMm : -1;
        });
    """
    decoder = Decoder(spans)
    expected = np.where(decoder.agrees, decoder.depth_mm.astype(np.int64), -1)
    assert (np.asarray(in_page(page, spans, body)) == expected).all()


def test_it_shows_what_it_computes(page: Browser) -> None:
    assert [text(page, part) for part in ("true", "integer", "fractional", "decoded")] == [
        "5698.0 mm",
        "96",
        "77",
        "5698 mm",
    ]
    assert page.problems() == []


def test_keys_move_the_depth_by_a_thousandth_of_a_span(page: Browser) -> None:
    slider = page.find('[data-part="slider"]')
    slider.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert text(page, "true") == "5700.0 mm"
    assert slider.get_attribute("aria-valuetext") == "5.700 meters"
    slider.send_keys(Keys.HOME)
    assert text(page, "decoded") == "0 mm"
    slider.send_keys(Keys.END)
    assert text(page, "decoded") == "15000 mm"


def test_the_depth_is_dragged_in_the_drawing(page: Browser) -> None:
    drawing = page.find('[data-part="drawing"]')
    ActionChains(page.driver).drag_and_drop_by_offset(drawing, 60, 0).perform()
    first = float(text(page, "true").split()[0])
    assert 7500 < first < 9500
    ActionChains(page.driver).move_to_element_with_offset(drawing, -60, 0).perform()
    assert float(text(page, "true").split()[0]) == first, "it follows a pointer that is up"


def test_the_range_is_chosen_by_keys_and_depth_stays_inside(page: Browser) -> None:
    page.find('input[value="15 m"]').send_keys(Keys.ARROW_RIGHT)
    meters = page.find('[data-part="meters"]')
    meters.clear()
    meters.send_keys("50")
    encoded = [int(code) for code in map(int, encode(50.0, RANGES["growing"]))]
    assert [int(text(page, part)) for part in ("integer", "fractional")] == encoded
    page.find('input[value="growing"]').send_keys(Keys.ARROW_RIGHT)
    assert page.find('input[value="10 m"]').is_selected()
    assert text(page, "decoded") == "10000 mm"


def test_codes_that_contradict_each_other_have_no_depth(page: Browser) -> None:
    assert text(page, "verdict") == "They agree: 5698 mm."
    code = page.find('[data-part="integer-input"]')
    code.clear()
    code.send_keys("90")
    assert text(page, "verdict") == "They contradict each other: no depth."


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 360)])
def test_it_fits_and_is_readable(browser: Browser, scheme: str, width: int) -> None:
    browser.prefer(scheme)
    browser.open((built_site() / "try-the-split.html").as_uri(), width=width, height=1000)
    browser.wait_for("document.querySelectorAll('#split-page svg polyline').length === 2")
    assert browser.script("return document.documentElement.scrollWidth") <= width
    colors = "const style = getComputedStyle(document.querySelector(arguments[0])); return "
    text_color = browser.script(f"{colors} style.color", "#split-page td")
    background = browser.script(f"{colors} style.backgroundColor", "body")
    assert contrast(text_color, background) > 4.5
    browser.screenshot(f"split-{scheme}-{width}")
    browser.prefer("light")


def contrast(*colors: str) -> float:
    """By WCAG 2, of two opaque or nearly opaque colors as a browser writes them."""
    dark, light = sorted(map(luminance, colors))
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    numbers = color.partition("(")[2].rstrip(")").replace("/", ",").split(",")
    rgb = np.asarray([float(each) for each in numbers[:3]]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_the_whole_page_can_be_captured(page: Browser) -> None:
    """A drawing that its own drawing resizes never ended it."""
    whole = {"format": "png", "captureBeyondViewport": True}
    height = page.script("return document.documentElement.scrollHeight")
    for width in (1280, 390):
        page.resize(width, height)
        content = page.driver.execute_cdp_cmd("Page.captureScreenshot", whole)["data"]
        assert len(content) > 10_000
        drawn = page.script(
            "return document.querySelector('#split-page svg').viewBox.baseVal.width"
        )
        shown = page.script("return document.querySelector('#split-page svg').clientWidth")
        assert drawn == shown
