"""What stands where the ledger should, and is not lanectl's own file: never followed, never believed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from lanectl.adapters.ledger import sqlite
from lanectl.errors import ConflictError, UnreadableError
from tests.ledger.story import genesis


@pytest.mark.parametrize("planted", ["link", "dangling", "pipe", "everybody's", "folder"])
def test_what_somebody_put_in_its_place_is_not_opened(tmp_path: Path, planted: str) -> None:
    good, place = tmp_path / "good", tmp_path / "place"
    sqlite.create(str(good), genesis())
    if planted == "link":
        place.symlink_to(good)
    elif planted == "dangling":
        place.symlink_to(tmp_path / "nothing")
    elif planted == "pipe":
        os.mkfifo(place)
    elif planted == "folder":
        place.mkdir()
    else:
        shutil.copy(good, place)
        place.chmod(0o666)
    with pytest.raises(UnreadableError, match=r"plain file|everybody") as refused:
        sqlite.open_ledger(str(place))
    assert refused.value.remedies
    with pytest.raises(ConflictError):
        sqlite.create(str(place), genesis())
    assert not (tmp_path / "nothing").exists()
