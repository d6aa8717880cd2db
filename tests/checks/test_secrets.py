"""Secrets are found in every place of a change, and never shown. Each is put together at run time."""

from __future__ import annotations

import base64
import json
import random
import re
import string
import subprocess
import sys
import time
from collections.abc import Callable

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization as to
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.checks import RULES, secrets
from lanectl.formats import secrets as scanner
from lanectl.model.change import FileChange, Mode
from lanectl.model.content import Content, Words
from lanectl.model.decision import Decision
from lanectl.model.names import ObjectId
from lanectl.model.report import Fault
from lanectl.model.ruling import Ruling

OLD, NEW, NULL = ObjectId("1" * 40), ObjectId("2" * 40), ObjectId("0" * 40)
ANY = string.ascii_letters + string.digits
UPPER, HEX, BASE32 = (
    string.ascii_uppercase + string.digits,
    "0123456789abcdef",
    string.ascii_uppercase + "234567",
)
RANDOM = random.Random(6)


def some(length: int, alphabet: str = ANY) -> str:
    """Characters that look generated, the same in every run."""
    return "".join(RANDOM.choice(alphabet) for _ in range(length))


def jwt(claims: dict[str, str]) -> str:
    parts = [{"alg": "HS256", "typ": "JWT"}, claims]
    coded = [
        base64.urlsafe_b64encode(json.dumps(p, separators=(",", ":")).encode()).decode().rstrip("=")
        for p in parts
    ]
    return ".".join([*coded, some(43)])


TOKENS = {
    "GitHub token": "gh" + "p_" + some(36),
    "GitHub fine-grained token": "github" + "_pat_" + some(22) + "_" + some(59),
    "GitLab token": "gl" + "pat-" + some(20),
    "AWS access key": "AK" + "IA" + some(16, BASE32),
    "Anthropic key": "sk-" + "ant-api03-" + some(93) + "AA",
    "OpenAI key": "sk-" + "proj-" + some(60) + "T3Blbk" + "FJ" + some(60),
    "OpenRouter key": "sk-" + "or-v1-" + some(64, HEX),
    "Groq key": "gs" + "k_" + some(52),
    "Hugging Face token": "h" + "f_" + some(34, string.ascii_letters),
    "Supabase secret key": "sb_" + "secret_" + some(22) + "_" + some(8),
    "Supabase access token": "sb" + "p_" + some(40, HEX),
    "JSON Web Token": jwt({"iss": "supabase", "role": "service_role"}),
    "Slack token": "xox" + "b-" + some(12, "3579") + "-" + some(12, "2468") + "-" + some(24),
    "Stripe key": "sk_" + "live_" + some(24),
    "SendGrid key": "S" + "G." + some(22) + "." + some(43),
    "Square secret": "sq0" + "csp-" + some(43),
    "Twilio key": "S" + "K" + some(32, HEX),
    "PyPI token": "pypi-" + "AgEIcHlwaS5vcmc" + some(100),
    "npm token": "np" + "m_" + some(36),
    "Artifactory token": "AK" + "Cp" + some(69),
    "Google key": "AI" + "za" + some(35),
    "DigitalOcean token": "dop" + "_v1_" + some(64, HEX),
    "Databricks token": "da" + "pi" + some(32, HEX),
    "Vault token": "hv" + "s." + some(95),
    "Terraform token": some(14) + ".atlas" + "v1." + some(64),
    "Discord bot token": base64.b64encode(some(18, "123456789").encode()).decode() + "." + some(6) + "." + some(27),
    "age key": "AGE-SECRET" + "-KEY-1" + some(58, "ACDEFGHJKLMNPQRSTUVWXYZ023456789"),
    "Azure storage key": "Account" + "Key=" + some(86) + "==",
    "AWS secret key": "aws_secret_access" + "_key = " + some(40),
    "Slack webhook": "https://hooks.slack" + ".com/services/T" + some(9, UPPER) + "/B" + some(9, UPPER) + "/" + some(24),
    "Telegram bot token": some(9, "123456789") + ":A" + "A" + some(33),
    "Mailchimp key": some(32, HEX) + "-us" + "12",
    "password in an address": "postgres://shop:" + some(20) + "1aZ" + "@db.acme.io/shop",
}  # fmt: skip
TOKEN = TOKENS["GitHub token"]
VALUES = [max(re.split("[ =@]", token), key=len) for token in TOKENS.values()]


def key(kind: str = "PKCS8") -> bytes:
    made = (
        ed25519.Ed25519PrivateKey.generate()
        if kind != "TraditionalOpenSSL"
        else ec.generate_private_key(ec.SECP256R1())
    )
    return made.private_bytes(to.Encoding.PEM, getattr(to.PrivateFormat, kind), to.NoEncryption())


def file(path: str, old: bytes | None = None, new: bytes | None = None) -> Content:
    change = FileChange(
        path.encode(),
        Mode.ABSENT if old is None else Mode.FILE,
        Mode.ABSENT if new is None else Mode.FILE,
        NULL if old is None else OLD,
        NULL if new is None else NEW,
    )
    return Content(files=(change,), blobs={OLD: old or b"", NEW: new or b""})


def found(content: Content) -> list[Fault]:
    faults = list(secrets.check(content))
    shown = msgspec.json.encode(faults).decode() + repr(faults)
    shown += repr([list(scanner.scan(d).values()) for d in content.blobs.values()])
    assert not [v for v in VALUES if v in shown], "a value is never shown"
    assert all(f.subject is not None and f.fingerprint for f in faults)
    return faults


def rules(content: Content) -> list[str]:
    return [fault.rule for fault in found(content)]


@pytest.mark.parametrize("kind", TOKENS)
def test_every_kind_is_found_with_its_line_and_no_value(kind: str) -> None:
    (fault,) = found(file("a.py", new=f"import os\n\nvalue = '{TOKENS[kind]}'\n".encode()))
    assert (fault.rule, fault.got, fault.where, fault.line) == ("secrets/token", kind, "a.py", 3)


def utf16(order: str) -> Callable[[str], bytes]:
    return lambda token: b"\0\xff\1\0" + f"token: {token}\n".encode(f"utf-16-{order}") + b"\0\1"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda t: f"\0\1\2{t}\0\xff".encode(), lambda t: f"{t}".encode(), utf16("le"), utf16("be"),
        lambda t: f'{{"t":"{t}"}}'.encode() * 3, lambda t: b"\xff\xfe" + t.encode("utf-16-le"),
        lambda t: b"x" * 100_000 + f" {t} ".encode() + b"y" * 100_000,
    ],
)  # fmt: skip
def test_a_token_is_found_in_binaries_in_utf_16_and_in_long_lines(
    wrap: Callable[[str], bytes],
) -> None:
    assert rules(file("blob.bin", new=wrap(TOKEN))) == ["secrets/token"]


def test_names_links_words_and_members_are_scanned() -> None:
    link = FileChange(b"link", Mode.ABSENT, Mode.LINK, NULL, NEW, TOKEN.encode())
    words = Words("a", TOKEN, f"see\n{TOKEN}")
    content = Content(
        files=(link,), members={"sbom.cdx.json": f'\n"{TOKEN}"'.encode()}, words=words
    )
    assert [(f.where, f.line) for f in found(content)] == [
        ("link", 1), ("sbom.cdx.json", 2), ("title", 0), ("message", 0),
    ]  # fmt: skip
    (named,) = found(file(f"docs/{TOKEN}/a.md", new=b""))
    assert named.where == "docs/<secret>/a.md"


@pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL", "OpenSSH"])
def test_private_keys_in_every_form(form: str) -> None:
    pem = key(form)
    forms = [
        pem,
        pem.replace(b"\n", b"\\n"),
        pem.replace(b"\n", b"\r\n"),
        b"# " + pem.replace(b"\n", b"\n# "),
        base64.b64encode(pem),
    ]
    marks = {found(file("deploy.yml", new=b"key: " + text))[0].fingerprint for text in forms}
    assert len(marks) == 1, "one key has one fingerprint, however it is written"
    assert rules(file("src/key.pem", new=pem)) == ["secrets/private-key"]
    assert rules(file("src/latest.pem", new=pem)) == ["secrets/private-key"]
    assert rules(file("contest/Testament.java", new=pem)) == ["secrets/private-key"]
    for path in (
        "tests/fixtures/key.pem",
        "a/tls_test.go",
        "test_tls.py",
        "a.spec.ts",
        "TlsTest.java",
        "awstesting/ca.go",
    ):
        assert rules(file(path, new=pem)) == ["secrets/test-key"], path


def test_what_is_no_private_key() -> None:
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    pem = public.public_bytes(to.Encoding.PEM, to.PublicFormat.SubjectPublicKeyInfo)
    head = b"-----BEGIN RSA " + b"PRIVATE KEY-----\n"
    cut = (
        head
        + b"MIIEpAIBAAKCAQEA"
        + some(48).encode()
        + b"\n...\n-----END RSA "
        + b"PRIVATE KEY-----\n"
    )
    for text in (pem, head, head * 3, cut, head + b"<your key>\n", head + b"a" * 200):
        assert rules(file("a.md", new=text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7" + "EXAMPLE", "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
        "postgres://USER:PASSWORD@db.acme.io/x", "https://user:<token>@acme.io", "https://x:${TOKEN}@acme.io", "amqp://guest:guest@localhost:5672",
        "postgres://postgres:postgres@db:5432", "redis://:hunter22@127.0.0.1", "https://a:b1@git.example.com/x", "https://user:{password}@h.io",
        "ghp_" + "x" * 36, "ghp_" + "0123456789abcdefghijklmnopqrstuvwxyz", "sk-" + "ant-api03-" + "your-key-here-" * 7, "github_pat_<token>",
        "npm_" + "some_package_name_that_is_rather_long_x", "hf_" + "a" * 34, "SK" + "0" * 32, "xoxb-123-abc", "sk_test_" + some(24),
        "https://hooks.slack.com/services/T00000000/B00000000/" + "X" * 24, "//registry.acme.io/:_authToken=${NPM_TOKEN}",
        '"integrity": "sha512-' + some(86) + '=="', some(40, HEX), some(64, HEX), "AC" + some(32, HEX), "MESSAGE_OF_SOME_LONG_NAME.create.something_that_is_long_enough",
        jwt({"iss": "supabase-demo", "role": "service_role"}), jwt({"iss": "supabase", "role": "anon"}), jwt({"sub": "1234567890"}),
        "AccountKey=" + "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2U" + "VErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==", "std::iter://a:b", "sb_secret_" + "N7UND0UgjKTVK-Uodkm0" + "Hg_xSvEMPvz",
    ],
)  # fmt: skip
def test_documented_examples_placeholders_and_digests_are_free(text: str) -> None:
    assert rules(file("README.md", new=f"{text}\n".encode())) == []


def test_what_may_be_a_sample_only_warns() -> None:
    assert rules(file("a", new=b"mysql://shop:hunter22" + b"@db.acme.io/x")) == ["secrets/password"]
    assert rules(file("a", new=jwt({"iss": "me"}).encode())) == ["secrets/signed-token"]
    web = f'{{apiKey: "{TOKENS["Google key"]}", authDomain: "a.firebaseapp.com"}}'
    assert rules(file("a.js", new=web.encode())) == ["secrets/browser-key"]


def test_what_stood_there_before_is_not_reported_also_after_a_move() -> None:
    old, more = f"a\n{TOKEN}\n".encode(), TOKENS["Groq key"].encode()
    assert rules(file("a", old=old, new=b"new\n" + old)) == []
    gone = FileChange(b"a", Mode.FILE, Mode.ABSENT, OLD, NULL)
    come = FileChange(b"b", Mode.ABSENT, Mode.FILE, NULL, NEW)
    moved = Content(files=(come, gone), blobs={OLD: old, NEW: b"moved\n" + old})
    assert rules(moved) == []
    assert [f.got for f in found(file("a", old=old, new=old + more))] == ["Groq key"]
    # a file full of old secrets hides no new one
    many = b"\n".join(f"gh{'p'}_{some(36)}".encode() for _ in range(60))
    assert [f.got for f in found(file("a", old=many, new=many + b"\n" + more))] == ["Groq key"]


def test_a_removed_secret_warns_for_it_stays_in_the_history() -> None:
    (fault,) = found(file("a", old=TOKEN.encode(), new=b"clean"))
    assert (fault.rule, fault.got, fault.line) == ("secrets/removed", "GitHub token", 0)
    assert rules(file("a", old=TOKEN.encode())) == ["secrets/removed"]


def test_a_fingerprint_allows_one_secret_of_one_kind() -> None:
    content = file("a", new=f"{TOKEN}\n{TOKENS['Groq key']}".encode())
    first, second = found(content)
    assert len(first.fingerprint) == 32
    ruling = Ruling(secrets=frozenset({first.fingerprint}))
    decided = [ruling.decide(RULES[f.rule], f)[0] for f in (first, second)]
    assert decided == [Decision.ALLOW, Decision.BLOCK]


def test_secrets_beyond_a_score_in_one_file_are_not_listed() -> None:
    many = b"\n".join(f"gh{'p'}_{some(36)}".encode() for _ in range(50))
    assert rules(file("a", new=many)) == ["secrets/token"] * 20


def test_a_change_without_a_secret_never_loads_the_library() -> None:
    code = (
        "import sys\nfrom lanectl.formats import secrets\n"
        "assert not secrets.scan(open(secrets.__file__, 'rb').read())\n"
        "assert not {'detect_secrets', 'requests'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "unit", [b"SK", b"://", b":AA", b"gh" + b"p_", b"-----BEGIN PRIVATE KEY-----", b"-eyJhbGciOi", b"ibm_", b"sk-x-T3Blbk" + b"FJ", b"a\0", b"://a:", b"LS0tLS1CRUdJTi"]
)  # fmt: skip
def test_no_text_makes_the_scan_slower_than_linear(unit: bytes) -> None:
    def seconds(size: int) -> float:
        start = time.process_time()
        scanner.scan(unit * (size // len(unit)))
        return time.process_time() - start

    assert seconds(200_000) < 0.5
    assert seconds(400_000) < 0.1 + 4 * min(seconds(100_000) for _ in range(2)) * 2


def test_the_beginning_of_a_token_over_and_over_is_looked_at_once() -> None:
    start = time.process_time()
    scanner.scan(b"eyJhbGciOi" * 400_000)
    assert time.process_time() - start < 4  # it took 2.2 s


def test_a_long_line_and_many_files_take_no_time() -> None:
    line = base64.b64encode(RANDOM.randbytes(1_500_000))
    page = b"".join(
        b"def function_of_some_length(argument: int) -> int: return argument\n" for _ in range(30)
    )
    start = time.process_time()
    scanner.scan(line)
    assert time.process_time() - start < 4
    start = time.process_time()
    for number in range(2_000):
        scanner.scan(page + str(number).encode())
    assert time.process_time() - start < 4


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *(t.encode() for t in TOKENS.values()),
                b"-----BEGIN RSA PRIVATE KEY-----",
                b"\n",
                b"\0",
                b"eyJhbGciOi",
                b"=",
                b" ",
            ]
        )
        | st.binary(max_size=20)
    )
)
def test_no_bytes_raise(parts: list[bytes]) -> None:
    data = b"".join(parts)
    assert all(scanner.line_of(data, s) >= 1 for s in scanner.scan(data).values())
    scanner.mask(data)
