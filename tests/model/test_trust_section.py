"""`[trust]`: what is exact enough to be believed is read, and everything that is not is refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.config import parse_rules
from lanectl.config.trust_files import named_files, refuse_incomplete
from lanectl.errors import ExitCode, UnreadableError
from lanectl.formats.keys import read_public_key
from lanectl.model.signer import Method
from lanectl.model.trust import Key, Keyring, Revocation, Role
from lanectl.model.trust_policy import KeylessIdentity, Span, TrustPolicy
from tests.assets.bundles.workshop import bundle

GITHUB = "https://token.actions.githubusercontent.com"
WORKFLOW = "https://github.com/acme/shop/.github/workflows/handoff.yml@refs/heads/main"
START = r"^https://github\.com/acme/shop/\.github/workflows/handoff\.yml@"
FINGERPRINT = "ABCDEF0123456789ABCDEF0123456789ABCDEF01"
SPIFFE = "spiffe://acme.example/builder"


def entry(kind: str, *lines: str, name: str = "Acme CI", email: str = "ci@acme.example") -> str:
    person = f'name = "{name}"\nemail = "{email}"\n'
    return f"[[trust.builder.{kind}]]\n{person}" + "".join(f"{line}\n" for line in lines)


def keyless(
    *lines: str, issuer: str = GITHUB, identity: str = WORKFLOW, pattern: str = "", **more: str
) -> str:
    who = f"pattern = '{pattern}'" if pattern else f"identity = '{identity}'"
    return entry("keyless", f"issuer = '{issuer}'", who, *lines, **more)


def policy(text: str) -> TrustPolicy:
    return parse_rules(f"version = 1\n{text}".encode()).trust


def refusal(text: str) -> str:
    """Return why the file is refused: one line that names file and place, and says how to go on."""
    with pytest.raises(UnreadableError) as caught:
        policy(text)
    error = caught.value
    assert error.exit_code is ExitCode.UNJUDGED
    assert error.what.startswith("lanectl.toml: trust")
    assert "\n" not in error.what
    assert error.remedies
    return error.what.removeprefix("lanectl.toml: ")


# what is read -------------------------------------------------------------------------------------


def test_nothing_said_means_keys_for_seven_days() -> None:
    assert policy("") == TrustPolicy()
    assert policy("").accepted(Role.BUILDER) == (Method.KEY,)
    assert policy("").validity == timedelta(days=7)


def test_everything_that_can_be_said() -> None:
    said = policy(
        "[trust]\nvalidity_days = 2\nskew_minutes = 0\n"
        '[trust.builder]\naccept = ["gpg", "key", "keyless"]\n'
        + keyless(
            "hosted = true",
            'not_before = "2026-01-01T00:00:00Z"',
            'not_after = "2027-01-01T00:00:00Z"',
            'claims.runner_environment = "github-hosted"',
        )
        + entry("spiffe", f'id = "{SPIFFE}"')
        + entry("gpg", f'fingerprint = "{FINGERPRINT.lower()}"')
    )
    assert said.accepted(Role.BUILDER) == (Method.KEYLESS, Method.KEY, Method.GPG)
    assert (said.validity, said.skew) == (timedelta(days=2), timedelta(0))
    [identity] = said.keyless
    assert identity == KeylessIdentity(
        Role.BUILDER, "Acme CI", "ci@acme.example", GITHUB, WORKFLOW,
        claims={"runner_environment": "github-hosted"}, is_hosted=True,
        span=Span(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    )  # fmt: skip
    assert said.spiffe[0].path == ".lanectl/trust/spiffe/acme.example.pem"
    assert said.gpg[0].path == f".lanectl/trust/gpg/{FINGERPRINT}.asc"


def test_nothing_goes_down_unless_the_policy_says_so() -> None:
    assert policy(keyless()).accepted(Role.BUILDER) == (Method.KEYLESS,)
    assert policy(entry("spiffe", f'id = "{SPIFFE}"')).accepted(Role.BUILDER) == (Method.SPIFFE,)
    gpg = entry("gpg", f'fingerprint = "{FINGERPRINT}"')
    assert policy(gpg).accepted(Role.BUILDER) == (Method.KEY,)


@pytest.mark.parametrize(
    ("issuer", "identity"),
    [
        (GITHUB, "https://github.com/a/b/.github/workflows/c.yaml@refs/tags/v1.0"),
        ("https://gitlab.com", "https://gitlab.com/a/b/c//.gitlab-ci.yml@refs/heads/main"),
        ("https://agent.buildkite.com", "https://buildkite.com/acme/shop"),
        ("https://accounts.google.com", "a.b+c@acme.example"),
        ("https://github.com/login/oauth", "a@acme.example"),
        ("https://issuer.acme.example/realm", "https://ci.acme.example/pipelines/7"),
        ("https://issuer.acme.example", "spiffe://acme.example/builder"),
        ("http://127.0.0.1:8080", "someone@acme.example"),
        ("http://[::1]:8080", "someone@acme.example"),
    ],
)
def test_an_exact_identity_that_the_issuer_gives(issuer: str, identity: str) -> None:
    [found] = policy(keyless(issuer=issuer, identity=identity)).keyless
    assert (found.issuer, found.identity, found.is_pattern) == (issuer, identity, False)


@pytest.mark.parametrize(
    ("issuer", "pattern"),
    [
        (GITHUB, START + r"refs/heads/[a-z]+$"),
        (GITHUB, START + r"refs/(?:heads/main|tags/v[0-9]{1,3}(?:\.[0-9]+)?)$"),
        (GITHUB, r"^https://github\.com/acme/[^/]+/\.github/workflows/handoff\.yml@refs/heads/main$"),
        ("https://gitlab.com", r"^https://gitlab\.com/acme/[a-z-]+//\.gitlab-ci\.yml@refs/heads/main$"),
        ("https://accounts.google.com", r"^[a-z.]+@acme\.example$"),
        ("https://issuer.acme.example", r"^[^@]+@acme\.example$"),
        ("https://issuer.acme.example", r"^https://ci\.acme\.example/builds/[0-9]+$"),
    ],
)  # fmt: skip
def test_a_pattern_that_says_what_it_seems_to_say(issuer: str, pattern: str) -> None:
    [found] = policy(keyless(issuer=issuer, pattern=pattern)).keyless
    assert (found.identity, found.is_pattern) == (pattern, True)


# what is refused ----------------------------------------------------------------------------------

PATTERNS = {
    "everything": (".*", "is not anchored"),
    "everything, anchored": ("^.*$", "has a bare '.'"),
    "a bare star": ("*", "is not anchored"),
    "a star, anchored": ("^*$", "repeats nothing"),
    "no end": (START + "refs/heads/main", "is not anchored"),
    "no beginning": (START[1:] + "refs/heads/main$", "is not anchored"),
    "an end that is a dollar": (START + r"refs/heads/main\$", "is not anchored"),
    "a dot of the host": (r"^https://github.com/acme/x$", "has a bare '.'"),
    "a dot that repeats": (START + ".+$", "has a bare '.'"),
    "any host": (r"^https://[^/]+/acme/shop/\.github/workflows/x@y$", "must begin with a literal"),
    "any owner": (r"^https://github\.com/[^/]+/x/\.github/workflows/x@y$", "must begin with a literal"),
    "half an owner": (r"^https://github\.com/acme[a-z]*/x/\.github/workflows/x@y$", "must begin with"),
    "an optional character of the owner": (
        r"^https://github\.com/acme?/x/\.github/workflows/x@y$", "must begin with a literal",
    ),
    "an owner that may be missing": (
        r"^https://github\.com/(?:acme/)?x/\.github/workflows/x@y$", "must begin with a literal",
    ),
    "another host": (r"^https://github\.evil/acme/x/\.github/workflows/x@y$", "must begin with"),
    "no workflow": (r"^https://github\.com/acme/[a-z]+$", "is nothing that"),
    "a class that crosses": (START + "[a-z/]+$", "which crosses a '/'"),
    "a range that crosses": (START + "[!-~]+$", "which crosses a '/'"),
    "a negated class that crosses": (START + "[^@]+$", "which crosses a '/'"),
    "a shorthand": (START + r"refs/tags/v\d+$", "has a shorthand"),
    "a negated shorthand": (START + r"\S+$", "has a shorthand"),
    "alternatives": (START + "refs/heads/main|x$", "has alternatives at the top"),
    "a repeated group": (START + "(?:[a-z]+)+$", "repeats a group"),
    "two repetitions": (START + "[a-z]+?$", "repeats nothing, or something twice"),
    "many repetitions": (START + "[a-z]+" * 7 + "$", "repeats more than 6 times"),
    "an anchor inside": (START + "(?:a$|b)$", "has an anchor inside"),
    "a flag": (r"^(?i)https://github\.com/acme/x$", "has something that is not allowed"),
    "a look ahead": (START + "(?=x)$", "has something that is not allowed"),
    "an open group": (START + "(x$", "is no regular expression"),
    "a range that goes back": (START + "[z-a]$", "is no regular expression"),
    "a difference of sets": (START + "[a-z--b]$", "different sets"),
    "blanks": (START + "a b$", "must be printable ASCII"),
    "another alphabet": (START + "é$", "must be printable ASCII"),
    "too long": (START + "a" * 500 + "$", "is longer than"),
}  # fmt: skip


@pytest.mark.parametrize("case", PATTERNS)
def test_a_pattern_that_could_match_more_than_a_reader_sees(case: str) -> None:
    pattern, says = PATTERNS[case]
    refused = refusal(keyless(pattern=pattern))
    assert refused.startswith("trust.builder.keyless[0].pattern ")
    assert says in refused


@pytest.mark.parametrize(
    "pattern", [r"^[a-z]+@[a-z]+\.example$", r"^[a-z@]+@acme\.example$", r"^someone@acme$", r"^[^/]+@a\.b$"]
)  # fmt: skip
def test_a_pattern_of_addresses_without_a_literal_domain(pattern: str) -> None:
    refused = refusal(keyless(issuer="https://accounts.google.com", pattern=pattern))
    assert "must end with a literal domain" in refused or "crosses a '@'" in refused


IDENTITIES = {
    "an address of GitHub Actions": (GITHUB, "a@acme.example"),
    "a workflow of another host": (GITHUB, WORKFLOW.replace("github.com", "github.evil")),
    "a repository": (GITHUB, "https://github.com/acme/shop"),
    "a workflow without a ref": (GITHUB, WORKFLOW.partition("@")[0]),
    "GitHub's workflow by GitLab": ("https://gitlab.com", WORKFLOW),
    "GitLab's project by GitLab": ("https://gitlab.com", "https://gitlab.com/a/b"),
    "a workflow by Google": ("https://accounts.google.com", WORKFLOW),
    "a workflow by a login at GitHub": ("https://github.com/login/oauth", WORKFLOW),
    "a workflow by Microsoft": ("https://login.microsoftonline.com", WORKFLOW),
    "Buildkite's, a part too many": ("https://agent.buildkite.com", "https://buildkite.com/a/b/c"),
    "a word by anybody": ("https://issuer.acme.example", "someone"),
    "plain http by anybody": ("https://issuer.acme.example", "http://ci.acme.example/x"),
}


@pytest.mark.parametrize("case", IDENTITIES)
def test_an_identity_that_its_issuer_cannot_give(case: str) -> None:
    issuer, identity = IDENTITIES[case]
    says = f"trust.builder.keyless[0].identity is nothing that {issuer} issues"
    assert refusal(keyless(issuer=issuer, identity=identity)).startswith(says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (keyless(identity=WORKFLOW + "*"), "keyless[0].identity is compared as it is"),
        (keyless(identity=WORKFLOW + " "), "keyless[0].identity must be printable ASCII"),
        (keyless(identity=WORKFLOW + "é"), "keyless[0].identity must be printable ASCII"),
        (keyless(issuer="http://issuer.acme.example"), "keyless[0].issuer must be https, or http on"),
        (keyless(issuer=GITHUB + "/"), "keyless[0].issuer must not end with /"),
        (keyless(issuer=GITHUB + "#x"), "keyless[0].issuer must be a plain address"),
        (keyless(issuer="https://*.acme.example"), "keyless[0].issuer must be https"),
        (keyless(issuer="https://me@acme.example"), "keyless[0].issuer must be a plain address"),
        (keyless(issuer="https://ACME.example"), "keyless[0].issuer must be https"),
        (keyless(issuer="acme"), "keyless[0].issuer is not an https address"),
        (keyless(issuer=""), "keyless[0].issuer is empty"),
        (keyless(f"pattern = '{START}x$'"), "keyless[0].identity must be there, or `pattern`"),
        (entry("keyless", f"issuer = '{GITHUB}'"), "keyless[0].identity must be there"),
        (entry("keyless", f"identity = '{WORKFLOW}'"), "keyless[0].issuer missing"),
        (keyless("hostd = true"), "keyless[0].hostd is not a known key"),
        (keyless("hosted = 1"), "keyless[0].hosted must be of type bool"),
        (keyless('claims.runner = "x"'), "keyless[0].claims.runner is nothing that a certificate says"),
        (keyless("claims.build_trigger = 1"), "keyless[0].claims.build_trigger must be of type str"),
        (keyless('claims.build_trigger = ""'), "keyless[0].claims.build_trigger is empty"),
        (keyless('not_after = "tomorrow"'), "keyless[0].not_after not a time"),
        (keyless("not_after = 2027-01-01T00:00:00Z"), "keyless[0].not_after must be of type str"),
        (
            keyless('not_before = "2027-01-01T00:00:00Z"', 'not_after = "2027-01-01T00:00:00Z"'),
            "keyless[0].not_after must be later",
        ),
        (keyless(name="<x>"), "keyless[0].name and email must have a name that git keeps"),
        (keyless(email=" x"), "keyless[0].name and email must have a printable email"),
        (keyless() + keyless(name="Other"), "keyless names one identity twice"),
        (entry("spiffe", f'id = "{SPIFFE}"') * 2, "spiffe names one identity twice"),
        (
            entry("gpg", f'fingerprint = "{FINGERPRINT}"')
            + entry("gpg", f'fingerprint = "{FINGERPRINT.lower()}"'),
            "gpg names one identity twice",
        ),
        *((entry("spiffe", f'id = "{bad}"'), "spiffe[0].id must be a SPIFFE id") for bad in (
            "spiffe://acme.example", "spiffe://acme.example/", "spiffe://acme.example/a/../b",
            "spiffe://ACME.example/a", "spiffe://acme.example:80/a", "https://acme.example/a",
            "spiffe://acme.example/*", "spiffe://../a", "spiffe://acme.example/a b", "spiffe:///a",
        )),
        (entry("gpg", 'fingerprint = "ABCDEF01"'), "gpg[0].fingerprint must be the primary key's"),
        ("[trust.builder]\ngpg = 1", "gpg must be of type list"),
        ("[trust.builder]\ngpg = [1]", "gpg must be tables"),
        ("[trust.builder]\naccept = []", "accept must name at least one method"),
        ('[trust.builder]\naccept = ["key", "key"]', "accept must name at least one method"),
        ('[trust.builder]\naccept = ["ssh"]', "accept names 'ssh', which is none of"),
        ("[trust.builder]\nkeyles = []", "keyles is not a known key"),
    ],
)  # fmt: skip
def test_what_a_builder_must_not_be(text: str, says: str) -> None:
    assert refusal(text).startswith(f"trust.builder.{says}")


@pytest.mark.parametrize("role", ["enforcer", "supervisor", "lead"])
def test_other_roles_sign_with_keys_of_the_keyring(role: str) -> None:
    says = f"trust.{role} cannot be set: this role signs with keys of the keyring"
    assert refusal(f'[trust.{role}]\naccept = ["keyless"]') == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("validity_days = 8", "validity_days must lie between 1 and 7"),
        ("validity_days = 0", "validity_days must lie between 1 and 7"),
        ("skew_minutes = 61", "skew_minutes must lie between 0 and 60"),
        ("skew_minutes = -1", "skew_minutes must lie between 0 and 60"),
        ("accept = []", "accept is not a known key"),
    ],
)
def test_times_that_are_too_long(text: str, says: str) -> None:
    assert refusal(f"[trust]\n{text}") == f"trust.{says}"


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet=r"a/.*+?[]()|^$\{}1,-@:", max_size=30))
def test_no_pattern_that_is_taken_leaves_its_owner(middle: str) -> None:
    """Whatever stands after it: what matches begins with the literal host and owner."""
    pattern = START + middle + "$"
    try:
        [found] = policy(keyless(pattern=pattern)).keyless
    except UnreadableError:
        return
    for other in ("https://github.evil/acme/shop/x", "x", "a/" + WORKFLOW, WORKFLOW + "/../../x"):
        assert re.fullmatch(found.identity, other) is None


# what stands beside it ----------------------------------------------------------------------------


def key(role: Role, name: str, email: str, **more: object) -> Key:
    public = read_public_key(bundle.public("enforcer", bundle.Encoding.PEM).decode())
    times = {
        "not_before": datetime(2026, 1, 1, tzinfo=UTC), "not_after": datetime(2027, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    return Key(public=public, role=role, name=name, email=email, **{**times, **more})  # type: ignore[arg-type]


def incomplete(text: str, *keys: Key, files: bool = False) -> str:
    said = policy(text)
    found = dict.fromkeys(named_files(said), b"x") if files else {}
    with pytest.raises(UnreadableError) as caught:
        refuse_incomplete(said, Keyring(keys), found)
    assert caught.value.remedies
    return caught.value.what.removeprefix("lanectl.toml: trust.builder")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (keyless(), ".lanectl/trust/trusted_root.json"),
        (entry("gpg", f'fingerprint = "{FINGERPRINT}"'), f".lanectl/trust/gpg/{FINGERPRINT}.asc"),
        (entry("spiffe", f'id = "{SPIFFE}"'), ".lanectl/trust/spiffe/acme.example.pem"),
    ],
)
def test_an_entry_without_the_file_that_it_needs(text: str, path: str) -> None:
    assert f"needs {path}, which is not there" in incomplete(text)


@pytest.mark.parametrize("method", sorted(Method))
def test_a_method_that_nothing_is_set_up_for(method: str) -> None:
    says = incomplete(f'[trust.builder]\naccept = ["{method}"]')
    assert says == f".accept names {method}, and nothing is set up for it"


OTHERS = [
    key(Role.ENFORCER, "ACME ci", "enforcer@acme.example"),
    key(Role.LEAD, "A lead", "CI@acme.example"),
]


@pytest.mark.parametrize("other", OTHERS)
def test_a_builder_who_is_somebody_of_another_role(other: Key) -> None:
    assert f"who is the {other.role} of the keyring" in incomplete(keyless(), other, files=True)


@pytest.mark.parametrize(
    ("other", "lines"),
    [
        (key(Role.BUILDER, "Acme CI", "ci@acme.example"), ()),
        (key(Role.ENFORCER, "Other", "other@acme.example"), ()),
        (
            key(Role.ENFORCER, "Acme CI", "x@acme.example", revoked=Revocation(
                datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), "lost")), (),
        ),
        (key(Role.ENFORCER, "Acme CI", "x@acme.example"), ('not_before = "2027-01-01T00:00:00Z"',)),
        (key(Role.ENFORCER, "Acme CI", "x@acme.example"), ('not_after = "2026-01-01T00:00:00Z"',)),
    ],
)  # fmt: skip
def test_who_is_nobody_else_at_that_time(other: Key, lines: tuple[str, ...]) -> None:
    said = policy(keyless(*lines))
    refuse_incomplete(said, Keyring((other,)), dict.fromkeys(named_files(said), b"x"))
