"""Cloudflare: an account, its members and tokens, and Access."""
