"""The server tells a reader nothing of anybody, and takes nothing from strangers."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from marrowmap.readers.adjudication import open_adjudication
from marrowmap.server.app import PAGE_FILES
from marrowmap.server.app import make_app
from tests.readers.image_study import SECRET_WORDS
from tests.readers.image_study import make_study
from tests.readers.study_example import say

UNTOLD = (
    *SECRET_WORDS,
    *("case_alpha", "case_beta", "alpha", "person_two", "session_first", "session_again"),
    *("reader_1", "reader_2", "judge", "truth", "seed"),
)


@pytest.fixture
def study(tmp_path):
    made = make_study(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def client(study):
    return TestClient(make_app(study, ("testserver",)))


class Browser:
    """One reader's requests; keeps every answer of the server."""

    def __init__(self, study, client, reader):
        self.client = client
        self.headers = {"Authorization": f"Bearer {study.store.token(reader)}"}
        self.heard = []

    def get(self, path):
        reply = self.client.get(path, headers=self.headers)
        self.heard.append(str(dict(reply.headers)) + reply.content.decode("latin-1"))
        return reply

    def post(self, path, body):
        reply = self.client.post(path, json=body, headers=self.headers)
        self.heard.append(str(dict(reply.headers)) + reply.text)
        return reply

    def read_next(self, values):
        task = self.get("/api/turn").json()["task"]
        for number, _ in enumerate(task["images"]):
            assert self.get(f"/api/cases/{task['code']}/images/{number}").status_code == 200
        return task["code"], self.post(f"/api/cases/{task['code']}/answer", {"values": values, "seconds": 3})


def test_no_response_holds_an_identity_or_anything_of_another_reader(study, client):
    """Two readers go through the whole study, ask for all they know of, and their every response is searched."""
    one, two = (Browser(study, client, reader) for reader in ("reader_1", "reader_2"))
    remark_of_one = 87.25
    codes = {}
    for browser, confidence in ((one, remark_of_one), (two, 33)):
        for _ in range(4):
            code, reply = browser.read_next(say("present", confidence))
            assert reply.json() == {"version": 1, "feedback": None}
            codes.setdefault(browser, []).append(code)
    for browser in (one, two):
        for path in (*(f"/{name}" for name in PAGE_FILES), "/api/turn", "/api/cases", "/nothing"):
            browser.get(path)
        for code in codes[one] + codes[two]:
            browser.get(f"/api/cases/{code}")
            browser.get(f"/api/cases/{code}/images/0")
            browser.post(f"/api/cases/{code}/answer", {"values": say("absent"), "edits_version": 5})
    for browser, other in ((one, two), (two, one)):
        heard = "\n".join(browser.heard)
        for word in UNTOLD:
            assert word not in heard, word
        assert study.store.token("reader_1" if browser is two else "reader_2") not in heard
        for code in codes[other]:
            replies = [text for text in browser.heard if code in text]
            assert all("is not open to this reader" in text or "is none of this reader" in text for text in replies)
    assert str(remark_of_one) in "\n".join(one.heard)
    assert str(remark_of_one) not in "\n".join(two.heard)


def test_a_reader_sees_only_the_next_case_and_their_own(study, client):
    one = Browser(study, client, "reader_1")
    tasks = study.store.tasks("reader_1")
    assert one.get(f"/api/cases/{tasks[0].code}").status_code == 200
    assert one.get(f"/api/cases/{tasks[1].code}").status_code == 422
    assert one.get(f"/api/cases/{tasks[1].code}/images/0").status_code == 422
    assert one.get(f"/api/cases/{tasks[0].code}/images/1").status_code == 422


def test_an_edit_needs_the_version_it_replaces(study, client):
    one = Browser(study, client, "reader_1")
    code, _ = one.read_next(say("present"))
    path = f"/api/cases/{code}/answer"
    assert one.post(path, {"values": say("present")}).json()["version"] == 1
    refused = one.post(path, {"values": say("absent")})
    assert (refused.status_code, "answered already" in refused.json()["detail"]) == (409, True)
    assert one.post(path, {"values": say("absent"), "edits_version": 1}).json()["version"] == 2
    assert one.get(f"/api/cases/{code}").json()["answer"]["edema"]["state"] == "absent"


@pytest.mark.parametrize("token", ["", "Bearer ", "Bearer 0000", "Bearer é".encode("latin-1")])
def test_strangers_get_nothing(client, study, token):
    headers = {"Authorization": token} if token else {}
    code = study.store.tasks()[0].code
    for path in ("/api/turn", "/api/cases", f"/api/cases/{code}", f"/api/cases/{code}/images/0"):
        assert client.get(path, headers=headers).status_code == 401
    assert client.post(f"/api/cases/{code}/answer", json={"values": {}}, headers=headers).status_code == 401


def test_a_page_elsewhere_cannot_use_this_server(client, study):
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
    reply = client.get("/api/turn", headers={"Authorization": f"Bearer {study.store.token('reader_1')}"})
    assert "access-control-allow-origin" not in reply.headers
    assert reply.headers["cache-control"] == "no-store"
    assert "default-src 'self'" in reply.headers["content-security-policy"]


@pytest.mark.parametrize("body", [{"values": {"edema": 1}}, {"values": [1]}, {"vals": {}}, {"values": {}, "x": 1}])
def test_what_does_not_fit_is_refused_and_nothing_kept(study, client, body):
    one = Browser(study, client, "reader_1")
    code = one.get("/api/turn").json()["task"]["code"]
    assert one.post(f"/api/cases/{code}/answer", body).status_code == 422
    assert study.store.answers() == []


@pytest.mark.parametrize(
    "body",
    [
        '{"values": {}, "seconds": NaN}',
        '{"values": {}, "seconds": Infinity}',
        '{"values": {}, "seconds": -1}',
        '{"values": {"edema": {"state": "present", "confidence": NaN}}}',
        '{"values": {"edema": {"state": "present", "confidence": 1%s}}}' % ("0" * 400),
        "[" * 100_000,
    ],
)
def test_numbers_that_are_none_are_refused_and_break_nothing(study, client, body):
    one = Browser(study, client, "reader_1")
    code = one.get("/api/turn").json()["task"]["code"]
    headers = one.headers | {"Content-Type": "application/json"}
    assert client.post(f"/api/cases/{code}/answer", content=body, headers=headers).status_code in (400, 422)
    assert study.store.answers() == []


def test_headers_do_not_tell_that_two_reads_are_of_one_case(study, client):
    one = Browser(study, client, "reader_1")
    code = one.get("/api/turn").json()["task"]["code"]
    headers = one.get(f"/api/cases/{code}/images/0").headers
    assert not {"etag", "last-modified", "date", "server"} & set(headers)


def test_an_answer_that_is_too_long_is_refused(study, client):
    one = Browser(study, client, "reader_1")
    code = one.get("/api/turn").json()["task"]["code"]
    assert one.post(f"/api/cases/{code}/answer", {"values": {"edema": "x" * 5_000_000}}).status_code == 413


def test_the_adjudicator_sees_the_item_in_dispute_and_by_default_no_reads(study, client):
    one, two = (Browser(study, client, reader) for reader in ("reader_1", "reader_2"))
    for _ in range(2):
        one.read_next(say("present"))
        two.read_next(say("absent"))
    judge = Browser(study, client, "judge")
    assert judge.get("/api/turn").json()["reason"] == "nothing to adjudicate yet"
    assert open_adjudication(study.store) == 2
    task = judge.get("/api/turn").json()["task"]
    assert [item["name"] for item in task["items"]] == ["edema"]
    assert "reads" not in task
    assert len(task["images"]) == 1


def test_the_page_asks_nothing_of_any_other_server(client):
    for name in PAGE_FILES:
        text = client.get(f"/{name}").text
        assert "http://" not in text
        assert "https://" not in text
    assert "Research use only" in client.get("/").text
