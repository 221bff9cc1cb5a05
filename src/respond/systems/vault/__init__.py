"""Vault: a store for new secrets."""
