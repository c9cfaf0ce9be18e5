"""RTP time: wraps, leaps, stops, and laying sound on pictures."""

from hypothesis import given
from hypothesis import strategies as st

from recorder.rtp.clock import Alignment, RtpClock
from recorder.source import SourceStats
from vms.core.clock import MILLISECOND, SECOND, Instant, Mono
from vms.core.media import SenderReport, Track

RATE, FRAME = 90_000, 3_600
WRAP = 1 << 32


def run(timestamps: list[int], every: int = 40 * MILLISECOND) -> tuple[list[int], int]:
    stats = SourceStats()
    clock = RtpClock(RATE, stats)
    ticks = [clock.pts(t % WRAP, Mono(index * every)) for index, t in enumerate(timestamps)]
    return ticks, stats.jumps


@given(st.integers(0, WRAP - 1), st.integers(2, 200))
def test_a_steady_clock_counts_from_zero_over_the_wrap(start: int, count: int) -> None:
    ticks, jumps = run([start + index * FRAME for index in range(count)])
    assert ticks == [index * FRAME for index in range(count)]
    assert jumps == 0


def test_two_days_of_pictures_count_on() -> None:
    """Over three wraps, and past 28 h 28 min, where a 64-bit product of ticks and ns overflows."""
    count = 48 * 3_600 * 10 // 9
    ticks, jumps = run([index * 81_000 for index in range(count)], every=900 * MILLISECOND)
    assert (ticks[-1], jumps) == ((count - 1) * 81_000, 0)


def test_pictures_out_of_order_keep_their_times() -> None:
    order = [0, 3, 1, 2, 6, 4, 5]
    ticks, jumps = run([100 + index * FRAME for index in order])
    assert ticks == [index * FRAME for index in order]
    assert jumps == 0


def test_a_rewind_of_seconds_goes_on_by_arrival() -> None:
    steady = [index * FRAME for index in range(100)]
    back = [steady[-1] - 10 * RATE + index * FRAME for index in range(100)]
    ticks, jumps = run(steady + back)
    assert jumps == 1
    assert ticks[100] - ticks[99] == FRAME
    assert ticks == sorted(ticks)


def test_a_jump_ahead_goes_on_by_arrival() -> None:
    steady = [index * FRAME for index in range(300)]
    ahead = [steady[-1] + 100 * RATE + index * FRAME for index in range(10)]
    ticks, jumps = run(steady + ahead)
    assert jumps == 1
    assert ticks[300] - ticks[299] == FRAME


def test_an_old_keyframe_before_the_present_is_no_jump() -> None:
    ticks, jumps = run([0, *(4 * RATE + index * FRAME for index in range(10))])
    assert jumps == 0
    assert ticks[1] == 4 * RATE


def test_a_stopped_clock_goes_on_by_arrival() -> None:
    ticks, jumps = run([0] * 200)
    assert jumps > 3
    assert abs(ticks[-1] - 199 * FRAME) < 2 * RATE


def test_a_stalled_network_is_no_jump() -> None:
    stats = SourceStats()
    clock = RtpClock(RATE, stats)
    now = 0
    for index in range(200):
        now += 8 * SECOND if index == 100 else 0 if 100 < index < 300 else 40 * MILLISECOND
        assert clock.pts(index * FRAME, Mono(now)) == index * FRAME
    assert stats.jumps == 0


def test_a_new_session_goes_on_by_arrival() -> None:
    clock = RtpClock(RATE, SourceStats())
    clock.pts(1_000, Mono(0))
    clock.restart()
    assert clock.pts(4_000_000_000, Mono(SECOND)) == RATE


@given(st.lists(st.tuples(st.integers(0, WRAP - 1), st.integers(0, 20 * SECOND)), max_size=60))
def test_any_times_stay_near_the_arrival(pairs: list[tuple[int, int]]) -> None:
    clock = RtpClock(RATE, SourceStats())
    now = 0
    for timestamp, passed in pairs:
        now += passed
        ticks = clock.pts(timestamp, Mono(now))
        # Never more than the early allowance ahead of the arrival for each second of it.
        assert ticks <= now * RATE // SECOND + 700 * RATE


def report(track: Track, unix: int, pts: int) -> SenderReport:
    return SenderReport(track, Instant(unix), pts, Mono(0))


def test_sound_is_laid_by_the_reports_of_both_tracks() -> None:
    alignment = Alignment(90_000, 8_000)
    assert alignment.take(report(Track.VIDEO, 50 * SECOND, 90_000)) == 0
    # The sound's zero is 49.2 s of the camera, the video's 49.0 s: sound is 200 ms too early.
    assert alignment.take(report(Track.AUDIO, 50 * SECOND, 6_400)) == 1_600
    assert alignment.take(report(Track.AUDIO, 60 * SECOND, 6_400)) == 0


def test_reports_that_disagree_by_seconds_are_not_believed() -> None:
    alignment = Alignment(90_000, 8_000)
    alignment.take(report(Track.VIDEO, 50 * SECOND, 0))
    assert alignment.take(report(Track.AUDIO, 0, 0)) == 0


@given(
    st.lists(
        st.lists(st.integers(-400_000, 400_000) | st.integers(0, 2**32 - 1), max_size=6),
        max_size=12,
    ),
    st.lists(st.integers(0, 40 * SECOND), min_size=12, max_size=12),
    st.integers(0, 2**32 - 1),
)
def test_many_at_once_get_the_times_they_get_one_by_one(
    batches: list[list[int]], waits: list[int], first: int
) -> None:
    one, many = SourceStats(), SourceStats()
    slow, fast = RtpClock(RATE, one), RtpClock(RATE, many)
    arrival, timestamp = 0, first
    for steps, wait in zip(batches, waits, strict=False):
        arrival += wait
        times = []
        for step in steps:
            timestamp = (timestamp + step) % 2**32
            times.append(timestamp)
        expected = [slow.pts(time, Mono(arrival)) for time in times]
        assert fast.pts_of(times, Mono(arrival)) == expected
        assert (fast._ticks, fast._highest, fast._lag) == (slow._ticks, slow._highest, slow._lag)
    assert one == many
