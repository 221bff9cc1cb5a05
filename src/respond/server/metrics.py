"""Figures for Prometheus: what came in, what waits, what runs. They decide nothing.

They have a registry of their own, so that two servers in one process do not count together. No
label holds text from outside: sources and results are words of ours.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

# The target is 250 ms, and 1 s at worst; the most hurried sender gives up after 3 s.
_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 5.0)


class Metrics:
    """The figures of one server.

    Attributes:
        waiting: Events that are kept and became nothing yet, held ones too; set by who counts them.
        runs: Runs by status; set by who knows them.
        answers: Answers of people by verdict and strength; set by who counts them.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._deliveries = Counter(
            "respond_deliveries",
            "Webhook requests, by source and what they were taken for",
            ("source", "result"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "respond_delivery_seconds",
            "From the first byte of a webhook request to its answer",
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self._refused = Counter(
            "respond_requests_refused",
            "Requests refused by their head, before anybody looked whose they are",
            ("status",),
            registry=self.registry,
        )
        self.waiting = Gauge(
            "respond_events_waiting",
            "Events that are kept and became nothing yet, held ones too",
            registry=self.registry,
        )
        self.runs = Gauge("respond_runs", "Runs by status", ("status",), registry=self.registry)
        self.answers = Gauge(
            "respond_answers",
            "Answers of people in the journal, by verdict and how they proved themselves",
            ("verdict", "strength"),
            registry=self.registry,
        )

    def delivered(self, source: str, result: str, ms: int) -> None:
        """Count one request. ``source`` is one of the configuration, or empty."""
        self._deliveries.labels(source, result).inc()
        self._seconds.observe(ms / 1000)

    def refused(self, status: int) -> None:
        """Count one request that reached no door."""
        self._refused.labels(status).inc()

    def text(self) -> bytes:
        """What ``/metrics`` answers, in Prometheus' text format."""
        return generate_latest(self.registry)
