"""Expressions: parsed by us, their names and cost checked, evaluated by CEL."""
