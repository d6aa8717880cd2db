"""The two configuration files, from given bytes to frozen settings. Reads no file, no environment.

`lanectl.toml` holds rules and comes from the target branch's tip; `enforcer.toml` holds pins and
belongs to the operator. Unknown keys are refused: a misspelt limit must not be silently ignored.
"""

from __future__ import annotations

from lanectl.config.rules import parse_ruling
from lanectl.config.table import Table, bad, read_toml
from lanectl.config.trust import parse_trust
from lanectl.model.address import Address
from lanectl.model.ledger import LedgerId
from lanectl.model.names import ObjectId, RepositoryId
from lanectl.model.settings import (
    DEFAULT_MIGRATIONS,
    RULES_PATH,
    Backend,
    LedgerPin,
    Limits,
    Operator,
    Rules,
)


def parse_rules(data: bytes) -> Rules:
    """Return the rules in a `lanectl.toml`. Raises UnreadableError with the place and the reason."""
    table = Table(RULES_PATH, read_toml(data, RULES_PATH))
    table.version()
    repository = table.section("repository")
    identifier = repository.text("id", "")
    repository.end()
    migrations = table.section("migrations")
    paths = migrations.texts("paths", DEFAULT_MIGRATIONS)
    migrations.end()
    pull_requests = table.section("pull_requests")
    required = pull_requests.flag("require_handoff", default=False)
    pull_requests.end()
    ruling = parse_ruling(table.section("rules"))
    trust = parse_trust(table.section("trust"))
    table.end()
    try:
        known = RepositoryId(identifier) if identifier else None
        return Rules(known, paths, required, ruling, trust)
    except ValueError as error:
        raise bad(RULES_PATH, "repository.id", str(error)) from error


def parse_operator(data: bytes, path: str) -> Operator:
    """Return the settings in an `enforcer.toml`. Raises UnreadableError as `parse_rules` does."""
    table = Table(path, read_toml(data, path))
    table.version()
    target = table.section("target")
    url, branch = target.text("repository"), target.text("branch")
    ref, pinned = target.text("ref"), target.text("pinned")
    target.end()
    limits = table.section("limits")
    default = Limits()
    settings = Limits(
        inflated=limits.number("inflated_mib", default.inflated >> 20, 1, 4096) << 20,
        git_seconds=limits.number("git_seconds", default.git_seconds, 1, 86_400),
        git_memory=limits.number("git_memory_mib", default.git_memory >> 20, 64, 1 << 20) << 20,
    )
    limits.end()
    forge = table.section("forge")
    api = forge.text("api", "").rstrip("/")
    forge.end()
    ledger = _ledger(table.section("ledger"), path)
    table.end()
    if not ref.startswith("refs/"):
        raise bad(path, "target.ref", "is not a full ref name such as refs/remotes/origin/main")
    try:
        operator = Operator(url, branch, ref, ObjectId(pinned), settings, api, ledger)
        RepositoryId(operator.repository)
        Address.parse(url)
    except ValueError as error:
        raise bad(path, "target", str(error)) from error
    if api and not _is_safe(api):
        raise bad(path, "forge.api", "must be https, or http on this machine")
    return operator


_PLACES = {
    Backend.SQLITE: {"path", "encrypted"},
    Backend.POSTGRES: {"dsn"},
    Backend.SUPABASE: {"url"},
}


def _ledger(section: Table, path: str) -> LedgerPin:
    """Return the pinned ledger. What belongs to another back end, or is missing, is refused."""
    name = section.text("backend", Backend.SQLITE.value)
    if name not in {b.value for b in Backend}:
        raise bad(path, "ledger.backend", "must be sqlite, postgres or supabase")
    backend, identifier = Backend(name), section.text("id", "")
    given = {key for key in section.values if key in set().union(*_PLACES.values())}
    if foreign := given - _PLACES[backend]:
        raise bad(path, f"ledger.{min(foreign)}", f"does not belong to {backend}")
    if backend is not Backend.SQLITE:
        for key in sorted({"id"} - ({"id"} if identifier else set()) | _PLACES[backend] - given):
            raise bad(path, f"ledger.{key}", "missing; `lanectl ledger migrate` prints the section")
    try:
        known = LedgerId(identifier) if identifier else None
    except ValueError as error:
        raise bad(path, "ledger.id", str(error)) from error
    pin = LedgerPin(
        backend, known, path=section.text("path", ""), dsn=section.text("dsn", ""),
        url=section.text("url", "").rstrip("/"), encrypted=section.flag("encrypted", default=False),
    )  # fmt: skip
    section.end()
    if pin.path and not pin.path.startswith("/"):
        raise bad(path, "ledger.path", "must be absolute")
    if pin.url and not _is_safe(pin.url):
        raise bad(path, "ledger.url", "must be https, or http on this machine")
    return pin


def render_rules(repository: RepositoryId) -> str:
    """Return the `lanectl.toml` that `init` writes."""
    return f"""\
# Rules of lanectl for this repository; read from the tip of the target branch.
# All keys: docs/configuration.md of lanectl.
version = 1

[repository]
id = "{repository}"

[migrations]
# A change of one of these paths must bring a rollback.
paths = [{", ".join(f'"{p}"' for p in DEFAULT_MIGRATIONS)}]
"""


def render_operator(operator: Operator) -> str:
    """Return the `enforcer.toml` that `init --enforcer` writes."""
    url, branch, ref = (_quote(text) for text in (operator.url, operator.branch, operator.ref))
    forge = f"\n[forge]\napi = {_quote(operator.api)}\n" if operator.api else ""
    return f"""\
# Pins of the Enforcer; belongs to the operator and lies outside every repository.
# All keys: docs/configuration.md of lanectl.
version = 1

[target]
repository = {url}
branch = {branch}
# Where this machine's clone keeps the branch, and its tip when it was pinned.
ref = {ref}
pinned = "{operator.pinned}"

[limits]
inflated_mib = {operator.limits.inflated >> 20}
git_seconds = {operator.limits.git_seconds}
git_memory_mib = {operator.limits.git_memory >> 20}
{forge}"""


def _is_safe(api: str) -> bool:
    try:
        return Address.parse(api).may_carry_token
    except ValueError:
        return False


def _quote(text: str) -> str:
    """Return a TOML basic string."""
    escaped = (f"\\u{ord(c):04x}" if c in '"\\\x7f' or ord(c) < 0x20 else c for c in text)
    return f'"{"".join(escaped)}"'
