"""Every kept input and every past crash through its reader, without a fuzzer."""

from __future__ import annotations

import json
import time
from random import Random

import pytest

from tests.fuzz.mutate import mutated
from tests.fuzz.seeds import CORPUS, LONGEST, corpus, seeds
from tests.fuzz.slow import SLOW
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_reader_refuses_in_its_own_words(target: str) -> None:
    kept = corpus(target)
    for data in (b"", *seeds(target)[:3], *(path.read_bytes() for path in kept)):
        begun = time.process_time()
        TARGETS[target](data)
        assert time.process_time() - begun < 2


@pytest.mark.parametrize("name", SLOW)
def test_what_was_slow_once_is_not(name: str) -> None:
    target, data = SLOW[name]
    assert LONGEST * 0.9 < len(data) <= LONGEST
    begun = time.process_time()
    TARGETS[target](data)
    assert time.process_time() - begun < 1


def test_the_corpus_is_small_and_of_known_readers() -> None:
    files = [p for p in CORPUS.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) <= 200_000
    assert {p.parent.name for p in files} <= set(TARGETS)
    assert max((p.stat().st_size for p in files), default=0) <= LONGEST


def test_what_is_not_documented_escapes() -> None:
    with pytest.raises(TypeError):
        TARGETS["archive"](None)  # type: ignore[arg-type]


def test_json_becomes_other_json() -> None:
    random = Random(1)
    assert mutated(b"{", random) is None
    seen = {mutated(b'{"a": ["b", {"c": "d"}]}', random) for _ in range(500)}
    assert len(seen) > 100
    for data in filter(None, seen):
        json.loads(data.decode("utf-8", "surrogatepass"))
