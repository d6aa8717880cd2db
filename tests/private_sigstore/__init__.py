"""A real private Sigstore: the servers that people run, on a loopback address of their own."""
