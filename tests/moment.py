"""What a test sees or does at the moment when something is called; the call itself goes on.

Python tells its audit hooks when the system is called (the table of audit events in its
documentation), and a profiler when any function is. Neither replaces anything. An audit hook stays
for good, so there is one, and it does nothing outside of `at`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_acts: dict[str, Callable[..., Any]] = {}


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if act := _acts.get(event):
        act(*arguments)


sys.addaudithook(_hook)


@contextmanager
def at(event: str, act: Callable[..., Any]) -> Iterator[None]:
    """Call `act` with the arguments of every such event, right before it happens."""
    _acts[event] = act
    try:
        yield
    finally:
        del _acts[event]


@contextmanager
def calling(function: Callable[..., Any], act: Callable[..., Any]) -> Iterator[None]:
    """Call `act` right before every call of a function by this thread.

    It gets the arguments by name, of a function written in C none.
    """
    code = getattr(function, "__code__", None)

    def look(frame: FrameType, event: str, called: Any) -> None:
        if event == "call" and frame.f_code is code:
            act(**frame.f_locals)
        elif event == "c_call" and called is function:
            act()

    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(None)
