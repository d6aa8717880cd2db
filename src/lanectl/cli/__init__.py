"""The command line: parse, wire, call one flow, render. Knows nothing of the domain."""
