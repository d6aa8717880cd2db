"""Whatever stands in a bundle or in a root: a refusal, no crash, and no word to anybody else."""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.formats import envelope, keyless
from lanectl.model.report import MalformedError
from lanectl.model.signature import KeylessFacts
from tests.assets.bundles.workshop.steps import paths, put
from tests.sigstore.forgeries import PAYLOAD
from tests.sigstore.material import LONG_AGO, ME, Sigstore

SIGSTORE = Sigstore()


def judged(bundle: dict[str, Any], root: bytes | None = None) -> KeylessFacts:
    data = json.dumps(bundle).encode()
    return keyless.examine(envelope.read_any(data), root or SIGSTORE.trusted_root)


GOOD = SIGSTORE.bundle(PAYLOAD, stamped=True)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30)
    | st.binary(min_size=1, max_size=40).map(lambda b: base64.b64encode(b).decode()),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=8), v, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(paths(GOOD)), ANYTHING)
def test_anything_anywhere_is_refused_or_says_what_it_said(place: str, value: Any) -> None:
    document = json.loads(json.dumps(GOOD))
    put(place, value)(document)
    try:
        facts = judged(document)
    except MalformedError:
        return
    if facts.fault is None:
        assert document["dsseEnvelope"]["payload"] == GOOD["dsseEnvelope"]["payload"]
        assert (facts.identity, facts.signed) == (ME, LONG_AGO)
    else:
        assert re.fullmatch(r"(keyless|signature)/[a-z]+", facts.fault.rule)


def test_nothing_is_looked_up_written_or_printed(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Not even by a root whose key the library warns of."""
    before = sorted(Path.home().rglob("*"))
    root = json.loads(SIGSTORE.trusted_root)
    unknown = {**root["ctlogs"][0]["publicKey"], "keyDetails": "PKIX_ED25519_PH"}
    root["ctlogs"].append({**root["ctlogs"][0], "publicKey": unknown})
    assert judged(GOOD, json.dumps(root).encode()).fault is None
    assert sorted(Path.home().rglob("*")) == before
    assert capfd.readouterr() == ("", "")
    with pytest.raises(AssertionError, match="network in a test"):
        socket.create_connection(("192.0.2.1", 9))  # so any look-up would have failed the test


def test_the_library_is_loaded_only_when_it_is_used() -> None:
    code = (
        "import sys, lanectl.formats.keyless, lanectl.adapters.sigstore\n"
        "print({m.partition('.')[0] for m in sys.modules} & {'sigstore', 'requests', 'cryptography'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "set()\n"
