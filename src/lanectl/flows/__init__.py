"""One file a verb: gather, decide, act. Flows see the world through ports only."""
