"""A program for tests: an Enforcer that applies one bundle to each ledger that it is told of.

Usage: racer.py BUNDLE REPOSITORY. Reads a line `DSN<tab>SECONDS` and waits that long before it
begins; writes one line of JSON with its exit code and what it printed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from tests.ledger.office import pin
from tests.world import lanectl

bundle, repository = sys.argv[1:]
operator = Path(os.environ["HOME"]) / ".config/lanectl/enforcer.toml"
for line in sys.stdin:
    dsn, seconds = line.rstrip("\n").split("\t")
    pin(operator, dsn)
    time.sleep(float(seconds))
    done = lanectl("apply", bundle, "--repo", repository, "--json")
    said = json.loads(done.out) if done.out else {}
    print(json.dumps({"code": done.code, "said": said, "err": done.err}), flush=True)
