"""Customer.io: keys, members, sources, webhooks, exports, the account's audit log."""
