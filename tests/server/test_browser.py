"""The page in a real browser: two readers at once, blinding held, and no answer lost when the server is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path

import pytest
from playwright import sync_api as playwright

from marrowmap.readers.storage import Store
from marrowmap.readers.storage_engine import open_engine
from tests.readers.image_study import SECRET_WORDS
from tests.readers.image_study import make_study

CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="chromium is no Python package; bootstrap.py test installs it as root on Debian"
    ),
]
ARGUMENTS = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
PATIENCE_MS = 60_000


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """``marrowmap study serve`` in a process of its own, on one port however often it is started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-c", "from marrowmap.cli import main; main()", "study", "serve", str(self.folder)]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"MPLBACKEND": "Agg"},
            text=True,
        )
        for _ in range(600):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=2):
                return
            time.sleep(0.1)
        raise RuntimeError("the server did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


@contextmanager
def opened_browser():
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Page:
    """One reader's page; hears every response and every request."""

    def __init__(self, browser, server: Server, token: str) -> None:
        self.page = browser.new_context().new_page()
        self.heard: list[str] = []
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page.on("response", self.hear)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.goto(f"http://127.0.0.1:{server.port}/#{token}")
        self.wait_ready()

    def hear(self, response) -> None:
        with suppress(playwright.Error):
            self.heard.append(json.dumps(response.headers) + response.body().decode("latin-1"))

    def wait_ready(self) -> None:
        self.page.wait_for_selector("#canvas[data-ready=yes]")

    def answer(self, letter: str) -> None:
        """Fill in by the keyboard alone."""
        self.page.locator("fieldset[data-item=edema] input").first.focus()
        self.page.keyboard.press(letter)
        if letter != "n":  # what is not assessable has no confidence to set
            self.page.keyboard.press("ArrowRight")

    def save(self) -> None:
        self.page.keyboard.press("Control+Enter")

    def read(self, letter: str) -> None:
        before = self.page.inner_text("#progress")
        self.answer(letter)
        self.save()
        self.expect("#progress").not_to_have_text(before, timeout=PATIENCE_MS)

    def expect(self, selector: str):
        return playwright.expect(self.page.locator(selector))


def test_two_readers_at_once_a_killed_server_and_no_answer_lost(tmp_path):
    study = make_study(tmp_path)
    tokens = [study.store.token(f"reader_{n}") for n in (1, 2)]
    codes = {n: {task.code for task in study.store.tasks(f"reader_{n}")} for n in (1, 2)}
    study.store.close()
    server = Server(study.folder)
    server.start()
    try:
        with opened_browser() as browser:
            one, two = (Page(browser, server, token) for token in tokens)
            first_slice = one.page.get_attribute("#canvas", "data-slice")
            one.page.focus("#canvas")
            one.page.keyboard.press("ArrowDown")
            assert int(one.page.get_attribute("#canvas", "data-slice")) == int(first_slice) + 1
            one.read("p")
            two.read("a")
            one.wait_ready()
            # The lid closes: the server dies while an answer is on its way, and comes back.
            one.answer("u")
            server.kill()
            one.save()
            one.expect("#message").to_contain_text("not kept yet", timeout=PATIENCE_MS)
            server.start()
            one.expect("#progress").to_contain_text("2 of 4", timeout=PATIENCE_MS)
            two.wait_ready()
            two.read("n")
            assert one.errors == []
            assert two.errors == []
            hosts = {url.split("/")[2] for url in one.asked + two.asked if url.startswith("http")}
            assert hosts == {f"127.0.0.1:{server.port}"}
            for page, other in ((one, 2), (two, 1)):
                heard = "\n".join(page.heard)
                unwanted = (*SECRET_WORDS, "case_alpha", "case_beta", f"reader_{other}", *codes[other])
                assert [word for word in unwanted if word in heard] == []
                assert len(page.heard) > 8
    finally:
        server.kill()
    store = Store(open_engine(study.folder))
    kept = [(a.read.reader, a.values["edema"]["state"], a.version) for a in store.answers()]
    assert sorted(kept) == [
        ("reader_1", "present", 1),
        ("reader_1", "undetermined", 1),
        ("reader_2", "absent", 1),
        ("reader_2", "not_assessable", 1),
    ]
    assert store.require_intact() == 4
    store.close()
