"""A real headless Chromium for tests of pages, driven by Selenium and Debian's chromium-driver.

The driver is built with the browser and always fits it; nothing is downloaded, and no name but
this machine's own is looked up. A test module has its browser by a fixture:

    @pytest.fixture(scope="module")
    def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
        with chromium(tmp_path_factory.mktemp("chromium")) as browser:
            yield browser
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless=new",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",  # too small in many containers
    "--disable-extensions",
    "--disable-sync",
    "--force-device-scale-factor=1",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--no-first-run",
    "--no-default-browser-check",
    # WebGL by the processor: no GPU is asked for.
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)
# Far more than a page of this machine needs: what takes this long has failed.
TIMEOUT_S = 20.0


class Browser:
    """One window of a Chromium, and what went wrong in its pages."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, url: str, *, width: int = 1280, height: int = 800) -> None:
        """Load a page in a window whose inside has this size; earlier problems are forgotten."""
        self.resize(width, height)
        self.problems()
        self.driver.get(url)

    def resize(self, width: int, height: int) -> None:
        """Give the page this many pixels, as a phone or a desk has them."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def prefer(self, scheme: str) -> None:
        """Have pages see a system that prefers "light" or "dark"."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def script(self, body: str, *arguments: Any) -> Any:
        """Run the body of a JavaScript function in the page; a promise is waited for."""
        return self.driver.execute_script(body, *arguments)

    def find(self, selector: str) -> WebElement:
        """The first element of a CSS selector, which must be there."""
        return self.driver.find_element("css selector", selector)

    def wait_for(self, expression: str, what: str | None = None) -> Any:
        """Wait until a JavaScript expression is true, and return its value."""
        return self.wait_until(lambda: self.script(f"return {expression}"), what or expression)

    def wait_until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until a condition of Python is true, and return its value."""
        said = f"waited {TIMEOUT_S:g} s in vain: {what}"
        return WebDriverWait(self.driver, TIMEOUT_S, 0.05).until(lambda _: condition(), said)

    def problems(self) -> list[str]:
        """Errors and warnings on the console, and failed requests, since the last call."""
        console = [f"{entry['level']}: {entry['message']}" for entry in self._log("browser")]
        events = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        urls = {
            event["params"]["requestId"]: event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        }
        failed = [
            f"FAILED: {urls.get(event['params']['requestId'], '?')}: {event['params']['errorText']}"
            for event in events
            # Those that the page itself gave up are no problem.
            if event["method"] == "Network.loadingFailed" and not event["params"].get("canceled")
        ]
        return [line for line in console if not line.startswith(("INFO", "DEBUG"))] + failed

    def _log(self, kind: str) -> list[dict[str, Any]]:
        return list(self.driver.get_log(kind))  # type: ignore[no-untyped-call]

    def screenshot(self, name: str) -> Path:
        """Save what the window shows as build/screenshots/NAME.png."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        assert self.driver.save_screenshot(str(path))
        return path


@contextmanager
def chromium(user_data: Path) -> Iterator[Browser]:
    """Start a Chromium with a new profile in this folder; skips the test where there is none."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver")
    options = ChromeOptions()
    options.binary_location = program
    for argument in (*ARGUMENTS, f"--user-data-dir={user_data}"):
        options.add_argument(argument)
    if os.geteuid() == 0:  # whom Chromium's sandbox refuses
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = Chrome(options, ChromeService(driver))
    try:
        yield Browser(started)
    finally:
        started.quit()
