"""Incident response as runbooks: look, ask, act, prove, and leave an audit log."""

__version__ = "0.1.0"
