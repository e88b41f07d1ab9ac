"""What `check-upstream` looks at: the upstream by an independent client, then by our driver."""
