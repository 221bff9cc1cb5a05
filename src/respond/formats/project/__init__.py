"""``respond.toml``: its keys, people, connections, sources and hooks."""
