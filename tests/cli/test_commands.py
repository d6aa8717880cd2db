"""Each command at its edges: wrong words, missing things, every output form."""

from __future__ import annotations

import contextlib
import json
import os
import tarfile
from pathlib import Path

import pytest

from lanectl.errors import ExitCode
from tests.world import (
    World,
    git,
    installed,
    lanectl,
    lanectl_process,
    needs_ascii_path,
    of_copy,
    snapshot,
    write,
)


def test_wrong_usage_is_typers_own(tmp_path: Path) -> None:
    assert lanectl("pack", "--no-such-option").code == 2
    assert "No such option" in lanectl("pack", "--no-such-option").err
    assert lanectl("no-such-command").code == 2
    assert lanectl("--version").out.startswith("lanectl ")


def test_a_bug_is_70_and_no_traceback(world: World, tmp_path: Path) -> None:
    """No input makes a bug; an installation of which a file was lost does."""
    (installed(tmp_path) / "flows/verify.py").unlink()
    bundle = world.packed()
    done = of_copy(tmp_path, "verify", bundle, "--repo", world.enforcer, "--json")
    assert done.code == ExitCode.BUG
    assert "ModuleNotFoundError at verify.py:" in done.err
    assert "Traceback" not in done.err
    assert done.json["error"]["exit_code"] == 70


# keys and init ------------------------------------------------------------------------------------


def test_keys_new_makes_a_private_file_and_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "deep/k.pem"
    made = lanectl("keys", "new", "--role", "builder", "--out", path, "--json")
    assert made.code == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert made.json["pem"] == (tmp_path / "deep/k.pem.pub").read_text()
    before = path.read_bytes()
    again = lanectl("keys", "new", "--role", "builder", "--out", path)
    assert again.code == 2
    assert "not overwritten" in again.err
    assert path.read_bytes() == before


def test_keys_new_leaves_nothing_half_made(tmp_path: Path) -> None:
    write(tmp_path / "k.pem.pub", b"somebody's")
    assert lanectl("keys", "new", "--role", "builder", "--out", tmp_path / "k.pem").code == 2
    assert not (tmp_path / "k.pem").exists()


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ed25519"])
def test_both_algorithms_go_the_whole_way(bare_world: World, algorithm: str) -> None:
    world = bare_world
    for name in ("builder", "enforcer"):
        path = world.keys / f"{name}.pem"
        assert (
            lanectl("keys", "new", "--role", name, "--algorithm", algorithm, "--out", path).code
            == 0
        )
    world.bootstrap()
    assert world.apply(world.packed()).code == 0


def test_init_is_idempotent_and_shows_its_diff(bare_world: World) -> None:
    words = ["init", "--repo", bare_world.person, "--builder-key", f"{bare_world.key('b')}.pub",
             "--enforcer-key", f"{bare_world.key('e')}.pub"]  # fmt: skip
    shown = lanectl(*words, "--dry-run")
    assert shown.code == 0
    assert "+++ b/lanectl.toml" in shown.out
    assert not (bare_world.person / "lanectl.toml").exists()
    first = lanectl(*words)
    assert [line for line in first.out.splitlines() if "not" not in line] == [
        line for line in shown.out.splitlines() if "not" not in line
    ]  # but for the second in which each was asked
    before = snapshot(bare_world.person)
    again = lanectl(*words)
    assert (again.code, again.out) == (0, "")
    assert "nothing to change" in again.err
    assert snapshot(bare_world.person) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--builder-key", "missing.pub"], "does not exist"),
        (["--builder-key", "@key"], "private key"),
        (["--builder-key", "@garbage"], "not a PEM public key"),
        (["--builder-key", "@key.pub", "--enforcer-key", "@key.pub"], "registered as the"),
        (["--builder-key", "@key.pub", "--builder", "no address"], "no identity"),
        (["--builder-key", "@key.pub", "--builder", ". <a@b.test>"], "identity must have"),
    ],
)
def test_init_refuses(bare_world: World, words: list[str], says: str) -> None:
    write(bare_world.root / "garbage", b"garbage")
    places = {"@key": str(bare_world.key("k")), "@garbage": str(bare_world.root / "garbage")}
    places["@key.pub"] = places["@key"] + ".pub"
    done = lanectl("init", "--repo", bare_world.person, *(places.get(w, w) for w in words))
    assert done.code in {2, 3}
    assert says in done.err
    assert not (bare_world.person / "lanectl.toml").exists()


def test_pinning_needs_an_address() -> None:
    done = lanectl("init", "--enforcer")
    assert (done.code, "needs the target's address" in done.err) == (2, True)


def test_init_keeps_a_written_lanectl_toml_and_refuses_another_id(world: World) -> None:
    text = (world.person / "lanectl.toml").read_text() + "# mine\n"
    (world.person / "lanectl.toml").write_text(text)
    done = lanectl("init", "--repo", world.person, "--builder-key", f"{world.key('second')}.pub")
    assert done.code == 0, done.err
    assert (world.person / "lanectl.toml").read_text() == text
    other = lanectl("init", "--repo", world.person, "--repository", "example.test/a/b")
    assert other.code == 2
    assert "already names" in other.err


def test_a_damaged_keyring_is_not_overwritten(world: World) -> None:
    ring = world.person / ".lanectl/trust/keyring.json"
    ring.write_text("{}")
    done = lanectl("init", "--repo", world.person, "--builder-key", f"{world.key('second')}.pub")
    assert done.code == 3
    assert "is not valid" in done.err
    assert ring.read_text() == "{}"


def test_pinning_is_idempotent_and_never_silently_replaced(world: World) -> None:
    file = Path(os.environ["HOME"]) / ".config/lanectl/enforcer.toml"
    before = file.read_bytes()
    write(world.person / "later")
    world.commit("later")
    world.fetch()
    assert "nothing to change" in world.pin().err
    assert file.read_bytes() == before
    with contextlib.chdir(world.enforcer):
        other = lanectl(
            "init",
            "--enforcer",
            "--repo",
            world.url,
            "--branch",
            "main",
            "--ref",
            "refs/heads/main",
        )
        assert other.code == 2
        assert "already pins" in other.err
        assert lanectl("init", "--enforcer", "--repo", "https://example.test/a/b").code == 2
        assert lanectl("init", "--enforcer", "--repo", world.url, "--branch", "nope").code == 3
    assert file.read_bytes() == before
    world.pin("--repin")
    assert git(world.enforcer, "rev-parse", "origin/main").encode() in file.read_bytes()


# pack and sign ------------------------------------------------------------------------------------


def test_pack_without_a_key_says_how_to_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LANECTL_BUILDER_KEY")
    world.change()
    done = lanectl("pack", "--repo", world.builder, "--slug", "x")
    assert done.code == 2
    assert "pack --unsigned" in done.err
    assert not (world.builder / ".lanectl/outbox").exists()


def test_pack_works_without_any_trust(bare_world: World) -> None:
    bundle = bare_world.packed()
    report = bare_world.verify(bundle)
    assert (report.code, report.json["outcome"]) == (3, "unverified")
    assert "lanectl init --enforcer" in report.err
    refused = lanectl("apply", bundle, "--repo", bare_world.enforcer)
    assert refused.code == 3
    assert "lanectl init --builder-key" in refused.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--slug", "Bad_Slug"], "no slug"),
        (["--slug", "x", "--title", "two\nlines"], "more than one line"),
        (["--slug", "x", "--title", "[CLAUDE-APPLIED:y] z"], "marker"),
        (["--slug", "x", "--base", "nope"], "no commit"),
        (["--slug", "x", "--base", "--all"], "no commit"),
        (["--slug", "x", "--base", ""], "no commit"),
        (["--slug", "x", "--rollback", "../../etc/passwd"], "no path of the change"),
        (["--slug", "x", "--from", "nope"], "no commit"),
        (["--slug", "x", "--repository", "not an id"], "not a repository id"),
        (["--slug", "x", "--supersedes", "abc"], "supersedes"),
        (["--slug", "x", "--force-include", "/etc/passwd"], "not inside the work tree"),
        (["--slug", "x", "--force-include", ".git/config"], "not inside the work tree"),
        ([], "no name"),
    ],
)
def test_pack_refuses_words_that_cannot_be(world: World, words: list[str], says: str) -> None:
    world.change()
    with contextlib.chdir(world.builder):
        done = lanectl("pack", *words)
    assert done.code == 2
    assert says in done.err
    assert not (world.builder / ".lanectl/outbox").exists()


def test_pack_names_itself_by_its_staging_branch(world: World) -> None:
    git(world.builder, "checkout", "-q", "-b", "staging/codex-by-branch")
    world.change()
    git(world.builder, "commit", "-q", "-a", "-m", "Subject of the commit")
    done = lanectl("pack", "--repo", world.builder, "--json")
    assert (done.json["slug"], done.json["title"]) == ("by-branch", "Subject of the commit")


def test_a_message_file_becomes_the_body(world: World) -> None:
    world.change()
    write(world.root / "message", b"Because of this.\n\nAnd that.\n")
    bundle = world.pack("x", "--message-file", world.root / "message")
    commit = world.apply(bundle).json["commit"]
    body = git(world.enforcer, "log", "-1", "--format=%b", commit)
    assert body.startswith("Because of this.\n\nAnd that.\n\nLanectl-Bundle: ")
    write(world.root / "message", b"Lanectl-Bundle: sha256:0\n")
    done = lanectl(
        "pack", "--repo", world.builder, "--slug", "x", "--message-file", world.root / "message"
    )
    assert (done.code, "trailer" in done.err) == (2, True)


def test_force_include_takes_an_ignored_file(world: World) -> None:
    world.change()
    write(world.builder / "build/out.bin", b"\0\1")
    with contextlib.chdir(world.builder / "src"):
        done = lanectl("pack", "--slug", "x", "--force-include", "../build/out.bin", "--json")
    assert done.code == 0, done.err
    assert "build/out.bin" in [f["path"] for f in done.json["files"]]


def test_pack_refuses_what_the_enforcer_would(world: World) -> None:
    write(world.builder / "lanectl.toml", b"version = 1\n")
    done = lanectl("pack", "--repo", world.builder, "--slug", "x", "--json")
    assert (done.code, done.rules) == (1, ["paths/trust"])
    git(world.builder, "checkout", "-q", "--", ".")
    empty = lanectl("pack", "--repo", world.builder, "--slug", "x", "--json")
    assert (empty.code, empty.rules) == (1, ["source/empty"])


def test_a_migration_brings_its_rollback(world: World) -> None:
    for number, name in (("001", "a"), ("002", "b")):
        migration = world.builder / f"supabase/migrations/{number}_{name}.sql"
        write(migration, f"create table {name}();\n".encode())
    missing = lanectl("pack", "--repo", world.builder, "--slug", "x", "--json")
    assert (missing.code, missing.rules) == (1, ["rollback/missing"] * 2)
    write(world.builder / "supabase/rollbacks/001_a.sql", b"drop table a;")
    write(world.builder / "supabase/rollbacks/002_b.sql", b"drop table b;\n")
    bundle = world.pack("x")
    with tarfile.open(bundle) as tar:
        member = tar.extractfile("rollback.sql")
        assert member
        text = member.read().decode()
    assert text.index("drop table b") < text.index("drop table a")
    assert world.apply(bundle).code == 0


def test_a_rollback_undoes_its_migration_and_nothing_else(world: World) -> None:
    write(world.builder / "supabase/migrations/1.sql", b"create table a();\n")
    write(world.builder / "supabase/rollbacks/1.sql", b"drop table a;\ndrop table users;\n")
    done = lanectl("pack", "--repo", world.builder, "--slug", "x", "--json")
    assert (done.code, done.rules) == (1, ["sql/data-loss", "sql/object"])
    assert "rollback.sql statement 2 (line 2)" in [f["where"] for f in done.json["findings"]]


def test_a_teams_own_sbom_travels_as_it_is(world: World) -> None:
    write(world.builder / "requirements.txt", b"shelf==1.0\n")
    purl = "pkg:pypi/shelf@1.0"
    own = {
        "bomFormat": "CycloneDX", "specVersion": "1.5",
        "components": [
            {"type": "library", "name": "shelf", "version": "1.0", "purl": purl,
             "licenses": [{"license": {"id": "MIT"}}]}
        ],
    }  # fmt: skip
    file = world.root / "own.json"
    file.write_text(json.dumps(own, indent=1))
    bundle = world.pack("x", "--sbom", file)
    with tarfile.open(bundle) as tar:
        member = tar.extractfile("sbom.cdx.json")
        assert member
        assert member.read() == file.read_bytes()
    assert world.apply(bundle).code == 0
    own["components"][0]["version"] = "2.0"
    file.write_text(json.dumps(own))
    other = lanectl("pack", "--repo", world.builder, "--slug", "y", "--sbom", file, "--json")
    assert (other.code, other.rules) == (1, ["sbom/malformed"])  # the purl says 1.0
    own["components"][0]["purl"] = "pkg:pypi/shelf@2.0"
    file.write_text(json.dumps(own))
    other = lanectl("pack", "--repo", world.builder, "--slug", "y", "--sbom", file, "--json")
    assert (other.code, other.rules) == (1, ["sbom/components"])


def test_a_named_rollback_is_a_path_of_the_result(world: World) -> None:
    write(world.builder / "db/migrations/001.sql", b"create table t();\n")
    write(world.builder / "db/undo.sql", b"drop table t;\n")
    assert world.apply(world.pack("x", "--rollback", "db/undo.sql")).code == 0
    other = lanectl(
        "pack", "--repo", world.builder, "--slug", "x", "--rollback", "nope.sql", "--json"
    )
    assert (other.code, other.rules) == (1, ["rollback/missing"])


def test_output_is_made_new(world: World) -> None:
    world.change()
    target = world.root / "out.tar.gz"
    assert world.pack("x", "--output", target) == target
    assert world.apply(target).code == 0
    again = lanectl("pack", "--repo", world.builder, "--slug", "x", "--output", target)
    assert (again.code, "not overwritten" in again.err) == (2, True)


def test_sign_refuses_what_is_no_bundle(world: World) -> None:
    write(world.root / "artifact.tar.gz", b"\x1f\x8b nothing")
    done = lanectl("sign", world.root / "artifact.tar.gz", "--json")
    assert (done.code, done.rules) == (1, ["archive/gzip"])
    assert lanectl("sign", world.root / "missing").code == 3


def test_sign_refuses_a_draft_for_another_bundle(world: World) -> None:
    world.change()
    one = world.pack("one", "--unsigned")
    write(world.builder / "new.txt", b"another\n")
    two = world.pack("two", "--unsigned")
    Path(f"{two}.intoto.json").write_bytes(Path(f"{one}.intoto.json").read_bytes())
    done = lanectl("sign", two, "--json")
    assert done.code == 1
    assert "members/subjects" in done.rules
    assert not Path(f"{two}.sigstore.json").exists()


def test_a_key_that_others_can_read_is_refused(world: World) -> None:
    world.change()
    bundle = world.pack("x", "--unsigned")
    world.key("builder").chmod(0o644)
    done = lanectl("sign", bundle)
    assert (done.code, "chmod 600" in done.err) == (3, True)
    write(world.root / "nokey", b"no key", 0o600)
    assert "no private key" in lanectl("sign", bundle, "--key", world.root / "nokey").err


def test_sign_can_put_the_signature_elsewhere(world: World) -> None:
    world.change()
    bundle = world.pack("x", "--unsigned")
    signature = world.root / "sig.json"
    assert lanectl("sign", bundle, "--signature", signature).out.strip() == str(signature)
    assert world.apply(bundle, "--signature", signature).code == 0


# inspect, verify, apply ---------------------------------------------------------------------------


def test_inspect_says_unverified_and_judges_nothing(world: World) -> None:
    bundle = world.packed()
    shown = lanectl("inspect", bundle, "--repo", world.enforcer)
    assert shown.out.startswith("UNVERIFIED")
    assert "'trust' by Person" in shown.out
    assert "0 commits behind HEAD" in shown.out
    data = lanectl("inspect", bundle, "--repo", world.enforcer, "--json").json
    assert data["outcome"] == "unverified"
    assert {f["file"]: f["change"] for f in data["files"]}["new.txt"] == "added"
    assert data["members"]["merge-base.sha"] == 41
    outside = lanectl("inspect", bundle, "--repo", world.root, "--patch")
    assert "not in this repository" in outside.out
    assert "+edited" in outside.out
    write(world.root / "no", b"")
    assert lanectl("inspect", world.root / "no").code == 1


def test_inspect_escapes_what_it_shows(world: World) -> None:
    write(world.builder / "esc.txt", b"\x1b[31mred\x1b[0m\n")
    bundle = world.pack("x", "--title", "[bold]no markup[/bold]")
    shown = lanectl("inspect", bundle, "--repo", world.root, "--patch")
    assert "\x1b" not in shown.out
    assert "[bold]no markup[/bold]" in shown.out


def test_the_forms_of_a_report(world: World) -> None:
    bundle = world.packed()
    text = lanectl("verify", bundle, "--repo", world.enforcer)
    assert (text.code, text.out.splitlines()[-1]) == (0, "ACCEPTED")
    Path(f"{bundle}.sigstore.json").unlink()
    text = lanectl("verify", bundle, "--repo", world.enforcer)
    assert (text.code, text.out.splitlines()[-1]) == (1, "REJECTED")
    assert "lanectl sign artifact.tar.gz" in text.err
    sarif = lanectl("verify", bundle, "--repo", world.enforcer, "--format", "sarif")
    assert json.loads(sarif.out)["runs"][0]["results"][0]["ruleId"] == "envelope/missing"
    github = lanectl("verify", bundle, "--repo", world.enforcer, "--format", "github")
    assert github.out.startswith("::error title=envelope/missing::")


def test_verify_without_a_repository_is_unverified(world: World) -> None:
    bundle = world.packed()
    done = lanectl("verify", bundle, "--repo", world.root, "--json")
    assert (done.code, done.json["outcome"]) == (3, "unverified")


def test_verify_may_be_told_another_operator_file_but_apply_not(world: World) -> None:
    bundle = world.packed()
    file = Path(os.environ["HOME"]) / ".config/lanectl/enforcer.toml"
    moved = world.root / "elsewhere.toml"
    file.rename(moved)
    assert world.verify(bundle).code == 3
    assert world.verify(bundle, "--operator", moved).code == 0
    assert world.apply(bundle, "--operator", moved).code == 2


def test_verify_compares_a_commit(world: World) -> None:
    bundle = world.packed()
    commit = world.apply(bundle).json["commit"]
    assert world.verify(bundle, "--commit", commit).code == 0
    assert world.verify(bundle, "--commit", "nope").rules == ["commit/unknown"]
    assert set(world.verify(bundle, "--commit", "origin/main").rules) == {
        "commit/marker", "commit/tree", "commit/parent",
    }  # fmt: skip
    git(world.enforcer, "checkout", "-q", "feature/fix-login")
    write(world.enforcer / "smuggled.txt")
    git(world.enforcer, "add", "-A")
    git(world.enforcer, "commit", "-q", "--amend", "--no-edit")
    assert world.verify(bundle, "--commit", "HEAD").rules == ["commit/tree"]
    message = git(world.enforcer, "log", "-1", "--format=%B", commit).replace(
        "Lanectl-Base: ", "Lanectl-Base: f"
    )
    git(world.enforcer, "commit", "-q", "--amend", "-m", message)
    assert "commit/marker" in world.verify(bundle, "--commit", "HEAD").rules
    swapped = git(world.enforcer, "log", "-1", "--format=%B", commit)
    digest = swapped.split("sha256:")[1][:64]
    git(world.enforcer, "commit", "-q", "--amend", "-m", swapped.replace(digest, "0" * 64))
    assert set(world.verify(bundle, "--commit", "HEAD").rules) == {"commit/trailers", "commit/tree"}


def test_dry_run_changes_nothing(world: World) -> None:
    bundle = world.packed()
    before = snapshot(world.enforcer)
    done = world.apply(bundle, "--dry-run")
    assert (done.code, done.json["state"], done.json["commit"]) == (0, "planned", None)
    assert snapshot(world.enforcer) == before


def test_apply_shows_its_result_as_text(world: World) -> None:
    bundle = world.packed()
    done = lanectl("apply", bundle, "--repo", world.enforcer)
    assert done.out.strip() == git(world.enforcer, "rev-parse", "feature/fix-login")
    assert "created feature/fix-login" in done.err
    assert "already applied" in lanectl("apply", bundle, "--repo", world.enforcer).err


def test_apply_outside_a_repository_is_an_error(world: World) -> None:
    bundle = world.packed()
    done = lanectl("apply", bundle, "--repo", world.root)
    assert (done.code, "no git repository" in done.err) == (3, True)


def test_a_superseding_bundle_adds_a_second_marker(world: World) -> None:
    first = world.apply(world.packed())
    write(world.builder / "new.txt", b"better\n")
    bundle = world.pack()
    second = world.apply(bundle)
    assert (second.code, second.json["state"]) == (0, "superseded"), second.err
    assert git(world.enforcer, "rev-parse", "feature/fix-login^") == first.json["commit"]
    assert git(world.enforcer, "show", "feature/fix-login:new.txt") == "better"
    assert world.verify(bundle, "--commit", "feature/fix-login").code == 0
    assert lanectl("inspect", bundle, "--json").json["attempt"] == 2


def test_a_branch_that_is_not_this_handoff_is_never_moved(world: World) -> None:
    bundle = world.packed()
    git(world.enforcer, "branch", "feature/fix-login", "origin/main")
    before = snapshot(world.enforcer)
    done = world.apply(bundle)
    assert done.code == 5
    assert "is not this handoff" in done.err
    assert snapshot(world.enforcer) == before


def test_the_same_change_under_another_slug_is_the_same_handoff(world: World) -> None:
    first = world.apply(world.packed("one"))
    again = world.apply(world.pack("two"))
    assert (again.json["state"], again.json["branch"]) == ("found", "feature/one")
    assert again.json["commit"] == first.json["commit"]


@pytest.mark.parametrize("shell", [">&-", "2>&-", ">/dev/full", "| true"])
def test_odd_streams_are_no_bug(world: World, shell: str) -> None:
    import shlex
    import subprocess
    import sys

    bundle = world.packed()
    words = [sys.executable, "-m", "lanectl", "verify", bundle, "--repo", world.enforcer]
    command = f"exec {shlex.join(map(str, words))} {shell}"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode in {0, 3}
    assert "bug" not in done.stderr
    assert "Traceback" not in done.stderr


@needs_ascii_path
def test_an_ascii_terminal_is_enough(world: World) -> None:
    bundle = world.packed()
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = lanectl_process("verify", bundle, cwd=world.enforcer, **plain)
    assert (done.code, "ACCEPTED" in done.out) == (0, True)


def test_why_there_is_no_repository_is_said(world: World) -> None:
    bundle = world.packed()
    git(world.enforcer, "config", "remote.origin.promisor", "true")
    done = world.verify(bundle)
    assert (done.code, "partial clone" in done.err) == (3, True)
    missing = lanectl("verify", "", "--repo", world.enforcer)
    assert (missing.code, "does not exist" in missing.err) == (3, True)


def test_a_whole_process_reads_well_in_a_shell(world: World) -> None:
    bundle = world.packed()
    done = lanectl_process("verify", bundle, "--json", cwd=world.enforcer)
    assert (done.code, done.json["outcome"], done.err) == (0, "accepted", "")
    closed = lanectl_process("verify", bundle, cwd=world.root)
    assert (closed.code, "Traceback" in closed.err) == (3, False)
