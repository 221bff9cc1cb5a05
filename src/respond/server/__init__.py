"""The server: webhooks in, the page out. Needs the extra ``respond[server]``; nothing else does."""
