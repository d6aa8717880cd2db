"""Every side effect: one outside system a file. Adapters decide nothing about trust."""
