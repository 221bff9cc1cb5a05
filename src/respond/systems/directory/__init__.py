"""The systems that sign people in, behind one vocabulary."""
