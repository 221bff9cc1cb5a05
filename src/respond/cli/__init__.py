"""The command line: arguments in, views out. It decides nothing."""
