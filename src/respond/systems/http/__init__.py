"""Any system with an HTTP API, described in the runbook."""
