"""The remotes of a clone, as the user's own git sees them, and trying to push to them. Pushes nothing."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from msgspec import Struct, field

from lanectl.adapters.git.process import find_program
from lanectl.adapters.probes.process import Ended, run, shown
from lanectl.formats.credential import holds_secret
from lanectl.model.lane import Act, Attempt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PORTS: Final = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
_SCP: Final = re.compile(r"(?:[^/@:]+@)?(\[[^\]]+\]|[^/:]+):(?!//)")
_TELLING: Final = re.compile(r"authorization|token|cookie", re.IGNORECASE)
_NO_ANSWER: Final = re.compile(rb"Host key verification failed|dubious ownership")


class Remote(Struct, frozen=True):
    """A remote by its name and the address that a push goes to."""

    name: str
    url: str

    @property
    def endpoint(self) -> tuple[str, str, int] | None:
        """Scheme, host and port, or None for a folder of this machine."""
        if "://" in self.url:
            parts = urlsplit(self.url)
            if parts.scheme not in _PORTS or not parts.hostname:
                return None
            return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]
        match = _SCP.match(self.url)
        return ("ssh", match[1].strip("[]"), 22) if match else None

    @property
    def folder(self) -> str | None:
        """The folder that the address stands for, if it is one of this machine."""
        if self.endpoint is not None:
            return None
        return urlsplit(self.url).path if self.url.startswith("file://") else self.url


class UserGit(Struct, frozen=True):
    """The user's git in a clone: `variables` is the user's environment, `top` the clone."""

    top: str
    variables: Mapping[str, str]
    program: str = field(default_factory=lambda: find_program("git"))

    def run(
        self, *arguments: str, data: bytes = b"", extra: Mapping[str, str] | None = None
    ) -> Ended:
        """Run a git command as the user would; no hook and no fsmonitor of the clone starts."""
        pins = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
        line = [self.program, *pins, *arguments]
        return run(line, {**self.variables, **(extra or {})}, cwd=self.top, data=data)

    def remotes(self) -> tuple[Remote, ...]:
        """Return the remotes with the addresses that the user's settings rewrite them to."""
        names = self.run("remote").out.decode("utf-8", "surrogateescape").split()
        return tuple(
            Remote(name, url)
            for name in names
            for url in self._lines("remote", "get-url", "--push", "--", name)[:1]
        )

    def _lines(self, *arguments: str) -> list[str]:
        return self.run(*arguments).out.decode("utf-8", "surrogateescape").splitlines()

    def quiet_ssh(self) -> dict[str, str]:
        """Return what keeps ssh from asking; the user's own command is kept."""
        if self.variables.get("GIT_SSH") and not self.variables.get("GIT_SSH_COMMAND"):
            return {}
        command = self.variables.get("GIT_SSH_COMMAND", "")
        if not command:
            asked = self.run("config", "core.sshCommand")
            command = asked.out.decode("utf-8", "surrogateescape").strip() or "ssh"
        return {"GIT_SSH_COMMAND": f"{command} -oBatchMode=yes -oConnectTimeout=5"}


def push(git: UserGit, remotes: tuple[Remote, ...], nonce: str) -> Iterator[Attempt]:
    """Try to push a ref that nobody has to every remote, with --dry-run."""
    if not remotes:
        yield Attempt(Act.PUSH, "remote", None, "this clone has no remote")
    quiet = git.quiet_ssh()
    for remote in remotes:
        ref = f"HEAD:refs/heads/lanectl-check-{nonce[:12]}"
        done = git.run(
            "push", "--dry-run", "--no-verify", "--porcelain", remote.name, ref, extra=quiet
        )
        where = f"remote {shown(remote.name)}"
        if done.code == 0 and _is_read_only(remote):
            yield Attempt(Act.PUSH, where, succeeded=False, got="its folder cannot be written")
        elif done.code == 0:
            yield Attempt(Act.PUSH, where, succeeded=True, got="a push would be taken (--dry-run)")
        elif done.code is None or _NO_ANSWER.search(done.err) or b"src refspec HEAD" in done.err:
            yield Attempt(Act.PUSH, where, None, done.last_line)
        else:
            yield Attempt(Act.PUSH, where, succeeded=False, got=done.last_line)


def settings(git: UserGit) -> Iterator[Attempt]:
    """Look for log-ins in the user's git configuration, of the clone, the user and the system."""
    done = git.run("config", "--null", "--show-origin", "--list")
    if done.code != 0:
        yield Attempt(Act.GIT_CONFIG, "git config", None, done.last_line)
        return
    fields = done.out.decode("utf-8", "surrogateescape").split("\0")
    found = False
    for origin, record in zip(fields[::2], fields[1::2], strict=False):
        key, _, value = record.partition("\n")
        told = key.endswith(".extraheader") and _TELLING.search(value)
        if told or holds_secret(value) or holds_secret(key):
            found = True
            where = f"{shown(origin)}: {_name(key)}"
            yield Attempt(Act.GIT_CONFIG, where, succeeded=True, got="it holds a log-in")
    if not found:
        yield Attempt(Act.GIT_CONFIG, "git config", succeeded=False, got="no log-in in it")


def helpers(git: UserGit, remotes: tuple[Remote, ...]) -> Iterator[Attempt]:
    """Ask git's credential helpers for the remotes' hosts; only whether they answer is kept."""
    hosts = dict.fromkeys(_login_host(r) for r in remotes if r.endpoint) or {"github.com": None}
    for host in hosts:
        question = f"protocol=https\nhost={host}\n\n"
        if str(host).startswith("http://"):
            question = f"protocol=http\nhost={str(host).removeprefix('http://')}\n\n"
        done = git.run("credential", "fill", data=question.encode("utf-8", "surrogateescape"))
        answered = any(line.startswith(b"password=") for line in done.out.splitlines())
        said = "a helper gave a password" if answered else "nobody answered"
        state = None if done.code is None else answered
        yield Attempt(
            Act.CREDENTIAL_HELPER,
            shown(str(host)),
            state,
            said if state is not None else done.last_line,
        )


def workflows(git: UserGit) -> dict[str, bytes]:
    """Return the workflow files of HEAD by path."""
    listed = git.run("ls-tree", "-z", "--name-only", "HEAD", ".github/workflows/").out.split(b"\0")
    names = [os.fsdecode(n) for n in listed if n.lower().endswith((b".yml", b".yaml"))]
    return {name: git.run("cat-file", "blob", f"HEAD:{name}").out for name in names}


def _login_host(remote: Remote) -> str:
    """Return the host that git would ask a log-in for; of an ssh address, its https neighbour."""
    scheme, host, port = remote.endpoint or ("https", "", 443)
    name = host if scheme == "ssh" or port == _PORTS[scheme] else f"{host}:{port}"
    return f"http://{name}" if scheme == "http" else name


def _is_read_only(remote: Remote) -> bool:
    folder = remote.folder
    return folder is not None and not any(
        os.access(os.path.join(folder, name), os.W_OK) for name in ("objects", ".git/objects")
    )


def _name(key: str) -> str:
    """Return a setting's name; a middle part that holds a secret is left out."""
    if not holds_secret(key):
        return shown(key)
    return f"{key.partition('.')[0]}.….{key.rpartition('.')[2]}"
