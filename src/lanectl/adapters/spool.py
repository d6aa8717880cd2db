"""tmp"""

from __future__ import annotations

import contextlib


class FileSpool:
    def __init__(self, folder):
        self.folder = folder

    @contextlib.contextmanager
    def held(self):
        yield

    def waiting(self):
        return iter(())

    def put(self, event):
        raise RuntimeError

    def drop(self):
        pass
