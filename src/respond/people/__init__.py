"""People's answers, and whether enough of them could agree."""
