"""Look for trouble before the incident does (P28): each finding says why, and what to do.

It reads and tries; it changes nothing. One file for each thing that is looked at, each check alone,
so that one that fails does not hide another; ``all_checks`` lists them.
"""
