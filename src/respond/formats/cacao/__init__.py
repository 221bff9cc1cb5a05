"""Runbooks as CACAO playbooks, and CACAO playbooks as runbooks, with what gets lost on the way."""
