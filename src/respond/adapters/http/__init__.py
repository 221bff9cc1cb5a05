"""Requests over HTTP: credentials, bytes, and what came back as errors of ours."""
