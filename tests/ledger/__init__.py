"""The ledger on every back end that it can lie on."""
