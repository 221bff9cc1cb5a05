"""The pure heart: words, plans, events and the fold. No I/O, no clock, no environment."""
