"""Kubernetes: Secrets of a cluster, as a place for new ones."""
