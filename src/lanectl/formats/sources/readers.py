"""The reader of each kind of lockfile and manifest, by its name. Loaded for the first that is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.formats.sources import npm, others, python

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lanectl.formats.sources.collector import Collector

READERS: Mapping[str, Callable[[bytes, Collector], None]] = {
    "npm.manifest": npm.manifest,
    "npm.lock": npm.lock,
    "npm.yarn": npm.yarn,
    "npm.pnpm": npm.pnpm,
    "npm.settings": python.settings,
    "python.requirements": python.requirements,
    "python.lock": python.lock,
    "python.manifest": python.manifest,
    "python.tables": others.cargo,
    "python.pipfile_lock": python.pipfile_lock,
    "python.settings": python.settings,
    "cargo.manifest": others.cargo,
    "cargo.lock": others.cargo_lock,
    "go.mod": others.go_mod,
    "go.sum": others.go_sum,
    "ruby.manifest": others.gemfile,
    "ruby.lock": others.gemfile_lock,
}
