"""Bitwarden: items of a vault, as a place for new secrets, through its command line."""
