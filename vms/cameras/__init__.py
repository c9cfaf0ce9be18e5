"""The cameras this site knows: registry, provisioning from cameras.toml, and their secrets."""
