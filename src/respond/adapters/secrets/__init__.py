"""Where keys and credentials lie, SSH signatures, and what takes secrets out of text."""
