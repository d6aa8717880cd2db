"""lanectl: the safe, provable handoff of a coding agent's change."""

__version__ = "0.1.0"
