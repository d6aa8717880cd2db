"""The ledger's back ends, one file each: they record and claim, and decide nothing."""
