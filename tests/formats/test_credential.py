"""What counts as a credential: the role inside a key decides; a name decides only where no value does."""

from __future__ import annotations

import base64
import json

import pytest

from lanectl.checks.credential import forbidden
from lanectl.formats.credential import credentials, holds_secret
from lanectl.model.lane import Kind, Lane


def jwt(claims: object) -> str:
    """A JSON Web Token with these claims and a signature that nobody checks."""
    parts = [json.dumps({"alg": "HS256"}).encode(), json.dumps(claims).encode(), b"signature"]
    return ".".join(base64.urlsafe_b64encode(p).decode().rstrip("=") for p in parts)


def raw_jwt(payload: bytes) -> str:
    return ".".join(
        base64.urlsafe_b64encode(p).decode().rstrip("=") for p in (b"{}", payload, b"s")
    )


TOKEN = "a1B2c3D4" * 3
CASES = [
    ("ANYTHING", jwt({"role": "anon"}), [Kind.SUPABASE_PUBLIC]),
    ("SUPABASE_SERVICE_ROLE_KEY", jwt({"role": "anon"}), [Kind.SUPABASE_PUBLIC]),
    ("SUPABASE_ANON_KEY", jwt({"role": "service_role"}), [Kind.SUPABASE_SERVICE]),
    ("ANYTHING", f"Bearer {jwt({'role': 'service_role'})}", [Kind.SUPABASE_SERVICE]),
    ("ANYTHING", jwt({"role": "authenticated"}), [Kind.SUPABASE_USER]),
    ("ANYTHING", jwt({"role": "postgres"}), [Kind.SUPABASE_UNREADABLE]),
    ("ANYTHING", jwt({"role": ["anon"]}), [Kind.SUPABASE_UNREADABLE]),
    ("A", raw_jwt(b'{"role":"anon","role":"service_role"}'), [Kind.SUPABASE_UNREADABLE]),
    ("A", raw_jwt(b'{"r\\u006fle":"service_role"}'), [Kind.SUPABASE_SERVICE]),
    ("ANYTHING", jwt({"sub": "somebody"}), []),
    ("SUPABASE_ANON_KEY", jwt({"sub": "x"}), [Kind.SUPABASE_UNREADABLE]),
    ("SUPABASE_ANON_KEY", f"sb_publishable_{TOKEN}", [Kind.SUPABASE_PUBLIC]),
    ("SUPABASE_ANON_KEY", f"sb_secret_{TOKEN}", [Kind.SUPABASE_SERVICE]),
    ("NEXT_PUBLIC_SUPABASE_ANON_KEY", "something", [Kind.SUPABASE_UNREADABLE]),
    ("TWO", f"sb_publishable_{TOKEN} sb_secret_{TOKEN}", [Kind.SUPABASE_PUBLIC, Kind.SUPABASE_SERVICE]),
    ("ANYTHING", f"sbp_{TOKEN}", [Kind.SUPABASE_ACCESS]),
    *(("ANYTHING", f"{p}{TOKEN}", [Kind.FORGE]) for p in
      ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-")),
    *((n, "plain", [Kind.FORGE]) for n in
      ("LANECTL_FORGE_TOKEN", "GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN",
       "GITHUB_ENTERPRISE_TOKEN", "GITLAB_TOKEN")),
    ("GIT_CONFIG_VALUE_0", "Authorization: Basic eDp5", [Kind.FORGE]),
    ("REMOTE", f"https://x:{TOKEN}@forge.example/a/b.git", [Kind.FORGE]),
    ("DATABASE_URL", "postgresql://u:p@db.example/x", [Kind.DATABASE]),
    ("DATABASE_URL", "postgresql+psycopg://u:p@db.example/x", [Kind.DATABASE]),
    ("DATABASE_URL", "postgres://db.example/x?user=u&password=p", [Kind.DATABASE]),
    ("DATABASE_URL", "host=db.example password=p", [Kind.DATABASE]),
    ("DATABASE_URL", "postgresql://u@db.example/x", []),
    ("PGPASSWORD", "p", [Kind.DATABASE]),
    ("SUPABASE_DB_PASSWORD", "p", [Kind.DATABASE]),
    ("SUPABASE_JWT_SECRET", "p", [Kind.SUPABASE_SERVICE]),
    ("ANYTHING", "-----BEGIN EC PRIVATE KEY-----\nx", [Kind.PRIVATE_KEY]),
    ("LANECTL_BUILDER_KEY", "-----BEGIN PRIVATE KEY-----\nx", [Kind.PRIVATE_KEY, Kind.BUILDER_KEY]),
    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t", [Kind.OIDC]),
    ("SIGSTORE_ID_TOKEN", "t", [Kind.OIDC]),
    ("LANECTL_ENFORCER_KEY", "/k.pem", [Kind.ENFORCER_KEY]),
    ("LANECTL_BUILDER_KEY", "/k.pem", [Kind.BUILDER_KEY]),
    ("LANECTL_SUPERVISOR_KEY", "/k.pem", [Kind.SUPERVISOR_KEY]),
    ("LANECTL_LEAD_KEY", "/k.pem", [Kind.LEAD_KEY]),
    ("GH_TOKEN", " ", []),
    ("PATH", "/usr/bin:/bin", []),
    ("HOST", "host1.example.com", []),
    ("SUPABASE_URL", "https://abc.supabase.example", []),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "kinds"), CASES)
def test_a_variable_is_what_it_holds(name: str, value: str, kinds: list[Kind]) -> None:
    assert [c.kind for c in credentials({name: value})] == kinds


@pytest.mark.parametrize(("name", "value", "kinds"), CASES)
def test_the_codex_lane_holds_public_keys_and_paths_only(
    name: str, value: str, kinds: list[Kind]
) -> None:
    wanted = [k for k in kinds if k not in {Kind.SUPABASE_PUBLIC, Kind.BUILDER_KEY}]
    assert [c.kind for c in forbidden(Lane.CODEX, {name: value})] == wanted


def test_the_claude_lane_holds_neither_the_builders_key_nor_peoples() -> None:
    variables = {name: value for name, value, _ in CASES}
    assert {c.variable for c in forbidden(Lane.CLAUDE, variables)} == {
        "LANECTL_BUILDER_KEY",
        "LANECTL_SUPERVISOR_KEY",
        "LANECTL_LEAD_KEY",
    }


def test_a_text_of_unknown_origin() -> None:
    assert holds_secret(f"https://x:{TOKEN}@forge.example/a.git")
    assert not holds_secret("https://forge.example/a.git")
    assert not holds_secret(f"sb_publishable_{TOKEN}")
