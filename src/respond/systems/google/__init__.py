"""Google Workspace, and the keys of service accounts in Google Cloud."""
