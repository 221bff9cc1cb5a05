"""Doctor and probes: what is found before the incident, as data."""
