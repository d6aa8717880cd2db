"""What a forge and a remote can do wrong: the right message, the right exit code, resumable."""

from __future__ import annotations

import pytest

from lanectl.adapters import http
from tests.forge.world import ForgeWorld

pytestmark = pytest.mark.thorough

STEPS = {
    "find": ("GET", r"/pulls\?"),
    "open": ("POST", "/pulls$"),
    "label": ("GET", "/labels/"),
    "add": ("POST", "/issues/1/labels$"),
    "look": ("GET", "/check-runs"),
    "check": ("POST", "/check-runs$"),
}
ANSWERS = {
    401: (3, "does not accept the token"),
    403: (3, "does not let this token"),
    404: (3, "does not know"),
    409: (3, "conflict"),
    422: (3, "does not take"),
    500: (8, "it answered 500"),
}


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_READ", 0.3)
    monkeypatch.setattr(http, "_PATIENCE", 3.0)


@pytest.mark.e2e
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("status", ANSWERS)
def test_every_answer_at_every_step(story: ForgeWorld, step: str, status: int) -> None:
    one(story, step, status)


@pytest.mark.parametrize(
    ("step", "status"), [("open", 401), ("find", 404), ("add", 500), ("open", 422)]
)
def test_an_answer_that_is_no_success(story: ForgeWorld, step: str, status: int) -> None:
    one(story, step, status)


def one(story: ForgeWorld, step: str, status: int) -> None:
    """Let one step meet one status for good, then let it pass."""
    if (step, status) in {("label", 404), ("check", 403)}:
        pytest.skip("this is how the forge says: there is none, or: an App may")
    bundle = story.packed()
    fault = story.forge.fail(*STEPS[step], status=status, times=10)
    done = story.apply(bundle, "--pr")
    code, words = ANSWERS[status]
    assert fault.seen
    assert (done.code, words in done.err) == (code, True), done.err
    story.forge.faults.clear()
    number = story.publish(bundle)
    assert story.view.labels(number) == ["codex-handoff"]
    assert len(story.view.pulls()) == 1


@pytest.mark.e2e
def test_a_rate_limit_is_waited_for(story: ForgeWorld) -> None:
    bundle = story.packed()
    limits = [
        story.forge.fail("POST", "/pulls$", status=429, headers={"Retry-After": "1"}),
        story.forge.fail("GET", "/labels/", status=403, headers={"Retry-After": "1"}),
    ]
    assert story.publish(bundle)
    assert [fault.seen for fault in limits] == [1, 1]


@pytest.mark.e2e
def test_a_long_rate_limit_is_told(story: ForgeWorld) -> None:
    story.forge.fail("POST", "/pulls$", status=429, headers={"Retry-After": "3600"})
    bundle = story.packed()
    done = story.apply(bundle, "--pr")
    assert (done.code, "3600 s" in done.err) == (8, True)
    assert story.publish(bundle) == 1


@pytest.mark.e2e
@pytest.mark.parametrize("step", ["find", "open", "check"])
def test_no_answer_is_8_and_the_next_run_goes_on(story: ForgeWorld, step: str) -> None:
    story.forge.hang(*STEPS[step], times=10, after=True)
    bundle = story.packed()
    done = story.apply(bundle, "--pr")
    assert (done.code, "did not answer in time" in done.err) == (8, True), done.err
    story.forge.faults.clear()
    assert story.publish(bundle) == 1
    assert len(story.view.pulls()) == 1


@pytest.mark.e2e
def test_an_answer_cut_short_after_the_work_opens_no_second_one(story: ForgeWorld) -> None:
    story.forge.cut("POST", "/pulls$", after=True)
    bundle = story.packed()
    assert story.apply(bundle, "--pr").code == 8
    assert story.publish(bundle) == 1
    assert len(story.view.pulls()) == 1


@pytest.mark.parametrize("after", [True, False], ids=["taken", "not taken"])
def test_a_push_cut_in_the_middle(story: ForgeWorld, after: bool) -> None:
    if after:
        story.forge.cut("POST", "git-receive-pack$", after=True, times=9)
    else:  # curl itself tries again on a connection that it had used before
        story.forge.cut_request("POST", "git-receive-pack$", size=200, times=9)
    bundle = story.packed()
    done = story.apply(bundle, "--pr")
    assert done.code == (0 if after else 8), done.err
    story.forge.faults.clear()
    assert story.publish(bundle) == 1
    assert len(story.view.pulls()) == 1


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"null", b"\xff", b'{"number": "x"}', b"[" * 100_000]
)
def test_odd_answers_are_refused(story: ForgeWorld, body: bytes) -> None:
    story.forge.fail("POST", "/pulls$", status=201, body=body)
    done = story.apply(story.packed(), "--pr")
    assert done.code == 3
    assert "answered something that is not" in done.err


@pytest.mark.e2e
def test_a_reason_is_shown_and_made_safe(story: ForgeWorld) -> None:
    body = b'{"message": "no \\u001b[31m\\u202e", "errors": [{"message": "because"}, "x"]}'
    story.forge.fail("POST", "/pulls$", status=422, body=body, times=2)
    done = story.apply(story.packed(), "--pr")
    assert "because" in done.err
    assert "\x1b" not in done.err
    assert "\u202e" not in done.err
