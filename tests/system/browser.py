"""Debian's Chromium without a screen, for tests that use a web page as people do: a small client of WebDriver
(https://www.w3.org/TR/webdriver2/)."""
import base64
import json
import os
import pathlib
import re
import shutil
import urllib.error
import urllib.request

from sites.process import Process, wait_until

# It has no business but with loopback: what is meant for elsewhere goes to a proxy that is not there, names are not looked
# up, and what a browser does by itself (updates, reports, lists of extensions) is off.
_OPTIONS = ["--headless=new", "--no-first-run", "--no-default-browser-check", "--window-size=1500,1000", "--lang=en-US",
            "--proxy-server=127.0.0.1:1", "--proxy-bypass-list=127.0.0.0/8",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.*",
            "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
            "--disable-domain-reliability", "--disable-client-side-phishing-detection", "--disable-sync",
            "--disable-extensions", "--disable-breakpad", "--no-pings", "--metrics-recording-only", "--disable-gpu",
            "--disable-dev-shm-usage", "--password-store=basic",
            "--remote-debugging-pipe"]  # it ends when its driver does, however that comes
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key by which the protocol marks an element
# What says only that the page is not that far yet.
_NOT_YET = ("no such element", "no such frame", "stale element reference", "element not interactable",
            "element click intercepted")


def why_not():
    """The reason why no browser can run here, or None."""
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        return "Chromium is not installed; deploy/install-deps test installs it"
    return None


class WebDriverError(Exception):
    def __init__(self, kind, message):
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class Element:
    def __init__(self, browser, identifier):
        self._browser, self.identifier = browser, identifier

    def _ask(self, method, path, body=None):
        return self._browser.ask(method, f"/element/{self.identifier}/{path}", body)

    @property
    def shown(self):
        return self._ask("GET", "displayed")

    @property
    def text(self):
        return self._ask("GET", "text")

    def attribute(self, name):
        return self._ask("GET", f"attribute/{name}")

    def property(self, name):
        return self._ask("GET", f"property/{name}")

    def click(self):
        self._ask("POST", "click", {})

    def clear(self):
        self._ask("POST", "clear", {})

    def type(self, text):
        """The name of a file for one that takes files."""
        self._ask("POST", "value", {"text": text})


class Browser:
    """One window. What it keeps is in `directory`; `downloads` there gets what is downloaded.

    Elements are named by CSS selectors; a person's acts (click, write) wait until the page lets them be done.
    """

    def __init__(self, directory, seconds=30):
        self.directory = pathlib.Path(directory)
        self.downloads = self.directory / "downloads"
        self.downloads.mkdir(parents=True)
        self._seconds = seconds
        self._driver = Process("chromedriver", ["chromedriver", "--port=0"], self.directory / "chromedriver.log",
                               # Nothing is left behind in the directories of the system and of the user.
                               {"TMPDIR": str(self.directory), "HOME": str(self.directory)})
        self._driver.start()
        started = wait_until(lambda: re.search(r"successfully on port (\d+)", self._driver.log.read_text()), 30,
                             "chromedriver")
        self._session = f"http://127.0.0.1:{started[1]}/session"
        options = _OPTIONS + [f"--user-data-dir={self.directory}/profile"]
        if os.geteuid() == 0:
            options.append("--no-sandbox")  # which does not work for root
        preferences = {"download.default_directory": str(self.downloads), "download.prompt_for_download": False}
        created = self.ask("POST", "", {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"binary": shutil.which("chromium"), "args": options, "prefs": preferences}}}})
        self._session += "/" + created["sessionId"]

    def close(self):
        """Ends the browser, and its driver."""
        try:
            if self._driver.is_running():
                self.ask("DELETE", "")
        finally:
            self._driver.stop()

    def ask(self, method, path, body=None):
        """One command of the protocol."""
        request = urllib.request.Request(self._session + path, None if body is None else json.dumps(body).encode(),
                                         {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            with error:
                value = json.load(error)["value"]
            raise WebDriverError(value["error"], value["message"].splitlines()[0]) from None

    def wait(self, condition, what):
        """The first true result of `condition`, which may be about what the page has not got yet. Without one, the page can
        be looked at in `directory`."""

        def attempt():
            try:
                return condition()
            except WebDriverError as error:
                if error.kind not in _NOT_YET:
                    raise
                return None

        try:
            return wait_until(attempt, self._seconds, what)
        except TimeoutError:
            self.picture(self.directory / "timed-out.png")
            raise

    def open(self, url):
        self.ask("POST", "/url", {"url": url})

    def forget_cookies(self):
        self.ask("DELETE", "/cookie")

    def run(self, script, *arguments):
        """What a function with this body gives."""
        values = [{_ELEMENT: value.identifier} if isinstance(value, Element) else value for value in arguments]
        return self.ask("POST", "/execute/sync", {"script": script, "args": values})

    def picture(self, file):
        """What the window shows, as a PNG."""
        pathlib.Path(file).write_bytes(base64.b64decode(self.ask("GET", "/screenshot")))

    def all(self, selector):
        return [Element(self, found[_ELEMENT])
                for found in self.ask("POST", "/elements", {"using": "css selector", "value": selector})]

    def shown(self, selector):
        """Those that a person sees."""
        return [element for element in self.all(selector) if element.shown]

    def one(self, selector):
        """The first that a person sees, once there is one."""
        return self.wait(lambda: next(iter(self.shown(selector)), None), f"{selector} on the page")

    def text(self, selector):
        return self.wait(lambda: self.one(selector).text, f"a text in {selector}")

    def click(self, selector, text=""):
        """On the first of them with this text in it."""
        def press():
            for element in self.shown(selector):
                if text in element.text:
                    element.click()
                    return True
            return False

        self.wait(press, f"{selector} {text} to be clicked on")

    def write(self, selector, text):
        field = self.one(selector)
        field.clear()
        field.type(text)

    def drag(self, element, target):
        """With the mouse, in steps: a page begins to drag when the mouse has moved a little."""
        def move(where, x=0, y=0):
            return {"type": "pointerMove", "duration": 50, "x": x, "y": y,
                    "origin": where if isinstance(where, str) else {_ELEMENT: where.identifier}}

        self.ask("POST", "/actions", {"actions": [{
            "type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"},
            "actions": [move(element), {"type": "pointerDown", "button": 0}, move("pointer", 10, 10), move(target),
                        move("pointer", 2, 2), {"type": "pointerUp", "button": 0}]}]})

    def inside(self, selector):
        """A context manager: in it the selectors are of what a frame holds."""
        return _Frame(self, selector)


class _Frame:
    def __init__(self, browser, selector):
        self._browser, self._selector = browser, selector

    def __enter__(self):
        self._browser.ask("POST", "/frame", {"id": {_ELEMENT: self._browser.one(self._selector).identifier}})

    def __exit__(self, *error):
        self._browser.ask("POST", "/frame", {"id": None})
