"""Runbook files: YAML with places, keywords, steps, and the schema for editors."""
