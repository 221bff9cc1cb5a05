"""Everything that a person reads: facts in, text out. Views decide nothing and read no clock."""
