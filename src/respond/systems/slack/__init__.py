"""Slack: people are told, and a room is opened for an incident."""
