"""Commands for the directory of accounts; they may be used while the gateway runs."""
