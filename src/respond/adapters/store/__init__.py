"""The journal and the inbox in SQLite: locks, sealing, reading."""
