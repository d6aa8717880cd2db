"""Everything that can go wrong on the way, seen to go wrong; and nothing is left running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.forge.client import View
from tests.forge.forge import Forge
from tests.forge.listener import Listener
from tests.forge.story import Clone

pytestmark = pytest.mark.e2e

LABELS = "/repos/acme/shop/labels"


def client(forge: Forge) -> httpx.Client:
    headers = {"Authorization": f"Bearer {forge.people.writer.secret}"}
    return httpx.Client(base_url=forge.url, headers=headers, timeout=1, trust_env=False)


def labels(forge: Forge) -> list[str]:
    with client(forge) as one:
        return [label["name"] for label in one.get(LABELS).json()]


def new_label(forge: Forge, name: str) -> httpx.Response:
    with client(forge) as one:
        return one.post(LABELS, json={"name": name, "color": "000000"})


@pytest.mark.parametrize("status", [401, 403, 404, 409, 422, 429, 500, 503])
def test_a_status_as_often_as_asked(clone: Clone, status: int) -> None:
    forge = clone.forge
    fault = forge.fail("POST", "/labels$", status=status, headers={"Retry-After": "7"}, times=2)
    assert [new_label(forge, "x").status_code for _ in range(2)] == [status, status]
    assert fault.seen == 2
    assert "x" not in labels(forge)
    assert new_label(forge, "x").status_code == 201


def test_the_answer_is_the_one_that_was_given(clone: Clone) -> None:
    wrong = {"X-RateLimit-Remaining": "0", "Content-Type": "text/html"}
    clone.forge.fail("*", "acme/shop$", status=429, headers=wrong, body=b"<html>")
    with client(clone.forge) as one:
        got = one.get("/api/v3/repos/acme/shop")
    assert (got.status_code, got.content) == (429, b"<html>")
    assert wrong.items() <= {k: got.headers[k] for k in wrong}.items()


def test_a_failure_after_the_work_was_done(clone: Clone) -> None:
    clone.forge.fail("POST", "/labels$", status=502, after=True)
    assert new_label(clone.forge, "x").status_code == 502
    assert "x" in labels(clone.forge)


@pytest.mark.parametrize("after", [False, True])
def test_no_answer_at_all(clone: Clone, after: bool) -> None:
    fault = clone.forge.hang("POST", "/labels$", after=after)
    with pytest.raises(httpx.ReadTimeout):
        new_label(clone.forge, "x")
    assert fault.seen == 1
    assert ("x" in labels(clone.forge)) is after


@pytest.mark.parametrize("after", [False, True])
def test_an_answer_that_ends_in_the_middle(clone: Clone, after: bool) -> None:
    clone.forge.cut("POST", "/labels$", after=after)
    with pytest.raises(httpx.RemoteProtocolError):
        new_label(clone.forge, "x")
    assert ("x" in labels(clone.forge)) is after


def test_a_slow_answer(clone: Clone) -> None:
    clone.forge.slow("GET", "/labels$", 0.3)
    begin = time.monotonic()
    labels(clone.forge)
    assert time.monotonic() - begin > 0.3


def test_a_redirect_to_another_host(clone: Clone, listener: Listener) -> None:
    clone.forge.redirect("GET", "/labels$", f"{listener.url}/there", times=2)
    with client(clone.forge) as one:
        assert one.get(LABELS).status_code == 307
        assert one.get(LABELS, follow_redirects=True).status_code == 401
    assert listener.requests[0].path == "/there"


def test_a_push_that_is_cut_off(clone: Clone) -> None:
    clone.commit("big", {"big": os.urandom(200_000)})
    fault = clone.forge.cut_request("POST", "git-receive-pack$", size=1000, times=9)
    with pytest.raises(AssertionError, match=r"hung up|RPC failed|unable to"):
        clone.push("HEAD:refs/heads/x")
    assert fault.seen >= 1
    assert "x" not in View(clone.forge, "acme/shop").branches()
    clone.forge.faults.clear()
    clone.push("HEAD:refs/heads/x")
    assert "x" in View(clone.forge, "acme/shop").branches()


def test_a_push_that_arrived_though_git_says_no(clone: Clone) -> None:
    made = clone.commit("next", {"a.txt": b"two\n"})
    clone.forge.cut("POST", "git-receive-pack$")
    with pytest.raises(AssertionError):
        clone.push("HEAD:refs/heads/x")
    assert View(clone.forge, "acme/shop").branches()["x"] == made


@pytest.mark.parametrize("status", [403, 429, 500])
def test_git_meets_faults_as_rest_does(clone: Clone, status: int) -> None:
    clone.forge.fail("GET", "service=git-receive-pack", status=status)
    with pytest.raises(AssertionError, match=str(status)):
        clone.push("HEAD:refs/heads/x")
    clone.push("HEAD:refs/heads/x")


def test_the_log_names_the_token_and_never_shows_it(clone: Clone) -> None:
    before = len(clone.forge.requests)
    with client(clone.forge) as one:
        one.get(LABELS)
        one.get(LABELS, headers={"Authorization": "Bearer ghp_nobody"})
        del one.headers["Authorization"]
        one.get(LABELS)
    log = clone.forge.requests[before:]
    seen = [(one.method, one.path, one.authorization, one.token) for one in log]
    assert seen == [
        ("GET", LABELS, True, "writer"),
        ("GET", LABELS, True, "unknown"),
        ("GET", LABELS, False, ""),
    ]
    assert clone.forge.people.writer.secret not in repr(clone.forge.requests)


def test_a_listener_sees_what_git_and_http_send(clone: Clone, listener: Listener) -> None:
    secret = clone.forge.people.writer.secret
    to = f"{listener.url}/acme/shop.git".replace("://", f"://x:{secret}@")
    assert not listener.saw(secret)
    with pytest.raises(AssertionError):
        clone.git("ls-remote", to)
    assert listener.saw(secret)
    assert not listener.saw(secret + "0")


def test_two_people_at_once(clone: Clone) -> None:
    clone.branch("feature/x", {"a.txt": b"two\n"})
    codes: list[int] = []

    def opens() -> None:
        with client(clone.forge) as one:
            wanted = {"title": "t", "head": "feature/x", "base": "main"}
            codes.append(one.post("/repos/acme/shop/pulls", json=wanted).status_code)

    threads = [threading.Thread(target=opens) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [201, 422, 422, 422]


def children(pid: int) -> set[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return {int(one) for one in path.read_text().split()}


def alive(pid: int) -> bool:
    path = Path(f"/proc/{pid}/stat")
    return path.exists() and path.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_for(condition: object, seconds: float = 5) -> bool:
    assert callable(condition)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


def test_nothing_is_left_of_a_forge(tmp_path: Path) -> None:
    before = {thread.name for thread in threading.enumerate()}
    with Forge() as forge:
        clone = Clone(forge, forge.add_repository(), tmp_path / "clone")
        folder, process = forge.bare(clone.repo).parents[2], forge.emulator.process
        forge.hang("GET", "/user$")
        with pytest.raises(httpx.ReadTimeout), client(forge) as one:
            one.get("/user")
        assert alive(process.pid)
    assert not alive(process.pid)
    assert not folder.exists()
    assert {thread.name for thread in threading.enumerate()} == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(forge.url, trust_env=False)


def test_a_failure_of_the_forge_itself_is_not_hidden() -> None:
    def use(forge: Forge) -> None:
        forge.emulator.close()
        with client(forge) as one:
            assert one.get("/user").status_code == 500

    with pytest.raises(AssertionError, match="ConnectionRefusedError"), Forge() as forge:
        use(forge)


def test_a_forge_is_there_in_no_time() -> None:
    begin = time.monotonic()
    with Forge() as forge:
        forge.add_repository()
        assert time.monotonic() - begin < 3  # half a second on an idle machine


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_forge_as_a_process_takes_its_emulator_along(how: signal.Signals) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.forge", "one", "two"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        about = json.loads(process.stdout.readline())
        assert about["repositories"] == ["acme/one", "acme/two"]
        headers = {"Authorization": f"Bearer {about['tokens']['reader']}"}
        got = httpx.get(f"{about['api']}/repos/acme/two", headers=headers, trust_env=False)
        assert got.status_code == 200
        (emulator,) = children(process.pid)
        process.send_signal(how)
        assert process.wait(5) == (0 if how is signal.SIGTERM else -how)
        assert wait_for(lambda: not alive(emulator))
