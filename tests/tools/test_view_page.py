"""The page of `tfl-depth view` in a real browser: seen, pointed at, turned, played, dropped on."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.support.browser import Browser, chromium
from tests.support.length import in_full
from tests.support.view_server import FP32, INT8, Server, served, some_photo, write_video
from tfl_depth.runtime import DepthRunner

# A name that would be more than a name in a page that took it for HTML.
HOSTILE = "<img src=x onerror=document.title='broken'>.png"
FRAMES = 15
PICTURES = ("photo", "float", "depth", "difference")
WIDTHS, BETWEEN = (360, 700, 1024, 1280, 1920), (1280, 1920)
READ_OUT = re.compile(r"x (\d+), y (\d+) · INT8 ([\d,]+) mm · FP32 ([\d,]+) mm · difference (.\d+)")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    cv2.imwrite(str(folder / "a.png"), some_photo(1))
    cv2.imwrite(str(folder / "b.png"), some_photo(2))
    cv2.imwrite(str(folder / HOSTILE), some_photo(3))
    (folder / "broken.jpg").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="module")
def server(
    browser: Browser, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    videos = tmp_path_factory.mktemp("videos")
    clip, long = write_video(videos / "clip.mp4", FRAMES), write_video(videos / "long.mp4", 1500)
    with served(INT8, folder, clip, long, "--float", FP32) as server:
        yield server


@pytest.fixture(scope="module")
def runner() -> Iterator[DepthRunner]:
    with DepthRunner(INT8) as runner:
        yield runner


@pytest.fixture
def page(browser: Browser, server: Server) -> Browser:
    """The page with the photo a.png."""
    browser.prefer("light")
    browser.open(server.address)
    choose(browser, "a.png")
    return browser


def choose(page: Browser, name: str) -> None:
    """Click an input, and wait for its picture."""
    page.wait_for("document.querySelectorAll('#inputs button').length > 0")
    buttons = page.driver.find_elements("css selector", "#inputs button")
    next(each for each in buttons if each.get_attribute("title") == name).click()
    page.wait_for("document.querySelector('[aria-current=true]') !== null")
    page.wait_for("!document.getElementById('main').hasAttribute('aria-busy')", f"{name} is shown")


def pixels(page: Browser, selector: str) -> npt.NDArray[np.uint8]:
    """What a canvas shows, (H, W, 3) uint8 BGR."""
    url = page.script(f"return document.querySelector({selector!r}).toDataURL('image/png')")
    content = np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8)
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), np.uint8)


def read_out(page: Browser) -> tuple[int, int, int, int, int]:
    """x, y, and millimeters of the model, of FP32 and between them."""
    text = str(page.script("return document.getElementById('readout').textContent"))
    match = READ_OUT.fullmatch(text.removesuffix(" mm"))
    assert match is not None, text
    x, y, *depths = (
        int(each.replace(",", "").replace("\N{MINUS SIGN}", "-")) for each in match.groups()
    )
    return (x, y, *depths)  # type: ignore[return-value]


def point(page: Browser, figure: str, x: float, y: float) -> None:
    """Move the mouse to a share of a picture's width and height."""
    picture = page.find(f"#{figure} .picture")
    page.script("arguments[0].scrollIntoView({block: 'center'})", picture)
    size = picture.size
    offset = round((x - 0.5) * size["width"]), round((y - 0.5) * size["height"])
    ActionChains(page.driver, 0).move_to_element_with_offset(picture, *offset).perform()


# What is seen


def test_the_page_shows_photo_depth_and_comparison_without_an_error(page: Browser) -> None:
    assert page.find("#model").text.startswith("ramp-10m-1m-split-int8.tflite · INT8 · 256")
    for figure in PICTURES:
        assert pixels(page, f"#{figure} .picture canvas").shape == (150, 210, 3)
    assert pixels(page, "#depth .picture canvas").std() > 20
    assert "0.00 % of pixels disagree" in page.find("#check").text
    page.screenshot("view")
    assert page.problems() == []


def test_clicked_points_calibrate(page: Browser) -> None:
    page.find("#measure summary").click()
    for x, y in ((0.2, 0.3), (0.5, 0.5), (0.7, 0.4), (0.8, 0.8)):
        point(page, "photo", x, y)
        ActionChains(page.driver, 0).click().perform()
        _, _, depth_mm, _, _ = read_out(page)
        page.find("#distance").send_keys(f"{1.25 * depth_mm / 1000:.4f}", Keys.ENTER)
    assert len(page.driver.find_elements("css selector", "#measured li")) == 4
    page.find("#fit-points").click()
    page.wait_for("!document.getElementById('camera-file').hidden")
    said = page.find("#fitted").text
    assert "depth is 1.25" in said and "before: " in said and "95 % interval" in said
    address = page.find("#camera-file").get_attribute("href")
    assert str(address).startswith("blob:")
    page.driver.find_elements("css selector", "#measured button")[0].click()
    assert len(page.driver.find_elements("css selector", "#measured li")) == 3
    page.find("#measure summary").click()
    assert page.problems() == []


def test_depth_has_the_colors_of_infer(page: Browser, runner: DepthRunner) -> None:
    from tfl_depth.runtime.colorize import colorize, depth_limits

    depth_mm = runner.infer(some_photo(1))
    expected = colorize(depth_mm, *depth_limits(depth_mm))[:150]
    shown = pixels(page, "#depth .picture canvas")
    assert np.abs(shown.astype(int) - expected).max() <= 3
    near, far = (mm / 1000 for mm in depth_limits(depth_mm))
    legend = page.find("#depth .ticks").text.replace("\n", " ")
    assert f"{near:.2f} m" in legend and f"{far:.2f} m" in legend


@pytest.mark.parametrize(
    "width",
    [pytest.param(each, marks=[in_full] if each in BETWEEN else []) for each in WIDTHS],
)
def test_it_fits_every_width(page: Browser, width: int) -> None:
    page.resize(width, 800)
    page.wait_for(f"innerWidth === {width}")
    assert page.script("return document.documentElement.scrollWidth") <= width
    out = page.script(
        "return [...document.querySelectorAll('figure')].flatMap((figure) => {"
        "  const right = figure.getBoundingClientRect().right;"
        "  return [...figure.querySelectorAll('*')].filter("
        "    (each) => !each.matches('.cross') && each.getBoundingClientRect().right > right)"
        "    .map((each) => each.outerHTML); })"
    )
    assert out == []
    for figure in PICTURES:
        box = page.find(f"#{figure} .picture").rect
        assert box["width"] / box["height"] == pytest.approx(210 / 150, rel=0.02)
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
    for scheme in ("light", "dark"):
        page.prefer(scheme)
        page.screenshot(f"view-{width}-{scheme}")


def test_a_name_is_never_taken_for_html(page: Browser) -> None:
    choose(page, HOSTILE)
    assert HOSTILE in page.find("#inputs").text
    assert page.script("return document.querySelectorAll('#inputs img[src=x]').length") == 0
    assert "broken" not in page.driver.title
    assert page.problems() == []


# Pointing


def test_the_read_out_is_what_the_runner_gives_at_that_pixel(
    page: Browser, runner: DepthRunner, folder: Path
) -> None:
    depth_mm = runner.infer(folder / "a.png")
    with DepthRunner(FP32) as other:
        reference_mm = other.infer(folder / "a.png")
    for figure in PICTURES:
        for place in ((0.3, 0.6), (0.71, 0.2), (0.01, 0.99)):
            point(page, figure, *place)
            x, y, depth, reference, difference = read_out(page)
            assert abs(x - 210 * place[0]) <= 2 and abs(y - 150 * place[1]) <= 2
            assert (depth, reference) == (depth_mm[y, x], reference_mm[y, x])
            assert difference == depth - reference


def test_every_picture_has_the_cursor_at_the_same_place(page: Browser) -> None:
    point(page, "photo", 0.25, 0.75)
    places = page.script(
        "return [...document.querySelectorAll('.picture')].map((picture) => {"
        "  const cross = picture.querySelector('.cross').getBoundingClientRect();"
        "  const box = picture.getBoundingClientRect();"
        "  return [(cross.x + cross.width / 2 - box.x) / box.width,"
        "          (cross.y + cross.height / 2 - box.y) / box.height]; })"
    )
    assert np.allclose(places, [(0.25, 0.75)] * len(PICTURES), atol=0.01)


def test_keys_move_the_cursor(page: Browser) -> None:
    picture = page.find("#depth .picture")
    picture.send_keys(Keys.ARROW_RIGHT)
    x, y, *_ = read_out(page)
    picture.send_keys(Keys.ARROW_LEFT, Keys.ARROW_DOWN)
    assert read_out(page)[:2] == (x - 1, y + 1)
    picture.send_keys(Keys.SHIFT + Keys.ARROW_UP)
    assert read_out(page)[:2] == (x - 1, y - 9)
    picture.send_keys(Keys.SHIFT + 30 * Keys.ARROW_LEFT)
    assert read_out(page)[0] == 0


def test_keys_choose_an_input(page: Browser) -> None:
    page.find("#inputs [aria-current=true]").send_keys(Keys.ARROW_DOWN)
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.wait_for("document.querySelector('[aria-current=true]').title === 'b.png'")


def test_next_and_previous_choose_inputs_that_have_thumbnails(page: Browser) -> None:
    current = "document.querySelector('[aria-current=true]').title"
    assert not page.find("#previous").get_property("disabled")
    page.find("#next").click()
    page.wait_for(f"{current} === 'b.png'")
    page.find("body").send_keys(Keys.PAGE_UP)
    page.wait_for(f"{current} === 'a.png'")
    # Of the four photos one cannot be read.
    page.wait_for("document.querySelectorAll('#inputs img').length === 3")
    page.wait_for("[...document.querySelectorAll('#inputs img')].every((e) => e.naturalWidth > 9)")
    assert page.problems() == []


# Choosing colors, measuring, saving


def test_depth_has_the_chosen_colors_and_range(page: Browser, runner: DepthRunner) -> None:
    from tfl_depth.runtime.colorize import colorize

    depth_mm = runner.infer(some_photo(1))
    page.find("#colormap option[value=turbo]").click()
    page.find("#scale option[value=custom]").click()
    for name, meters in (("near", "2"), ("far", "7")):
        page.find(f"#{name}").clear()
        page.find(f"#{name}").send_keys(meters, Keys.TAB)
    shown = pixels(page, "#depth .picture canvas")
    expected = colorize(depth_mm, 2000, 7000, colormap="turbo")[:150]
    assert np.abs(shown.astype(int) - expected).max() <= 4
    near, *middle, far = page.driver.find_elements("css selector", "#depth .ticks span")
    assert near.text.endswith("2.00 m") and far.text.endswith("7.00 m")
    assert [tick.text for tick in middle] == ["4 m", "5 m"]
    bar = page.find("#depth .legend canvas").rect
    for tick, share in zip(middle, (0.4, 0.6), strict=True):
        center = tick.rect["x"] + tick.rect["width"] / 2
        assert abs(center - bar["x"] - share * bar["width"]) <= 2


def test_pixels_that_fail_the_self_check_are_marked(page: Browser, runner: DepthRunner) -> None:
    missing = runner.infer(some_photo(1)) == 0
    assert missing.any()
    page.find("#inconsistent").click()
    marked = (pixels(page, "#depth .picture canvas") == (200, 0, 255)).all(axis=-1)
    assert np.array_equal(marked, missing)


def test_distances_are_those_of_the_points_in_space(page: Browser, runner: DepthRunner) -> None:
    depth_mm = runner.infer(some_photo(1))
    focal = 210 / 2 / np.tan(np.radians(60) / 2)  # the field of view that the page assumes
    places = []
    for share in ((0.2, 0.3), (0.8, 0.7)):
        point(page, "depth", *share)
        x, y, *_ = read_out(page)
        z = depth_mm[y, x] / 1000
        places.append(np.array([(x - 104.5) / focal * z, (y - 74.5) / focal * z, z]))
        if len(places) == 1:
            ActionChains(page.driver, 0).click().perform()
    said = page.find("#distances").text
    apart, away = np.linalg.norm(places[1] - places[0]), np.linalg.norm(places[1])
    assert f"{away:.2f} m from the camera" in said
    assert f"{apart:.2f} m from the marked point" in said
    assert "assumed" in said
    page.find("#depth .picture").send_keys(Keys.ESCAPE)
    assert "from the marked" not in page.find("#distances").text


SAVED = (
    "window.saved = []; const make = URL.createObjectURL;"
    "URL.createObjectURL = (blob) => { window.saved.push(blob); return make(blob); };"
)
CONTENT = (
    "return window.saved.at(-1).arrayBuffer().then((content) =>"
    "  Array.from(new Uint8Array(content)))"
)


def test_a_picture_and_a_clip_are_saved(page: Browser) -> None:
    page.script(SAVED)
    page.find("#save").click()
    page.wait_for("window.saved.length === 1")
    content = np.array(page.script(CONTENT), np.uint8)
    picture = cv2.imdecode(content, cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape[1] > 4 * 210 and picture.shape[0] > 150
    choose(page, "long.mp4")
    page.wait_until(lambda: frame_number(page) >= 0, "a first frame")
    page.find("#record").click()
    before = frame_number(page)
    page.wait_until(lambda: frame_number(page) > before + 5, "some frames")
    page.find("#record").click()
    page.wait_for("window.saved.length === 2")
    assert page.script(CONTENT)[:4] == [0x1A, 0x45, 0xDF, 0xA3]  # EBML: Matroska, WebM
    assert page.problems() == []


# Turning


def drag(page: Browser, right: int, down: int) -> None:
    canvas = page.find("#points")
    page.script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    ActionChains(page.driver, 0).drag_and_drop_by_offset(canvas, right, down).perform()


def test_the_cloud_turns_with_the_mouse_and_the_keys(page: Browser) -> None:
    first = pixels(page, "#points")
    drawn = (first > 0).any(axis=-1)
    assert 0.05 < drawn.mean() < 0.95
    assert first[drawn].std() > 20
    drag(page, 80, 30)
    turned = pixels(page, "#points")
    assert (turned != first).any(axis=-1).mean() > 0.05
    canvas = page.find("#points")
    canvas.send_keys(Keys.ARROW_LEFT)
    assert not np.array_equal(pixels(page, "#points"), turned)
    canvas.send_keys(Keys.HOME)
    assert np.array_equal(pixels(page, "#points"), first)
    canvas.send_keys("+")
    assert not np.array_equal(pixels(page, "#points"), first)
    page.find("#reset").click()
    assert np.array_equal(pixels(page, "#points"), first)
    assert page.problems() == []


def test_the_cloud_has_the_photos_or_the_depths_colors(page: Browser) -> None:
    photo = pixels(page, "#points")
    page.find("#paint option[value=depth]").click()
    depth = pixels(page, "#points")
    assert np.array_equal((photo > 0).any(axis=-1), (depth > 0).any(axis=-1))
    assert (photo != depth).any(axis=-1).mean() > 0.05


def test_without_webgl_it_says_so_and_the_rest_works(browser: Browser, server: Server) -> None:
    none = (
        "const get = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...options) {"
        "  return kind === 'webgl' ? null : get.call(this, kind, ...options); };"
    )
    command = "Page.addScriptToEvaluateOnNewDocument"
    added = browser.driver.execute_cdp_cmd(command, {"source": none})
    try:
        browser.open(server.address)
        choose(browser, "a.png")
        assert browser.find("#no-webgl").is_displayed()
        assert not browser.find("#reset").is_displayed()
        point(browser, "depth", 0.5, 0.5)
        assert read_out(browser)
        assert browser.problems() == []
    finally:
        browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


# Playing


def frame_number(page: Browser) -> int:
    said = page.script("return document.getElementById('speed').textContent")
    match = re.search(r"frame (\d+)", said)
    return int(match[1]) if match else -1


def test_a_video_plays_to_its_end_and_again(page: Browser) -> None:
    for _ in range(2):
        choose(page, "clip.mp4")
        page.wait_until(lambda: frame_number(page) >= 0, "a first frame")
        page.wait_until(lambda: frame_number(page) == FRAMES - 1, "the last frame")
        page.wait_for("document.getElementById('play').textContent === 'Play'")
    said = page.find("#speed").text
    assert re.search(r"[\d.]+ frames/s · latency [\d.]+ ms · \d+ dropped", said)
    assert pixels(page, "#depth .picture canvas").shape == (64, 96, 3)
    page.screenshot("view-live")
    assert page.problems() == []


def test_photos_play_one_after_the_other_and_those_that_come(page: Browser, folder: Path) -> None:
    current = "document.querySelector('[aria-current=true]').title"
    page.find("#play").click()
    page.wait_for(f"{current} === 'b.png'")
    page.wait_for(f"{current}.startsWith('broken.jpg')")
    page.wait_for("!document.getElementById('error').hidden")
    assert page.find("#play").text == "Pause"
    cv2.imwrite(str(folder / "late.png"), some_photo(4))
    page.wait_for(f"{current} === 'late.png'")
    page.wait_for("document.getElementById('error').hidden")
    page.find("#play").click()
    assert page.find("#play").text == "Play"
    (folder / "late.png").unlink()


def test_a_video_is_sought_and_begins_again(page: Browser) -> None:
    choose(page, "long.mp4")
    page.wait_until(lambda: frame_number(page) >= 0, "a first frame")
    seek = (
        "const e = document.getElementById('seek'); e.value = {}; e.dispatchEvent(new Event('{}'))"
    )
    page.script(seek.format(30, "change"))
    page.wait_until(lambda: page.find("#time").text.startswith("0:3"), "half a minute")
    assert page.find("#time").text.endswith("of 1:00")
    page.find("#loop").click()
    page.script(seek.format(59, "change"))
    page.wait_until(lambda: page.find("#time").text.startswith("0:59"), "the end")
    page.wait_until(lambda: page.find("#time").text.startswith("0:0"), "the start again")
    page.find("#play").click()
    page.find("#loop").click()


def test_leaving_a_video_stops_it(page: Browser, server: Server) -> None:
    choose(page, "long.mp4")
    page.wait_until(lambda: frame_number(page) >= 0, "a first frame")
    choose(page, "a.png")
    page.wait_for("document.querySelector('#photo canvas').height === 150")
    assert frame_number(page) == -1
    assert server.ask(f"/api/live/{server.number('long.mp4')}").status == 409
    assert page.problems() == []


# Dropping, and what fails


def test_a_photo_can_be_opened(page: Browser, runner: DepthRunner, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "mine.png"), some_photo(9)[:100])
    page.find("#file").send_keys(str(tmp_path / "mine.png"))
    page.wait_for("document.querySelector('#photo canvas').height === 100")
    point(page, "depth", 0.4, 0.4)
    x, y, depth, *_ = read_out(page)
    assert depth == runner.infer(some_photo(9)[:100].copy())[y, x]
    choose(page, "b.png")
    choose(page, "mine.png")
    page.wait_for("document.querySelector('#photo canvas').height === 100")
    assert page.problems() == []


def drop(page: Browser, content: bytes, name: str) -> None:
    page.script(
        "const bytes = Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0));"
        "const dataTransfer = new DataTransfer();"
        "dataTransfer.items.add(new File([bytes], arguments[1]));"
        "for (const kind of ['dragenter', 'dragover', 'drop'])"
        "  document.body.dispatchEvent(new DragEvent(kind, {"
        "    bubbles: true, cancelable: true, dataTransfer }));",
        base64.b64encode(content).decode(),
        name,
    )


def test_a_photo_can_be_dropped(page: Browser, runner: DepthRunner) -> None:
    drop(page, cv2.imencode(".png", some_photo(9)[:90])[1].tobytes(), "dropped.png")
    page.wait_for("document.querySelector('#photo canvas').height === 90")
    point(page, "photo", 0.6, 0.3)
    x, y, depth, *_ = read_out(page)
    assert depth == runner.infer(some_photo(9)[:90].copy())[y, x]
    assert page.problems() == []


@pytest.mark.parametrize("how", ["given", "dropped", "too large"])
def test_what_fails_is_said_and_the_rest_goes_on(page: Browser, how: str) -> None:
    if how == "given":
        choose(page, "broken.jpg")
    elif how == "dropped":
        drop(page, b"no image", "broken.jpg")
    else:
        page.script("window.File = class extends File { get size() { return 2 ** 26; } };")
        drop(page, b"no image", "broken.jpg")
    page.wait_for("!document.getElementById('error').hidden")
    said = page.find("#error").text
    assert said.startswith("broken.jpg: ")
    assert ("at most 32 MiB" if how == "too large" else "Cannot read") in said
    assert "⚠ broken.jpg" in page.find("#inputs").text
    assert not page.find("#panels").is_displayed()
    page.screenshot(f"view-error-{how.replace(' ', '-')}")
    choose(page, "long.mp4" if how == "given" else "b.png")
    page.wait_for("document.getElementById('error').hidden")
    assert page.find("#panels").is_displayed()


def test_a_command_that_was_stopped_is_said(browser: Browser, folder: Path) -> None:
    with served(INT8, folder) as server:
        browser.open(server.address)
        choose(browser, "a.png")
    buttons = browser.driver.find_elements("css selector", "#inputs button")
    next(each for each in buttons if each.get_attribute("title") == "b.png").click()
    browser.wait_for("!document.getElementById('error').hidden")
    assert "was it stopped?" in browser.find("#error").text


def test_without_inputs_it_asks_for_a_photo(browser: Browser) -> None:
    with served(INT8) as server:
        browser.open(server.address)
        browser.wait_for("!document.getElementById('empty').hidden")
        assert "drop a photo here" in browser.find("#empty").text
        drop(browser, cv2.imencode(".png", some_photo())[1].tobytes(), "first.png")
        browser.wait_for("!document.getElementById('panels').hidden")
        assert not browser.find("#empty").is_displayed()
        # Nothing to compare with: the depth is called so, and no field of view was given.
        assert browser.find("#depth h2").text == "Depth"
        assert not browser.find("#float").is_displayed()
        assert browser.find("#fov-label").is_displayed()
        before = pixels(browser, "#points")
        for typed, taken in (("100", "100"), ("1000", "150"), ("-5", "10"), ("", "60")):
            field = browser.find("#fov")
            field.send_keys(Keys.CONTROL + "a")
            field.send_keys(Keys.BACKSPACE, typed, Keys.TAB)
            assert browser.find("#fov").get_property("value") == taken
            assert np.array_equal(pixels(browser, "#points"), before) == (taken == "60")
        browser.screenshot("view-dropped")
        assert browser.problems() == []


# Pages of others


@pytest.fixture
def other_origin() -> Iterator[str]:
    """A page of another port of this machine, which is another origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>other</title>")

        def log_message(self, *_arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{other.server_address[1]}/"
        other.shutdown()
        thread.join()


def test_a_page_of_another_origin_gets_nothing(
    browser: Browser, server: Server, other_origin: str
) -> None:
    clip = server.number("clip.mp4")
    assert server.ask("/api/live", "POST").status == 204
    browser.open(other_origin)
    answers = browser.script(
        """
        const [address, clip] = arguments;
        const told = async (promise) => { try { return (await promise).type; }
                                          catch { return "refused"; } };
        const loads = (tag, path) => new Promise((done) => {
          const element = document.createElement(tag);
          element.onload = () => done("loaded");
          element.onerror = () => done("refused");
          element.src = address + path;
          document.body.append(element);
        });
        return Promise.all([
          told(fetch(address + "api/inputs")),
          told(fetch(address + "api/uploads", { method: "POST", body: "x" })),
          told(fetch(address + `api/live/${clip}`, { method: "POST", mode: "no-cors" })),
          loads("script", "static/main.js"),
          loads("img", "static/icon.svg"),
        ]);
        """,
        server.address,
        clip,
    )
    # Of the third it may not even know; that nothing plays the server says.
    assert [answers[k] for k in (0, 1, 3, 4)] == ["refused"] * 4
    assert server.ask(f"/api/live/{clip}").status == 409


def test_no_other_page_may_frame_it(browser: Browser, server: Server, other_origin: str) -> None:
    browser.open(other_origin)
    browser.script(
        "const frame = document.createElement('iframe'); frame.src = arguments[0];"
        "document.body.append(frame); return new Promise((done) => { frame.onload = done; })",
        server.address,
    )
    browser.driver.switch_to.frame(browser.find("iframe"))
    try:
        assert "tfl-depth view" not in browser.driver.page_source
    finally:
        browser.driver.switch_to.default_content()
