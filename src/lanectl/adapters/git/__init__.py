"""git: one wrapper for every child, one own GIT_DIR for every object operation."""
