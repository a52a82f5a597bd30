"""A headless Chromium, driven by chromedriver's HTTP interface (W3C WebDriver)."""

import base64
import contextlib
import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest

_OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900")
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """One window.

    Args:
      url: of a chromedriver.
    """

    def __init__(self, url):
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        options = {"args": [*_OPTIONS, "--disable-dev-shm-usage"]}
        if chromium:
            options["binary"] = chromium
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        body = {"capabilities": {"alwaysMatch": wanted}}
        self._url = f"{url}/session"
        self._url += f"/{self._send('POST', '', body)['sessionId']}"

    def close(self):
        self._send("DELETE", "")

    def open(self, path):
        """Opens a file; waits until it is loaded."""
        self.go(path.resolve().as_uri())

    def go(self, url):
        """Opens a URL; waits until it is loaded."""
        self._send("POST", "/url", {"url": url})

    def screenshot(self):
        """The window as PNG, bytes."""
        return base64.b64decode(self._send("GET", "/screenshot"))

    def js(self, script):
        """What a JavaScript expression gives."""
        body = {"script": f"return {script}", "args": []}
        return self._send("POST", "/execute/sync", body)

    def click(self, selector):
        """A real click on an element, which is scrolled into view first."""
        self._send("POST", f"/element/{self._find(selector)}/click", {})

    def hover(self, selector):
        """Moves the mouse onto the middle of an element."""
        element = self._find(selector)
        self.js(
            f"document.querySelector({selector!r}).scrollIntoView({{block:'center'}})"
        )
        move = {"type": "pointerMove", "duration": 0, "x": 0, "y": 0}
        actions = [{**move, "origin": {_ELEMENT: element}}]
        source = {"type": "pointer", "id": "mouse", "actions": actions}
        self._send("POST", "/actions", {"actions": [source]})

    def prefer(self, scheme):
        """Emulates a reader who prefers "light" or "dark", from the next `open` on."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        body = {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}}
        self._send("POST", "/goog/cdp/execute", body)

    def console(self):
        """Messages of the console and of failed requests since the last call."""
        return [
            m["message"] for m in self._send("POST", "/se/log", {"type": "browser"})
        ]

    def _find(self, selector):
        body = {"using": "css selector", "value": selector}
        return self._send("POST", "/element", body)[_ELEMENT]

    def _send(self, method, path, body=None):
        request = urllib.request.Request(
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()[:500]}") from None


@contextlib.contextmanager
def browser():
    """A Browser.

    A machine need not have one to pass the tests; the summary then says what was not
    tested; where OD_API_BROWSER is 1, as in CI, its absence is a failure.
    """
    driver = shutil.which("chromedriver")
    if driver is None:
        missing = pytest.skip
        if os.environ.get("OD_API_BROWSER") == "1":
            missing = pytest.fail
        missing(
            "the report's page is tested in a browser, and there is no chromedriver: "
            "apt-get install chromium chromium-driver"
        )
    process = subprocess.Popen(
        [driver, "--port=0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        opened = Browser(f"http://127.0.0.1:{_port(process)}")
        try:
            yield opened
        finally:
            opened.close()
    finally:
        process.terminate()
        process.wait()


def _port(process):
    """chromedriver says which port it found."""
    for line in process.stdout:
        if found := re.search(r"started successfully on port (\d+)", line):
            return int(found[1])
    pytest.fail("chromedriver did not start")
