"""Figures for Prometheus: what came in, what waits, what runs. They decide nothing.

Each process counts what it does itself; what is the same for all of a team (runs, events, jobs that
wait) each of them tells alike. They have a registry of their own, so that two servers in one
process do not count together. No
label holds text from outside: sources and results are words of ours.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

__all__ = ["CONTENT_TYPE", "Metrics", "TeamFigures"]

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_WRITE_BUCKETS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)

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

        self._writes = Histogram(
            "respond_journal_write_seconds",
            "From wanting to write to the journal until it was durable",
            buckets=_WRITE_BUCKETS_S,
            registry=self.registry,
        )

    def wrote(self, ms: int) -> None:
        """Count one transaction of the journal."""
        self._writes.observe(ms / 1000)

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


class TeamFigures:
    """What waits for the workers of a team, and what this process took over from others.

    Args:
        registry: That of the process's ``Metrics``, which shows them from now on.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._taken_over = Counter(
            "respond_jobs_taken_over",
            "Jobs that this process put back because who did them gave no sign of life",
            registry=registry,
        )
        self._jobs = Gauge(
            "respond_jobs_waiting",
            "Jobs that could be done now, by who can: any worker, or one with the credentials",
            ("who",),
            registry=registry,
        )
        self._oldest = Gauge(
            "respond_jobs_oldest_seconds",
            "How long the oldest job waits that any worker could do now",
            registry=registry,
        )
        self._workers = Gauge(
            "respond_workers", "Workers that give signs of life", registry=registry
        )
        self._ahead = Gauge(
            "respond_clock_ahead_seconds",
            "How far this machine's clock is ahead of the database's",
            registry=registry,
        )

    def took_over(self, jobs: int) -> None:
        """Count jobs of somebody who gives no sign of life."""
        self._taken_over.inc(jobs)

    def queue(
        self, *, waiting: float, aside: float, oldest_s: float, workers: float, ahead_s: float
    ) -> None:
        """Tell what waits and how the clocks stand; ``NaN``: it is not known, which is not none."""
        self._jobs.labels("any worker").set(waiting - aside)
        self._jobs.labels("one with the credentials").set(aside)
        self._oldest.set(oldest_s)
        self._workers.set(workers)
        self._ahead.set(ahead_s)
