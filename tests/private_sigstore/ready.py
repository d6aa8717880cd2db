"""Waits until every server answers: `python -m tests.private_sigstore.ready URL…`, half a minute at most.

With `--open` first it is enough that something listens there.
"""

from __future__ import annotations

import http.client
import sys
import time
import urllib.error
import urllib.request

DEADLINE = 30


def answers(url: str, *, is_open: bool) -> bool:
    """Say whether a server answers with success, or if `is_open`, with anything."""
    try:
        urllib.request.urlopen(url, timeout=1).close()  # noqa: S310  # an address of the rig
    except (urllib.error.HTTPError, http.client.HTTPException):
        return is_open
    except OSError:
        return False
    return True


def main(*words: str) -> None:
    is_open, until = words[0] == "--open", time.monotonic() + DEADLINE
    for url in words[is_open:]:
        while not answers(url, is_open=is_open):
            if time.monotonic() > until:
                sys.exit(f"no answer from {url}")
            time.sleep(0.01)


if __name__ == "__main__":
    main(*sys.argv[1:])
