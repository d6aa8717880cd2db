"""Lane: what a lane was able to do and must not be. One rule for each act that `lane check` tries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.model.report import Fault, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lanectl.model.lane import Attempt, Lane

_EXEC = Remedy(
    "Run what needs this lane in a sandbox, from its profile alone.",
    ("lanectl", "lane", "exec", "codex", "--require-sandbox", "--", "CMD"),
)

RULES = (
    Rule("lane/push", "The Builder can push to the remote", "It could put code past every check.",
         Remedy("Give the Builder a clone without write access: a read-only log-in, or none."),
         example="`git push` works from inside the sandbox"),
    Rule("lane/network", "The Builder can reach the network", "What it reads it can send away.", _EXEC,
         example="a connection to the remote's host is answered"),
    Rule("lane/other-files", "The other lane's files can be read",
         "They hold its credentials, its pins or its records.", _EXEC,
         example="`.env.claude` can be read in the codex lane"),
    Rule("lane/signing-key", "A signing key can be read that this lane must not use",
         "Who reads a key can sign with it, anywhere and for as long as the key is trusted.",
         Remedy("Keep the key under another user, or behind the sandbox's deny rules."),
         example="the Enforcer's private key can be read by the Builder"),
    Rule("lane/environment", "A credential of the other lane stands in the environment",
         "Everything that this process starts inherits it.",
         Remedy("Start the lane from its profile alone.",
                ("lanectl", "lane", "exec", "codex", "--", "CMD")),
         example="`GITHUB_TOKEN` is set in the codex lane"),
    Rule("lane/git-config", "git's configuration holds a log-in",
         "Every git command of this lane uses it.",
         Remedy("Take it out.", ("git", "config", "--show-origin", "--list")),
         example="`http.extraHeader` with a token in the clone's configuration"),
    Rule("lane/credential-helper", "git's credential helper gives a password",
         "Every git command of this lane can ask it.",
         Remedy("Switch the helper off for this lane.", ("git", "config", "credential.helper", "")),
         example="`git credential fill` answers with a password"),
    Rule("lane/login-file", "A file with a log-in can be read", "Programs of this lane find it by themselves.", _EXEC,
         example="`~/.netrc` can be read"),
    Rule("lane/ssh-agent", "The SSH agent lends its identities", "Every program of this lane can use them.",
         Remedy("Start the lane without the agent.", ("unset", "SSH_AUTH_SOCK")),
         example="`ssh-add -l` lists a key"),
    Rule("lane/file-mode", "A profile or key can be read by others", "Then it belongs to no lane any more.",
         Remedy("Make the file yours alone.", ("chmod", "600", "FILE")),
         example="`.env.codex` with mode 644"),
    Rule("lane/not-ignored", "A profile is not ignored by git", "The next `git add` takes it along.",
         Remedy("Add `.env.codex` and `.env.claude` to .gitignore."),
         example="`.env.claude` in the work tree, and no line for it in `.gitignore`"),
    Rule("lane/committed", "A profile is in the repository's history", "Everybody who clones can read it.",
         Remedy("Renew every credential in it, then take it out of the history."),
         example="`.env.codex` was committed once and deleted later"),
    Rule("lane/same-key", "Builder and Enforcer use the same key", "What one lane signs the other could have signed.",
         Remedy("Make a key for each role and register both.", ("lanectl", "keys", "new", "--role", "enforcer")),
         example="one key registered as Builder and as Enforcer"),
    Rule("lane/supabase-role", "The Supabase key is not the Enforcer's",
         "Only a service key can write what the Enforcer records; the role inside the key decides.",
         Remedy("Put a service_role or sb_secret_ key into the claude lane's profile."),
         example="the `anon` key in `SUPABASE_SERVICE_ROLE_KEY`"),
)  # fmt: skip


def check(lane: Lane, attempts: Iterable[Attempt]) -> Iterator[Fault]:
    """Yield a fault for every attempt that succeeded."""
    for attempt in attempts:
        if attempt.succeeded:
            yield Fault(attempt.act.rule, attempt.where, attempt.got, f"not in the {lane} lane")
