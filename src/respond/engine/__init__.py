"""One run: plan, ask, go on, end."""
