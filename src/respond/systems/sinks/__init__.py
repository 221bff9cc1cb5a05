"""Where new secrets go: what holds of any sink, and those of this machine."""
