"""A Supabase project for tests: @supabase/lite over a real PostgreSQL that holds our migration.

lite is no hosted project: it speaks PostgREST's dialect from JavaScript. The roles, the grants and
the functions behind it are real. Like a hosted one it grants widely; we take that back.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.forge.emulator import LEASH
from tests.forge.node import node
from tests.ledger.rig import Server
from tests.servers import end, free_port

INSTALLED = Path(sys.prefix) / "lite/node_modules"
CLI = INSTALLED / "@supabase/lite/dist/cli/index.js"
PATIENCE = 30.0  # seconds until it must answer


class Supabase:
    """One project on 127.0.0.1: `url`, and the keys `secret` and `publishable`.

    `server` and `database` are the PostgreSQL behind it. `rows` limits an answer, as `max-rows`
    does. Raises LookupError if it is not installed.
    """

    def __init__(self, folder: Path, server: Server, database: str, *, rows: int = 1000) -> None:
        if not CLI.exists():
            raise LookupError("no Supabase server is installed: run `make e2e`")
        self.server, self.database = server, database
        self.secret = f"sb_secret_{secrets.token_urlsafe(24)}"
        self.publishable = f"sb_publishable_{secrets.token_urlsafe(24)}"
        self._folder, self._rows = folder, rows
        folder.mkdir(parents=True)
        (folder / "node_modules").symlink_to(INSTALLED)
        (folder / "supabase").mkdir()
        for _ in range(3):  # a free port may be taken again before the server binds it
            self.url = f"http://127.0.0.1:{free_port()}"
            self.process = self._start()
            if self._ready():
                return
            self.close()
        raise RuntimeError(f"lite does not start: {(folder / 'log').read_text()[-2000:]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self) -> subprocess.Popen[bytes]:
        port = self.url.rpartition(":")[2]
        (self._folder / "supabase/config.toml").write_text(f"""
[api]
port = {port}
schemas = ["public", "lanectl"]
max_rows = {self._rows}
[db]
driver = "postgres"
url = "postgresql://postgres@127.0.0.1:{self.server.port}/{self.database}"
[auth]
enabled = true
jwt_secret = "{secrets.token_hex(32)}"
publishable_key = "{self.publishable}"
secret_key = "{self.secret}"
""")
        with (self._folder / "log").open("wb") as log:
            return subprocess.Popen(
                [node(), "--import", LEASH, CLI, "start", "--no-admin"],
                cwd=self._folder, stdin=subprocess.PIPE, stdout=log, stderr=log,
                env={"HOME": str(self._folder), "NO_COLOR": "1", "DO_NOT_TRACK": "1"},
            )  # fmt: skip

    def _ready(self) -> bool:
        """Wait for the answer to a first request: with it come the grants that we take back."""
        asking = {"apikey": self.secret, "Accept-Profile": "lanectl"}
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                answer = httpx.get(f"{self.url}/rest/v1/status", headers=asking, trust_env=False)
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return answer.status_code < 500
        return False

    def close(self) -> None:
        """End the server and wait for it; PostgreSQL stays."""
        end(self.process)
