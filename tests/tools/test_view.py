"""The server of `tfl-depth view`: what it gives, and what it refuses to give."""

from __future__ import annotations

import re
import socket
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.view_server import FP32, INT8, ROOT, Server, served, some_photo, write_video
from tfl_depth.errors import ImageError
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.runtime import DepthRunner
from tfl_depth.tools import view
from tfl_depth.tools.viewer.photos import MAX_BYTES, MAX_PIXELS, decode_photo
from tfl_depth.tools.viewer.sources import Sources

STATIC = ROOT / "tools" / "viewer" / "static"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos, a broken one, a link that leads out, one that does not, and a secret beside."""
    base = tmp_path_factory.mktemp("view")
    photos = base / "photos"
    photos.mkdir()
    cv2.imwrite(str(photos / "a.png"), some_photo(1))
    cv2.imwrite(str(photos / "b.png"), some_photo(2))
    cv2.imwrite(str(base / "secret.png"), some_photo(3))
    (photos / "broken.jpg").write_bytes(b"no image")
    (photos / "inside.png").symlink_to("a.png")
    (photos / "outside.png").symlink_to(base / "secret.png")
    write_video(base / "clip.mp4", 20)
    return base


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with served(INT8, folder / "photos", folder / "clip.mp4", "--fov", 70, "--float", FP32) as it:
        yield it


@pytest.fixture(scope="module")
def runner() -> Iterator[DepthRunner]:
    with DepthRunner(INT8) as runner:
        yield runner


# What it gives


def test_the_page_and_its_files_are_served(server: Server) -> None:
    page = server.ask("/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.content == (STATIC / "index.html").read_bytes()
    names = re.findall(r'"/static/([^"]+)"', page.content.decode())
    assert {"main.js", "view.css", "icon.svg"} == set(names)
    for file in STATIC.iterdir():
        answer = server.ask(f"/static/{file.name}")
        assert (answer.status, answer.content) == (200, file.read_bytes())


def test_inputs_are_listed_in_their_order(server: Server) -> None:
    listed = [(each["name"], each["kind"]) for each in server.ask("/api/inputs").json]
    photos = ["a.png", "b.png", "broken.jpg", "inside.png", "outside.png"]
    assert listed == [*((name, "photo") for name in photos), ("clip.mp4", "video")]


def test_a_picture_is_what_the_runner_gives(
    server: Server, folder: Path, runner: DepthRunner
) -> None:
    picture = server.picture(f"/api/inputs/{server.number('b.png')}")
    measured = runner.measure(folder / "photos" / "b.png")
    assert np.array_equal(picture.maps[0], measured.depth_mm)
    assert picture.facts["disagreement"] == measured.disagreement
    assert picture.facts["camera"] == vars(Intrinsics.from_field_of_view(70, (150, 210)))
    assert np.abs(picture.photo.astype(int) - some_photo(2)).mean() < 4


def test_the_comparison_is_what_the_other_runner_gives(server: Server, folder: Path) -> None:
    picture = server.picture(f"/api/inputs/{server.number('a.png')}")
    with DepthRunner(FP32) as other:
        assert np.array_equal(picture.maps[1], other.infer(folder / "photos" / "a.png"))
    one, other_mm = (each.astype(int) for each in picture.maps)
    apart = np.abs(one - other_mm)[(one > 0) & (other_mm > 0)]
    assert picture.facts["difference"]["max_mm"] == apart.max() > 0
    assert picture.facts["difference"]["median_mm"] == np.median(apart)


def test_depth_past_16_bits_comes_whole(folder: Path) -> None:
    model = INT8.with_name("ramp-80m-growing-split-int8.tflite")
    with served(model, folder / "photos/a.png") as server, DepthRunner(model) as runner:
        picture = server.picture("/api/inputs/0") if server.number("a.png") == 0 else None
        assert picture is not None
        assert picture.maps[0].dtype == np.uint32
        assert np.array_equal(picture.maps[0], runner.infer(folder / "photos/a.png"))
        assert picture.facts["camera"] is None
        assert "difference" not in picture.facts


def test_an_uploaded_photo_is_one_too(server: Server, runner: DepthRunner) -> None:
    content = cv2.imencode(".png", some_photo(5))[1].tobytes()
    picture = server.picture("/api/uploads", "POST", content)
    assert np.array_equal(picture.maps[0], runner.infer(some_photo(5)))


def test_many_ask_at_once(server: Server, folder: Path, runner: DepthRunner) -> None:
    names = ["a.png", "b.png"] * 8
    numbers = [server.number(name) for name in names]
    with ThreadPoolExecutor(8) as pool:
        pictures = list(pool.map(lambda k: server.picture(f"/api/inputs/{k}"), numbers))
    expected = {name: runner.infer(folder / "photos" / name) for name in set(names)}
    for name, picture in zip(names, pictures, strict=True):
        assert np.array_equal(picture.maps[0], expected[name])


def test_a_folder_is_listed_as_it_is_now(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "b.png"), some_photo())
    sources = Sources([str(tmp_path)])
    assert [(k, each.name) for k, each in sources.now()] == [(0, "b.png")]
    cv2.imwrite(str(tmp_path / "a.png"), some_photo())
    assert [(k, each.name) for k, each in sources.now()] == [(1, "a.png"), (0, "b.png")]
    for file in tmp_path.iterdir():
        file.unlink()
    assert sources.now() == []


def test_the_browser_is_opened_where_that_is_wanted(tmp_path: Path) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}')
    browser.chmod(0o700)
    with served(INT8, "--open", BROWSER=str(browser)) as server:
        assert server.ask("/").status == 200  # it serves only then
        assert opened.read_text() == server.address
    opened.unlink()
    with served(INT8, BROWSER=str(browser)) as server:
        assert server.ask("/").status == 200
    assert not opened.exists()


def test_the_page_is_shipped() -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    assert config["options.package_data"]["tfl_depth.tools.viewer"] == "static/*"
    assert all(file.is_file() for file in STATIC.iterdir())


# One that fails


def test_a_broken_photo_is_said_and_the_rest_goes_on(server: Server) -> None:
    answer = server.ask(f"/api/inputs/{server.number('broken.jpg')}")
    assert answer.status == 422
    assert "Cannot read broken.jpg" in answer.json["error"]
    assert server.picture(f"/api/inputs/{server.number('a.png')}").maps


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent.tflite"], "absent.tflite"),
        ([INT8, "absent.png"], "There is no file absent.png"),
        ([INT8, "absent*.png"], "There is no file absent"),
        ([INT8, "--float", "absent.keras"], "absent.keras"),
    ],
)
def test_what_cannot_be_shown_is_said_at_the_start(
    arguments: list[object], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert view.main(list(map(str, arguments))) == 1
    assert said in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert view.main([str(INT8), "--port", str(other.getsockname()[1])]) == 1
    assert "is in use" in capsys.readouterr().err


def test_what_is_not_installed_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert view.main([str(INT8)]) == 1
    said = capsys.readouterr().err
    assert "PIL is not installed" in said


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_a_usage_error(
    port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        view.main([str(INT8), "--port", port])
    assert ended.value.code == 2
    assert "expected" in capsys.readouterr().err


# Files that nobody gave


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/..",
        "/api/inputs/../../../etc/passwd",
        "/api/inputs/..%2f..%2fsecret.png",
        "/api/inputs/-1",
        "/api/inputs/99999",
        "/api/inputs/99999999999999999999999",
        "/api/inputs/secret.png",
        "/../../../../etc/passwd",
    ],
)
def test_no_path_leads_to_another_file(server: Server, path: str) -> None:
    answer = server.ask(path)
    assert answer.status in (400, 404)
    assert b"root:" not in answer.content and b"import" not in answer.content


def test_a_link_that_leads_out_of_its_folder_is_not_read(server: Server) -> None:
    answer = server.ask(f"/api/inputs/{server.number('outside.png')}")
    assert answer.status == 422
    assert "leads out of its folder" in answer.json["error"]
    assert server.picture(f"/api/inputs/{server.number('inside.png')}").maps


def test_a_link_is_looked_at_when_it_is_read(folder: Path, tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    cv2.imwrite(str(photo), some_photo())
    ((_, source),) = Sources([str(tmp_path / "*.png")]).now()
    assert source.real() == photo
    photo.unlink()
    photo.symlink_to(folder / "secret.png")
    with pytest.raises(ImageError, match="leads out"):
        source.real()
    # One that the user names is followed.
    ((_, named),) = Sources([str(photo)]).now()
    assert named.real() == folder / "secret.png"


# Who asks


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_another_hosts_name_is_refused(server: Server, host: str) -> None:
    assert server.ask("/api/inputs", Host=host).status in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000"])
def test_a_forwarded_port_of_this_machine_is_served(server: Server, host: str) -> None:
    assert server.ask("/api/inputs", Host=host, Origin=f"http://{host}").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:1"},
        {"Origin": "https://127.0.0.1"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/api/inputs/0"), ("POST", "/api/uploads"), ("POST", "/api/live/5")],
)
def test_another_origin_is_refused(
    server: Server, headers: dict[str, str], method: str, path: str
) -> None:
    body = cv2.imencode(".png", some_photo())[1].tobytes() if method == "POST" else None
    answer = server.ask(path, method, body, **headers)
    assert answer.status == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/", "/static/main.js", "/api/model", "/nothing", "/api/inputs/2"]
)
def test_every_answer_says_what_a_browser_may_do(server: Server, path: str) -> None:
    headers = server.ask(path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy and "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/api/inputs/0", "/api/uploads"])
def test_only_get_and_post_are_known(server: Server, method: str, path: str) -> None:
    assert server.ask(path, method).status == 405


def test_it_listens_to_this_machine_alone(server: Server) -> None:
    assert server.address.startswith("http://127.0.0.1:")
    table = Path("/proc/net/tcp").read_text().split("\n")[1:]
    own = [line.split()[1] for line in table if f":{server.port:04X} 00000000:0000" in line]
    assert own == [f"0100007F:{server.port:04X}"]


# Uploads


def claimed(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is this large."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "got nothing"),
        (b"no image", "Cannot read the photo"),
        (claimed(5001, 5000), "million pixels"),
        (claimed(10_000, 10_000), "million pixels"),  # of which Pillow warns
        (claimed(60_000, 60_000), "million pixels"),  # which it refuses
        (cv2.imencode(".jpg", some_photo())[1].tobytes()[:700], "Cannot read the photo"),
        (cv2.imencode(".png", np.ones((8, 8), np.uint16))[1].tobytes(), "a depth map?"),
        (b"GIF89a" + b"\0" * 100, "none of BMP"),
    ],
)
def test_an_upload_that_is_no_photo_is_refused(server: Server, content: bytes, said: str) -> None:
    answer = server.ask("/api/uploads", "POST", content)
    assert answer.status == 422
    assert said in answer.json["error"]


def test_an_upload_is_limited_in_bytes(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        head = f"POST /api/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MAX_BYTES + 1}"
        connection.sendall(f"{head}\r\n\r\n".encode())
        assert b" 413 " in connection.recv(100)
    with pytest.raises(ImageError, match="at most 32 MiB"):
        decode_photo(bytes(MAX_BYTES + 1), "photo")


def test_the_largest_photo_is_taken() -> None:
    pixels = np.zeros((5000, 5000, 3), np.uint8)
    assert pixels[..., 0].size == MAX_PIXELS
    content = cv2.imencode(".png", pixels)[1].tobytes()
    assert decode_photo(content, "photo").shape == pixels.shape


def test_damaged_photos_never_get_further_than_an_error(server: Server) -> None:
    random = np.random.default_rng(7)
    for suffix in (".jpg", ".png", ".webp", ".bmp", ".tiff", ".ppm"):
        whole = np.frombuffer(cv2.imencode(suffix, some_photo())[1].tobytes(), np.uint8)
        for _ in range(8):
            damaged = whole.copy()
            damaged[random.integers(0, min(whole.size, 400), 6)] = random.integers(0, 256, 6)
            cut = damaged[: random.integers(1, whole.size)]
            for content in (damaged, cut):
                assert server.ask("/api/uploads", "POST", content.tobytes()).status in (200, 422)


@pytest.mark.parametrize("size", [(5000, 1), (2, 20000), (1, 5000)])
def test_photo_that_is_a_line_is_shown(size: tuple[int, int], server: Server) -> None:
    """It was 500: shrunk for the screen its shorter side was nothing."""
    photo = np.full((*size, 3), 99, np.uint8)
    body = cv2.imencode(".png", photo)[1].tobytes()
    picture = server.picture("/api/uploads", "POST", body)
    assert picture.maps[0].shape == size
    assert min(picture.photo.shape[:2]) >= 1


def test_connections_that_ask_nothing_keep_nobody_out() -> None:
    with served(INT8, idle=(3, 1)) as server:
        idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(150)]
        try:
            begin_s = time.monotonic()
            assert server.ask("/api/model").status == 200
            assert time.monotonic() - begin_s < 10
            # And they are closed in the end.
            idle[0].settimeout(60)
            assert idle[0].recv(1) == b""
        finally:
            for connection in idle:
                connection.close()
        # The server has accepted and closed them all: an interrupt meanwhile would leave some open.
        assert server.ask("/api/model").status == 200
