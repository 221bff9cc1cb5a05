"""Ask a person at the terminal, or know that nobody sits there."""
