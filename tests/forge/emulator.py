"""The emulator of GitHub's REST as a process of its own; ends with whoever started it."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import secrets
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.forge.node import EMULATE, node
from tests.forge.people import OWNER, People
from tests.forge.wire import Answer
from tests.servers import end, free_port

# when the pipe that is its standard input ends, so does the process: even after a kill -9 here
LEASH = "data:text/javascript,process.stdin.on('end',()=>process.exit()).resume()"
PATIENCE = 15.0  # seconds until it must answer


class Emulator:
    """`call` speaks to it as anybody, `own` as the login that owns every repository."""

    def __init__(self, folder: Path, people: People, advertised: str) -> None:
        # a token is good for 5,000 requests; a big push alone may need more
        self._owners = [secrets.token_hex(16) for _ in range(50)]
        self._turns = itertools.cycle(self._owners)
        self._probe = f"probe-{secrets.token_hex(8)}"
        self._log = folder / "emulator.log"
        self._seed = folder / "seed.json"
        self._seed.write_text(json.dumps(self._people(people)))
        self._advertised = advertised
        for _ in range(3):  # a free port may be taken again before the emulator binds it
            self.port = free_port()
            self.process = self._start()
            if self._ready():
                return
            self.close()
        raise RuntimeError(f"the emulator did not start: {self._log.read_text()}")

    def _people(self, people: People) -> dict[str, Any]:
        tokens = {t.secret: {"login": t.login, "scopes": ["repo"]} for t in people.valid}
        tokens |= {secret: {"login": OWNER, "scopes": ["repo"]} for secret in self._owners}
        logins = [OWNER, *sorted({t.login for t in people.valid}), self._probe]
        return {"tokens": tokens, "github": {"users": [{"login": name} for name in logins]}}

    def _start(self) -> subprocess.Popen[bytes]:
        options = {
            "--service": "github", "--port": str(self.port), "--host": "127.0.0.1",
            "--seed": str(self._seed), "--base-url": self._advertised,
        }  # fmt: skip
        words = [word for pair in options.items() for word in pair]
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [node(), "--import", LEASH, EMULATE, "start", *words],
                cwd=self._log.parent, stdin=subprocess.PIPE, stdout=log, stderr=log,
                env={"HOME": str(self._log.parent), "NO_COLOR": "1"},
            )  # fmt: skip

    def _ready(self) -> bool:
        """Wait until it answers as this very emulator, and no other that took the port."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                return self.call("GET", f"/users/{self._probe}").status == 200
            except OSError:
                time.sleep(0.01)
        return False

    def call(
        self, method: str, target: str, body: Any = None, *,
        token: str | None = None, headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """Send one request; a body that is no bytes goes as JSON. `token` None is nobody."""
        said = {**(headers or {}), "Accept-Encoding": "identity"}
        if token is not None:
            said["Authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, bytes):
            body, said["Content-Type"] = json.dumps(body).encode(), "application/json"
        # a connection each: one that is kept may end on the other side at any time
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, target, body=body, headers=said)
            with connection.getresponse() as response:
                return Answer(response.status, response.read(), dict(response.getheaders()))

    def own(self, method: str, target: str, body: Any = None) -> Answer:
        """Call it as the owner of every repository."""
        return self.call(method, target, body, token=next(self._turns))

    def close(self) -> None:
        """End the process and wait for it."""
        end(self.process)
