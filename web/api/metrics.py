"""/metrics for Prometheus: made from what the recorder and the live process say, at each scrape.

Readable with a sign-in or an API token, and unsigned from this machine itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from prometheus_client import REGISTRY
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry
from starlette.responses import Response

from vms.cameras.charts import Charts
from vms.cameras.health.checks import CheckState
from vms.core.clock import SECOND
from vms.core.model import State, StreamKey
from vms.core.status import StreamStatus, WorkerStatus, read_workers, streams_of
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api import answers
from web.api.system import volume_of
from web.parts import WebParts, parts_of
from web.permit import Permit

router = APIRouter(tags=["system"])

_STREAM = ("camera", "stream")
_COUNTERS = (
    ("units", "vms_stream_units", "Access units received."),
    ("bytes", "vms_stream_bytes", "Coded bytes received."),
    ("lost", "vms_stream_packets_lost", "Packets missing by sequence number."),
    ("damaged", "vms_stream_pictures_damaged", "Pictures not kept: a part was missing."),
    ("resyncs", "vms_stream_resyncs", "Times the stream had to be found again."),
    ("dropped", "vms_stream_units_dropped", "Units received and not stored."),
    ("runs", "vms_stream_runs", "Connections made."),
    ("errors", "vms_stream_errors", "Connections that ended badly."),
)


@router.get("/metrics", response_class=Response, responses=answers.text("text/plain"))
async def metrics(
    request: Request,
    signed_in: Annotated[SignedIn, Depends(Permit(Permission.METRICS, loopback=True))],
) -> Response:
    """Prometheus text."""
    parts = parts_of(request)
    live = await parts.live.stats()
    text = await run_in_threadpool(exposition, parts, live)
    return Response(text, media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


def exposition(parts: WebParts, live: Iterable[dict[str, Any]]) -> bytes:
    """This process's own figures (CPU, memory) and the system's."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Now(parts, live))
    return generate_latest(registry) + generate_latest(REGISTRY)


class _Now(Collector):
    """One reading of the whole system."""

    def __init__(self, parts: WebParts, live: Iterable[dict[str, Any]]) -> None:
        self._parts, self._live = parts, live

    def collect(self) -> Iterator[Metric]:
        now = self._parts.clock.now()
        workers = read_workers(self._parts.settings.run_dir, now)
        yield from _workers(workers, self._parts.settings.recorder.workers)
        yield from _streams(streams_of(workers), now)
        yield from _volumes(self._parts)
        yield from _findings(self._parts)
        yield from _checks(self._parts.checkups.charts())
        yield from _viewers(self._live)


def _workers(workers: list[WorkerStatus], wanted: int) -> Iterator[Metric]:
    yield GaugeMetricFamily("vms_recorder_workers_wanted", "As the settings say.", wanted)
    yield GaugeMetricFamily("vms_recorder_workers_running", "Reported lately.", len(workers))
    cpu = CounterMetricFamily(
        "vms_recorder_cpu_seconds", "CPU time of a worker.", labels=["worker"]
    )
    memory = GaugeMetricFamily("vms_recorder_memory_bytes", "Of a worker.", labels=["worker"])
    lag = GaugeMetricFamily(
        "vms_recorder_loop_lag_seconds", "Longest delay of the event loop.", labels=["worker"]
    )
    for worker in workers:
        label = [str(worker.worker)]
        cpu.add_metric(label, worker.cpu_seconds)
        memory.add_metric(label, worker.memory_bytes)
        lag.add_metric(label, worker.loop_lag_ms / 1_000)
    yield from (cpu, memory, lag)


def _streams(streams: dict[StreamKey, StreamStatus], now: int) -> Iterator[Metric]:
    state = GaugeMetricFamily(
        "vms_stream_state", "1 for the state a stream is in.", labels=[*_STREAM, "state"]
    )
    cause = GaugeMetricFamily(
        "vms_stream_problem", "1 for why a stream is not well.", labels=[*_STREAM, "cause"]
    )
    age = GaugeMetricFamily(
        "vms_stream_last_frame_age_seconds", "Since the last picture.", labels=_STREAM
    )
    rate = GaugeMetricFamily("vms_stream_bits_per_second", "Measured lately.", labels=_STREAM)
    viewers = GaugeMetricFamily("vms_stream_viewers", "Subscribers of live.", labels=_STREAM)
    counters = [CounterMetricFamily(name, text, labels=_STREAM) for _, name, text in _COUNTERS]
    for key, status in streams.items():
        label = [str(key.camera), key.name]
        for one in State:
            state.add_metric([*label, str(one)], 1.0 if status.state is one else 0.0)
        if status.cause is not None:
            cause.add_metric([*label, str(status.cause)], 1.0)
        if status.last_frame is not None:
            age.add_metric(label, max(0, now - status.last_frame) / SECOND)
        rate.add_metric(label, status.bitrate)
        viewers.add_metric(label, status.viewers)
        for family, (field, _, _) in zip(counters, _COUNTERS, strict=True):
            family.add_metric(label, getattr(status, field))
    yield from (state, cause, age, rate, viewers, *counters)


def _volumes(parts: WebParts) -> Iterator[Metric]:
    free = GaugeMetricFamily("vms_volume_free_bytes", "Free for us.", labels=["path"])
    total = GaugeMetricFamily("vms_volume_size_bytes", "In all.", labels=["path"])
    for settings in parts.settings.volumes:
        volume = volume_of(settings)
        if volume.free is not None and volume.total is not None:
            free.add_metric([volume.path], volume.free)
            total.add_metric([volume.path], volume.total)
    yield from (free, total)


def _findings(parts: WebParts) -> Iterator[Metric]:
    found = GaugeMetricFamily("vms_findings", "What is not well with footage.", labels=["kind"])
    for kind, count in sorted(parts.overview.counts().items()):
        found.add_metric([kind], count)
    yield found


def _checks(charts: Charts) -> Iterator[Metric]:
    labels = ["camera", "check"]
    well = GaugeMetricFamily(
        "vms_camera_check", "1: well, 0: sick; missing: unknown.", labels=labels
    )
    value = GaugeMetricFamily(
        "vms_camera_check_value", "What it is told by, in the check's unit.", labels=labels
    )
    for camera, chart in charts.cameras.items():
        for check, one in chart.checks.items():
            if one.state is CheckState.UNKNOWN:
                continue
            well.add_metric([camera, check], float(one.state is CheckState.WELL))
            if one.value is not None:
                value.add_metric([camera, check], one.value)
    looking = float(charts.at is not None)
    yield GaugeMetricFamily("vms_camera_checks_running", "Whether anybody looks.", looking)
    yield from (well, value)


def _viewers(live: Iterable[dict[str, Any]]) -> Iterator[Metric]:
    # By camera and path, without the person: who watches whom is not for monitoring.
    counts: dict[tuple[str, str, str], int] = {}
    dropped: dict[tuple[str, str, str], float] = {}
    for viewer in (viewer for answer in live for viewer in answer.get("viewers", ())):
        label = (str(viewer["camera"]), str(viewer["stream"]), str(viewer["path"]))
        counts[label] = counts.get(label, 0) + 1
        dropped[label] = dropped.get(label, 0.0) + float(viewer.get("dropped", 0))
    labels = [*_STREAM, "path"]
    watching = GaugeMetricFamily("vms_live_viewers", "People watching live.", labels=labels)
    skipped = GaugeMetricFamily(
        "vms_live_viewers_units_dropped", "Units not sent to those watching.", labels=labels
    )
    for label, count in counts.items():
        watching.add_metric(label, count)
        skipped.add_metric(label, dropped[label])
    yield from (watching, skipped)
