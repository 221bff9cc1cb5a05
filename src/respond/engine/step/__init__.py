"""One step of a run: agree, send, recover, prove."""
