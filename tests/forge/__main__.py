"""`python -m tests.forge [NAME…]`: a forge as a process; prints one JSON line, ends on SIGTERM."""

from __future__ import annotations

import json
import signal
import sys

from tests.forge.forge import Forge


def main(names: list[str]) -> None:
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    with Forge() as forge:
        repositories = [forge.add_repository(name) for name in names or ["shop"]]
        tokens = {token.name: token.secret for token in vars(forge.people).values()}
        about = {"url": forge.url, "api": forge.api, "repositories": repositories, "tokens": tokens}
        print(json.dumps(about), flush=True)
        signal.sigwait(stop)


if __name__ == "__main__":
    main(sys.argv[1:])
