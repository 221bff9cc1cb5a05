"""Steps that people do, and what they are told."""
