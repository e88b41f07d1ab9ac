"""Who is this: so far only the SASL mechanisms; every name goes to the upstream as it is."""
