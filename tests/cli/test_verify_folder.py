"""`lanectl verify DIR`: every bundle below a folder has its line; none hides or stops another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.bench import LANECTL
from lanectl.adapters import inbox as inboxes
from lanectl.adapters.inbox import Inbox
from lanectl.cli import verify_folder
from lanectl.cli.options import Format
from lanectl.errors import UnreadableError
from lanectl.flows.verify_many import Judged
from tests.assets.bundles.workshop.bundle import MISSING, Made, Plan, make
from tests.checks.enforcer import Enforcer
from tests.formats.test_report import VALIDATOR
from tests.world import Ran, lanectl, snapshot, write

ISSUED = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


class Machine:
    """An Enforcer with an inbox of many bundles."""

    def __init__(self, root: Path) -> None:
        self.enforcer = Enforcer(root / "machine").settle()
        self.inbox = root / "inbox"
        self.inbox.mkdir()
        self._good = make(Plan(issued=ISSUED))

    def good(self, name: str) -> Path:
        return self.put(name, self._good)

    def tampered(self, name: str) -> Path:
        return self.put(name, replace(self._good, artifact=self._good.artifact + b"\0"))

    def unsigned(self, name: str) -> Path:
        return self.put(name, make(Plan(issued=ISSUED, file=lambda _: MISSING)))

    def put(self, name: str, made: Made) -> Path:
        path = self.inbox / name / "artifact.tar.gz"
        write(path, made.artifact)
        if made.signature is not None:
            write(path.with_name("artifact.tar.gz.sigstore.json"), made.signature)
        return path

    def verify(self, *extra: str | Path) -> Ran:
        return lanectl("verify", self.inbox, "--repo", self.enforcer.clone, *extra)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def lines(ran: Ran) -> list[dict[str, Any]]:
    """The reports, each seen to be valid and safe to show."""
    assert ran.out.isascii()
    reports = [json.loads(line) for line in ran.out.splitlines()]
    for report in reports:
        VALIDATOR.validate(report)
    return reports


def fill(machine: Machine) -> None:
    """Put one of everything into the inbox."""
    machine.good("a")
    machine.good("b/deep/down")
    machine.tampered("c")
    machine.unsigned("d")
    for name in ("e-link", "f-fifo", "g-folder", "h-large"):
        (machine.inbox / name).mkdir()
    (machine.inbox / "e-link/artifact.tar.gz").symlink_to("../a/artifact.tar.gz")
    os.mkfifo(machine.inbox / "f-fifo/artifact.tar.gz")
    (machine.inbox / "g-folder/artifact.tar.gz").mkdir()
    write(machine.inbox / "h-large/artifact.tar.gz", bytes((2 << 20) + 1))
    signature = machine.good("i-linked-signature").with_name("artifact.tar.gz.sigstore.json")
    signature.unlink()
    signature.symlink_to("../a/artifact.tar.gz.sigstore.json")
    (machine.inbox / "j-linked").symlink_to("a")
    write(machine.inbox / "readme.txt")
    write(machine.inbox / "other/bundle.tar.gz")


FOUND = [
    ("a/artifact.tar.gz", "accepted", ""),
    ("b/deep/down/artifact.tar.gz", "accepted", ""),
    ("c/artifact.tar.gz", "rejected", "archive/digest"),
    ("d/artifact.tar.gz", "rejected", "envelope/missing"),
    ("e-link/artifact.tar.gz", "unverified", "symbolic link"),
    ("f-fifo/artifact.tar.gz", "unverified", "not a regular file"),
    ("g-folder/artifact.tar.gz", "unverified", "not a regular file"),
    ("h-large/artifact.tar.gz", "unverified", "larger than"),
    ("i-linked-signature/artifact.tar.gz", "unverified", "symbolic link"),
]


def test_every_bundle_is_a_line_of_json_in_order(machine: Machine) -> None:
    fill(machine)
    before = snapshot(machine.inbox), snapshot(machine.enforcer.clone)
    ran = machine.verify("--json")
    assert ran.code == 1
    reports = lines(ran)
    assert [(r["path"], r["outcome"]) for r in reports] == [(p, o) for p, o, _ in FOUND]
    for report, (_, outcome, says) in zip(reports, FOUND, strict=True):
        if outcome == "unverified":
            assert (report["bundle"], report["steps"]) == (None, [])
            assert says in report["unverified_because"]
        else:
            assert [f["rule"] for f in report["findings"]] == [says] * bool(says)
            assert report["bundle"].startswith("sha256:")
    assert "j-linked is a symbolic link, and none is followed here" in ran.err
    assert "Traceback" not in ran.err
    assert (snapshot(machine.inbox), snapshot(machine.enforcer.clone)) == before


def test_people_get_a_line_each_and_a_sum(machine: Machine) -> None:
    fill(machine)
    ran = machine.verify()
    *each, total = ran.out.splitlines()
    assert ran.code == 1
    assert total == "9 bundles: 2 accepted, 2 rejected, 0 held, 5 unverified"
    for line, (path, outcome, says) in zip(each, FOUND, strict=True):
        assert line.startswith(outcome)
        assert path in line
        assert says in line
    assert each[0].split()[1] == "fix-login"


def test_sarif_is_one_log_and_annotations_name_their_bundle(machine: Machine) -> None:
    fill(machine)
    sarif = machine.verify("--format", "sarif")
    assert sarif.code == 1
    [run] = sarif.json["runs"]
    assert [r["ruleId"] for r in run["results"]] == ["archive/digest", "envelope/missing"]
    assert [r["id"] for r in run["tool"]["driver"]["rules"]] == [
        "archive/digest",
        "envelope/missing",
    ]
    places = [
        r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in run["results"]
    ]
    assert [p.rsplit("/", 2)[1] for p in places] == ["c", "d"]
    assert run["properties"] == {"outcome": "rejected"}
    [invocation] = run["invocations"]
    assert len(invocation["toolExecutionNotifications"]) == 5
    github = machine.verify("--format", "github")
    assert github.out.count("::error title=") == 2
    assert github.out.count("::warning::") == 5
    assert f"{machine.inbox}/c/artifact.tar.gz: " in github.out


@pytest.mark.thorough
@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_the_exit_code_is_the_worst_ones(machine: Machine, form: str) -> None:
    machine.good("a")
    machine.good("a-again")  # the same digest twice is judged twice
    good = machine.verify("--format", form)
    assert (good.code, good.err) == (0, "")
    (machine.inbox / "broken").mkdir()
    (machine.inbox / "broken/artifact.tar.gz").symlink_to("nowhere")
    assert machine.verify("--format", form).code == 3
    machine.unsigned("unsigned")
    assert machine.verify("--format", form).code == 1


def test_a_hostile_name_is_shown_and_does_nothing(machine: Machine) -> None:
    machine.unsigned("x\x1b]0;y\x07\n::error::z\u202e")
    for form in ("text", "json", "sarif", "github"):
        ran = machine.verify("--format", form)
        assert ran.code == 1
        assert all(c.isprintable() or c == "\n" for c in ran.out + ran.err), form
        assert not [line for line in ran.out.splitlines() if line.startswith("::error::")]
    [report] = lines(machine.verify("--json"))
    assert report["path"].startswith('"x\\033]0;y')
    os.rename(machine.inbox / os.listdir(machine.inbox)[0], os.fsencode(machine.inbox) + b"/\xff")
    [report] = lines(machine.verify("--json"))
    assert report["path"] == '"\\377/artifact.tar.gz"'


def test_what_makes_no_sense_is_refused(machine: Machine) -> None:
    empty = machine.verify()
    assert (empty.code, "there is no artifact.tar.gz below" in empty.err) == (2, True)
    machine.good("a")
    assert machine.verify("--commit", "HEAD").code == 2
    assert machine.verify("--signature", machine.inbox / "s").code == 2
    assert lanectl("verify", "--pull-request", "1", "--no-replay").code == 2
    (machine.inbox / "link").symlink_to("a")
    linked = lanectl("verify", machine.inbox / "link", "--repo", machine.enforcer.clone)
    assert (linked.code, "is a symbolic link" in linked.err) == (3, True)


def test_without_trust_all_are_unverified_and_it_is_said_once(
    machine: Machine, tmp_path: Path
) -> None:
    machine.good("a")
    machine.good("b")
    ran = machine.verify("--json", "--operator", tmp_path / "none")
    assert ran.code == 3
    assert [r["outcome"] for r in lines(ran)] == ["unverified"] * 2
    assert all(r["unverified_because"] for r in lines(ran))
    assert ran.err.count("nothing is pinned") == 1
    outside = lanectl("verify", machine.inbox, "--repo", tmp_path / "home", "--json")
    assert (outside.code, len(lines(outside))) == (3, 2)


def test_no_replay_judges_signature_and_archive_alone(machine: Machine) -> None:
    path = machine.good("a")
    machine.tampered("b")
    ran = machine.verify("--no-replay", "--json")
    assert ran.code == 1
    good, bad = lines(ran)
    assert (good["outcome"], bad["outcome"]) == ("unverified", "rejected")
    states = {s["title"]: s["state"] for s in good["steps"]}
    assert states["signature and key"] == states["archive"] == "passed"
    assert states["replay"] == "not-judged"
    alone = lanectl("verify", path, "--repo", machine.enforcer.clone, "--no-replay", "--json")
    assert alone.code == 3
    assert {**alone.json, "path": good["path"]} == good


def test_a_folder_that_is_too_deep_is_a_line_and_one_too_large_is_refused(
    machine: Machine,
) -> None:
    machine.good("a")
    machine.good("/".join(["d"] * (inboxes.MAX_DEPTH - 1)))
    machine.good("/".join(["e"] * (inboxes.MAX_DEPTH + 1)))
    ran = machine.verify("--json")
    assert ran.code == 3
    assert [r["outcome"] for r in lines(ran)] == ["accepted", "accepted", "unverified"]
    assert "deeper than 32 folders" in lines(ran)[2]["unverified_because"]
    with Inbox(bytes(machine.inbox)) as inbox:
        assert len(inbox.listing(most=100).places) == 3
        with pytest.raises(UnreadableError, match="more than 50 files and folders"):
            inbox.listing(most=50)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_folder_that_may_not_be_looked_into_is_a_line(machine: Machine) -> None:
    machine.good("a")
    closed = machine.good("b").parent
    closed.chmod(0)
    ran = machine.verify("--json")
    closed.chmod(0o700)
    assert [r["path"] for r in lines(ran)] == ["a/artifact.tar.gz", "b"]
    assert "Permission denied" in lines(ran)[1]["unverified_because"]


def test_a_reader_that_goes_away_ends_it_quietly(machine: Machine) -> None:
    for number in range(12):
        machine.good(f"{number:02}")
    read, written = os.pipe()
    os.close(read)
    command = [*LANECTL, "verify", str(machine.inbox), "--repo", str(machine.enforcer.clone)]
    done = subprocess.run(command, stdout=written, stderr=subprocess.PIPE, check=False, timeout=60)
    os.close(written)
    assert b"Traceback" not in done.stderr
    assert leftovers() == []


def test_a_bug_costs_one_bundle_and_is_told_without_its_text() -> None:
    def broken() -> Judged:
        raise RuntimeError("what a bundle said")

    for form in Format:
        told = verify_folder.say(b"p", broken, "in", form)
        assert told.code == 70
        assert "this is a bug in lanectl: RuntimeError at test_verify_folder.py:" in told.body
        assert "what a bundle said" not in told.body


@pytest.mark.e2e
def test_a_judge_that_is_killed_costs_its_own_bundle(machine: Machine) -> None:
    for name in range(100):
        machine.good(f"{name:03}")
    command = [*LANECTL, "verify", str(machine.inbox), "--repo", str(machine.enforcer.clone)]
    with subprocess.Popen(
        [*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        first = process.stdout.readline()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
        reports = [json.loads(line) for line in (first, *process.stdout)]
        err = process.stderr.read()
    assert [r["path"] for r in reports] == [f"{n:03}/artifact.tar.gz" for n in range(100)]
    [lost] = [r for r in reports if r["outcome"] != "accepted"]
    assert lost["unverified_because"] == "the process that judged it was killed"
    assert process.returncode == 70
    assert "Traceback" not in err


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupt_ends_all_at_once(machine: Machine, number: signal.Signals) -> None:
    for name in range(200):
        machine.good(f"{name:03}")
    command = [*LANECTL, "verify", str(machine.inbox), "--repo", str(machine.enforcer.clone)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout
    assert process.stdout.readline().startswith(b"accepted")
    if number is signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.kill()
    _, err = process.communicate(timeout=20)
    assert process.returncode == (130 if number is signal.SIGINT else -number)
    assert b"Traceback" not in err
    until = time.monotonic() + 20
    while group(process.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert group(process.pid) == []
    if number is signal.SIGKILL:
        assert leftovers() != []
        machine.verify("--no-replay")  # the next command sweeps
    assert leftovers() == []


def leftovers() -> list[Path]:
    """Scratch folders that are still there."""
    return list((Path(os.environ["HOME"]) / ".cache/lanectl").glob("lanectl-scratch-*"))


def group(leader: int) -> list[str]:
    """The living processes of a session."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                fields = (process / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader and fields[0] != "Z":
                found.append(process.name)
    return found
