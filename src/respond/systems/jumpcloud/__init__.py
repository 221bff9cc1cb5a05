"""JumpCloud."""
