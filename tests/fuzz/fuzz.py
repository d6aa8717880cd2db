"""Fuzz one reader, guided by coverage: `python -m tests.fuzz.fuzz TARGET [--seconds N]`.

What is found is kept below `.fuzz/TARGET`, a crash as `.fuzz/TARGET/crash-…`. A crash goes into
`tests/fuzz/corpus/TARGET/` together with its mending.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["lanectl", "dotenv", "packageurl", "rfc8785"]):
    from tests.fuzz.framing import framed, unframed
    from tests.fuzz.mutate import mutated
    from tests.fuzz.seeds import CORPUS, LONGEST, ROOT, seeds
    from tests.fuzz.targets import TARGETS

SLOW_SECONDS = 2
MOST_MEBIBYTES = 1024


def main(arguments: list[str]) -> None:
    """Run until the time is over or an input crashes, is slow, or takes too much memory."""
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=120)
    asked = parser.parse_args(arguments)
    found = ROOT / ".fuzz" / asked.target / "found"
    begin(found, asked.target)
    options = {
        "max_total_time": asked.seconds,
        "max_len": LONGEST,
        "timeout": SLOW_SECONDS,
        "rss_limit_mb": MOST_MEBIBYTES,
        "artifact_prefix": f"{found.parent}/",
        "print_final_stats": 1,
        "verbosity": 1,
    }
    places = [str(found), str(CORPUS / asked.target)]
    atheris.Setup(
        ["fuzz", *(f"-{k}={v}" for k, v in options.items()), *places],
        TARGETS[asked.target],
        custom_mutator=mutate,
    )
    atheris.Fuzz()


def mutate(data: bytes, longest: int, seed: int) -> bytes:
    """Return another JSON value half of the time, else what libFuzzer makes of the bytes."""
    random = Random(seed)
    if random.randrange(2):
        parts = unframed(data)
        whole = not any(parts[1:])
        number = 0 if whole else random.randrange(len(parts))
        if (other := mutated(parts[number], random)) is not None:
            changed = other if whole else framed([*parts[:number], other, *parts[number + 1 :]])
            if len(changed) <= longest:
                return changed
    return bytes(atheris.Mutate(data, longest))


def begin(folder: Path, target: str) -> None:
    """Put the seeds where the run keeps what it finds."""
    folder.mkdir(parents=True, exist_ok=True)
    (CORPUS / target).mkdir(parents=True, exist_ok=True)
    for seed in seeds(target):
        name = hashlib.sha1(seed, usedforsecurity=False).hexdigest()
        (folder / name).write_bytes(seed)


if __name__ == "__main__":
    main(sys.argv[1:])
