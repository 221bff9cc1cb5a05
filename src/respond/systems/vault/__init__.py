"""Where new secrets go: Vault and other sinks."""
