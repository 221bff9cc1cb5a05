"""A program of the team's own, which takes a new secret."""
