"""Helpers for tests of ours and of action authors: simulators, clocks, contracts. Shipped."""
