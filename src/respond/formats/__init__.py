"""Outside text in, core values out."""
