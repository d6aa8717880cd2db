"""The real Codex sandbox, offline and without an account: what runs in it, and where it keeps its things."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.world import Ran

MODULES = Path(sys.prefix) / "outside/node_modules/@openai"
LANECTL = Path(sys.prefix) / "bin/lanectl"
WORKSPACE = ("-c", 'sandbox_mode="workspace-write"')
WITHOUT_TEMPORARY_FOLDER = (
    *WORKSPACE,
    "-c", "sandbox_workspace_write.exclude_slash_tmp=true",
    "-c", "sandbox_workspace_write.exclude_tmpdir_env_var=true",
)  # fmt: skip
PROFILE = """\
[permissions.lane-builder]
extends = ":workspace"
[permissions.lane-builder.network]
enabled = false
[permissions.lane-builder.filesystem]
"{denied}" = "deny"
":workspace_roots" = {{ ".env.claude" = "deny", "AGENTS.md" = "read", ".mcp.json" = "read", ".github" = "read" }}
"""


def program() -> Path:
    """Return this machine's Codex of the lock file; LookupError if it is not installed."""
    found = sorted(MODULES.glob("codex-*/vendor/*/bin/codex"))
    if not found:
        raise LookupError("Codex is not installed: run `make e2e`")
    return found[0]


@dataclass(frozen=True)
class Sandbox:
    """Runs commands in a work tree as Codex lets its agent run them; `home` is its CODEX_HOME."""

    home: Path
    work_tree: Path
    options: Sequence[str] = field(default=WORKSPACE)

    def denying(self, folder: Path) -> Sandbox:
        """Return a sandbox with a permission profile, in which a folder cannot be read."""
        (self.home / "config.toml").write_text(PROFILE.format(denied=folder), encoding="utf-8")
        return Sandbox(self.home, self.work_tree, ("-P", "lane-builder"))

    def run(self, *command: str | Path) -> Ran:
        """Run a command in it; what it leaves behind ends with it."""
        line = [str(program()), "sandbox", *self.options, "--", *map(str, command)]
        keep = {n: os.environ[n] for n in ("HOME", "TMPDIR", "PATH") if n in os.environ}
        with subprocess.Popen(
            line, cwd=self.work_tree, env={**keep, "CODEX_HOME": str(self.home)}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                out, err = process.communicate(timeout=60)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        return Ran(process.returncode, out, err)

    def sh(self, script: str) -> None:
        """Run a script of the agent's, which must succeed."""
        done = self.run("/bin/sh", "-euc", script)
        assert done.code == 0, done.err

    def lanectl(self, *arguments: str | Path) -> Ran:
        """Run the installed command line in it."""
        return self.run(LANECTL, *arguments)
