"""The one place that reads configuration and environment, and builds real things."""
