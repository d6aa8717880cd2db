"""Where a user's keys, log-ins and the other lane's files lie. Names places; opens none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from lanectl.adapters.store import (
    SYSTEM_OPERATOR_FILE,
    keys_folder,
    operator_path,
    state_folder,
)
from lanectl.errors import UnreadableError
from lanectl.model.display import display
from lanectl.model.lane import PROFILES, Act, Lane
from lanectl.model.trust import Role, is_with_agent
from lanectl.ports.running import Enclosure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_KEY_VARIABLES: Final = {
    Role.BUILDER: "LANECTL_BUILDER_KEY",
    Role.ENFORCER: "LANECTL_ENFORCER_KEY",
    Role.SUPERVISOR: "LANECTL_SUPERVISOR_KEY",
    Role.LEAD: "LANECTL_LEAD_KEY",
}
_LOGIN_FILES: Final = (
    ".netrc", ".pgpass", ".git-credentials", ".config/git/credentials", ".config/gh/hosts.yml",
    ".config/glab-cli/config.yml", ".ssh/id_rsa", ".ssh/id_ecdsa", ".ssh/id_ed25519",
)  # fmt: skip
_LOGIN_FOLDERS: Final = (
    ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".supabase",
    ".config/gh", ".config/glab-cli", ".config/gcloud",
)  # fmt: skip


def profile_of(lane: Lane, top: str, named: str | None = None) -> tuple[str, ...]:
    """Return where a lane's profile may lie: in the work tree, beside it, beside the named one."""
    name = next(p for p in PROFILES if p.endswith(lane.value))
    folders = [
        top,
        os.path.dirname(top),
        *([os.path.dirname(os.path.abspath(named))] if named else []),
    ]
    return tuple(dict.fromkeys(os.path.join(folder, name) for folder in folders))


def key_of(lane: Lane, variables: Mapping[str, str]) -> tuple[str, ...]:
    """Return where a lane's private key may lie: as its variable says, then the default place."""
    return key_places({Lane.CODEX: Role.BUILDER, Lane.CLAUDE: Role.ENFORCER}[lane], variables)


def key_variable(role: Role) -> str:
    """Return the variable that names a role's private key."""
    return _KEY_VARIABLES[role]


def key_places(role: Role, variables: Mapping[str, str]) -> tuple[str, ...]:
    """Return where a role's private key may lie: as its variable says, then the default place."""
    named = variables.get(_KEY_VARIABLES[role], "")
    if is_with_agent(named):  # it lies in no file
        named = ""
    default = str(keys_folder(variables) / f"{role}.pem")
    return tuple(dict.fromkeys(os.path.abspath(p) for p in (named, default) if p))


def forbidden_to(
    lane: Lane, variables: Mapping[str, str], top: str, named: str | None
) -> Iterator[tuple[Act, str]]:
    """Yield the files and folders that a lane must not be able to read, and which act reading is.

    The Builder's own key is among them: inside its sandbox it signs nothing itself. So are the
    keys of people, who decide what neither lane may.
    """
    for role in (Role.BUILDER, Role.SUPERVISOR, Role.LEAD):
        for path in key_places(role, variables):
            yield Act.SIGNING_KEY, path
    if lane is Lane.CLAUDE:
        return
    for path in profile_of(Lane.CLAUDE, top, named):
        yield Act.OTHER_FILES, path
    for path in key_of(Lane.CLAUDE, variables):
        yield Act.SIGNING_KEY, path
    yield Act.OTHER_FILES, operator_path(variables)
    yield Act.OTHER_FILES, str(state_folder(variables))
    home = variables.get("HOME", "/")
    for name in _LOGIN_FILES:
        yield Act.LOGIN_FILE, os.path.join(home, name)


def enclosure_of(
    top: str, variables: Mapping[str, str], named: str | None, ledger: Sequence[str] = ()
) -> Enclosure:
    """Return what a sandbox of the codex lane shows: the work tree without its `.git` to write.

    The profile stays read-only as well: what an agent wrote there, a trusted process would load.
    """
    if not os.path.lexists(os.path.join(top, ".git")):
        raise UnreadableError(f"{display(top)} is no work tree")
    parts = [os.path.join(top, ".git"), *map(os.path.realpath, profile_of(Lane.CODEX, top, named))]
    parts += [os.path.realpath(named)] if named else []
    inside = [p for p in dict.fromkeys(parts) if p.startswith(f"{top}/") and os.path.exists(p)]
    return Enclosure(top, tuple(inside), _hidden_from_codex(top, variables, named, ledger))


def _hidden_from_codex(
    top: str, variables: Mapping[str, str], named: str | None, ledger: Sequence[str]
) -> tuple[str, ...]:
    """Return the real paths to hide; only what exists, and nothing inside of a hidden folder."""
    home = variables.get("HOME", "/")
    wanted = [
        os.path.dirname(SYSTEM_OPERATOR_FILE),
        str(keys_folder(variables).parent),
        str(state_folder(variables)),
        *ledger,
        *(os.path.join(home, name) for name in _LOGIN_FOLDERS),
        *(path for _, path in forbidden_to(Lane.CODEX, variables, top, named)),
    ]
    real = dict.fromkeys(os.path.realpath(path) for path in wanted if os.path.exists(path))
    return tuple(p for p in real if not any(p.startswith(f"{folder}/") for folder in real))
