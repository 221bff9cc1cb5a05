"""AWS: IAM users, roles and their access keys; Secrets Manager as a place for new secrets."""
