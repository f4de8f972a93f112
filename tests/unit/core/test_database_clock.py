"""The clock of a node on PostgreSQL: measurements of the database's clock, and the judgement of the machine's."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from trunkline.core.clock import JUMP, SECOND, Clock, permits_due_work, system_clock
from trunkline.core.database_clock import (
    ClockState,
    DatabaseClock,
    RoundTrip,
    Sample,
    describe_skew,
    state_of,
)
from trunkline.core.leases import HeldLease, lease_clock

NOW = 1_700_000_000 * SECOND
HOUR = 3600 * SECOND
MILLISECOND = SECOND // 1000


class World:
    """The true time, the clocks of a machine and of the database that differ from it, and the round trips between them.
    ``trips`` are the seconds of the next ones: until the database reads its clock, until its response is read, and
    how far the steady clock gets meanwhile."""

    def __init__(self, wall_ahead: float = 0, database_ahead: float = 0) -> None:
        self.now = NOW
        self.wall_ahead = wall_ahead
        self.database_ahead = database_ahead
        self.lost = 0.0
        self.trips: list[tuple[float, float, float]] = []
        self.reads = 0
        self.clock = DatabaseClock(self.wall, self.steady)

    def wall(self) -> int:
        return self.now + round(self.wall_ahead * SECOND)

    def steady(self) -> int:
        return self.now - NOW - round(self.lost * SECOND) + 7 * SECOND

    def pass_by(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)

    async def read(self, steady: Clock) -> RoundTrip:
        self.reads += 1
        there, back, lost = self.trips.pop(0) if self.trips else (0.0005, 0.0005, 0.0)
        before = steady()
        self.pass_by(there)
        database = self.now + round(self.database_ahead * SECOND)
        self.pass_by(back)
        self.lost += lost
        return RoundTrip(before, database, steady())

    def measure(self) -> None:
        asyncio.run(self.clock.measure(self.read))

    @property
    def error(self) -> int:
        """The microseconds by which the node's clock is ahead of the database's."""
        return self.clock() - self.now - round(self.database_ahead * SECOND)


def test_there_is_no_time_before_the_first_measurement() -> None:
    with pytest.raises(RuntimeError, match="not been measured"):
        DatabaseClock()()


@pytest.mark.parametrize("ahead", [0, 3600, 90, -3600, 1])
def test_a_node_whose_clock_is_wrong_has_the_databases_time(ahead: float) -> None:
    world = World(wall_ahead=ahead)
    world.measure()
    assert abs(world.error) <= MILLISECOND
    world.pass_by(5000)
    # Nobody's setting of the machine's clock moves it.
    world.wall_ahead -= 1800
    assert abs(world.error) <= MILLISECOND
    assert world.clock.take_jumps() == []


@pytest.mark.parametrize(
    ("ahead", "state"),
    [
        (0, ClockState.RIGHT),
        (1.99, ClockState.RIGHT),
        (-1.99, ClockState.RIGHT),
        (2.01, ClockState.OFF),
        (-2.01, ClockState.OFF),
        (29.9, ClockState.OFF),
        (30.1, ClockState.FAR_OFF),
        (-90, ClockState.FAR_OFF),
        (3600, ClockState.FAR_OFF),
    ],
)
def test_the_machines_clock_is_judged(ahead: float, state: ClockState) -> None:
    world = World(wall_ahead=ahead)
    world.measure()
    assert world.clock.state is state
    assert abs(world.clock.skew - ahead * SECOND) <= MILLISECOND
    assert permits_due_work(world.clock) == (state is not ClockState.FAR_OFF)
    world.wall_ahead = 0
    world.measure()
    assert world.clock.state is ClockState.RIGHT
    assert permits_due_work(world.clock)


@pytest.mark.parametrize(
    "trip",
    [
        (0, 600, 0),
        (600, 0, 0),
        (300, 300, 0),
        (2.5, 0, 0),
        (0, 2.5, 0),
    ],
    ids=["stopped after", "stopped before", "stopped both", "slow there", "slow back"],
)
@pytest.mark.parametrize("ahead", [0, 1.5, -1.5])
@pytest.mark.parametrize("first", [True, False])
def test_a_slow_round_trip_or_a_stopped_process_raises_no_false_alarm(
    trip: tuple[float, float, float], ahead: float, first: bool
) -> None:
    world = World(wall_ahead=ahead)
    if not first:
        world.measure()
    world.trips = [trip] * 6
    world.measure()
    assert world.clock.state is ClockState.RIGHT
    if not first:
        assert abs(world.error) <= MILLISECOND
        assert world.clock.take_jumps() == []


def test_a_slow_round_trip_does_not_say_that_a_wrong_clock_is_right() -> None:
    world = World(wall_ahead=90)
    world.measure()
    world.trips = [(200, 200, 0)] * 3
    world.measure()
    assert world.clock.state is ClockState.FAR_OFF
    world.wall_ahead = 10
    world.measure()
    assert world.clock.state is ClockState.OFF


def test_a_halted_virtual_machine_within_one_round_trip_proves_nothing() -> None:
    world = World()
    world.measure()
    world.trips = [(0, 3600, 3600)]
    world.measure()
    assert world.clock.state is ClockState.RIGHT
    # The steady clock lost an hour: the node's clock was behind, and is right again.
    assert abs(world.error) <= MILLISECOND
    assert world.clock.take_jumps() == [pytest.approx(HOUR, abs=SECOND)]


def test_a_machine_that_was_halted_holds_its_leases_until_the_next_measurement() -> None:
    world = World()
    world.measure()
    clock = lease_clock(world.steady, world.clock)
    lease = HeldLease(20 * SECOND, clock)
    lease.extend(clock())
    world.pass_by(60)
    world.lost += 60
    assert lease.holds()
    world.measure()
    assert not lease.holds()


def test_the_quickest_of_several_round_trips_counts() -> None:
    world = World()
    world.trips = [(0.5, 0, 0), (0.001, 0.001, 0), (0.5, 0, 0)]
    world.measure()
    assert world.reads == 2
    assert abs(world.error) <= 2 * MILLISECOND
    world.trips = [(0.4, 0, 0), (0.05, 0, 0), (0.4, 0, 0)]
    world.measure()
    assert world.reads == 5
    assert abs(world.error) <= 2 * MILLISECOND


@pytest.mark.parametrize("moved", [HOUR, -HOUR, JUMP + SECOND, -JUMP - SECOND])
def test_another_host_of_the_database_is_a_jump_of_the_clock(moved: int) -> None:
    world = World()
    world.measure()
    world.database_ahead = moved / SECOND
    world.measure()
    assert abs(world.error) <= MILLISECOND
    assert world.clock.take_jumps() == [pytest.approx(moved, abs=MILLISECOND)]
    assert world.clock.take_jumps() == []
    # All nodes see their own clocks off by as much, until one of the two is right.
    assert world.clock.state is (ClockState.FAR_OFF if abs(moved) == HOUR else ClockState.OFF)


@pytest.mark.parametrize("moved", [0.004, 0.3, 1.5])
def test_a_small_correction_never_lets_time_go_back(moved: float) -> None:
    world = World()
    world.measure()
    for direction in (-1, 1, -1):
        world.database_ahead += direction * moved
        last = world.clock()
        world.measure()
        for _ in range(40):
            world.pass_by(0.1)
            assert world.clock() > last
            last = world.clock()
        assert abs(world.error) <= MILLISECOND
    assert world.clock.take_jumps() == []


def test_a_clock_within_the_bounds_of_a_measurement_is_left_alone() -> None:
    world = World()
    world.measure()
    shown = world.error
    for trip in itertools.permutations((0.0, 0.02, 0.2)):
        world.trips = [(trip[0], trip[1], 0)] * 3
        world.measure()
        assert world.error == shown


@pytest.mark.parametrize("trip", [(3.0, 0.0), (0.0, 3.0)])
def test_a_slow_measurement_moves_a_clock_no_further_than_to_its_bound(trip: tuple[float, float]) -> None:
    world = World()
    world.measure()
    # The database's clock drifts a little; only the bound on one side shows it, and the other one is 3 s away.
    world.database_ahead = 0.05 if trip[0] else -0.05
    for _ in range(2):
        world.trips = [(*trip, 0)] * 3
        world.measure()
        world.pass_by(1)
        assert abs(world.error) <= 0.051 * SECOND


def test_a_state_ends_a_little_within_its_bound() -> None:
    def sample(ahead: float) -> Sample:
        return Sample(0, NOW, 0, NOW + round(ahead * SECOND), 0)

    assert state_of(sample(2.05)) is ClockState.OFF
    assert state_of(sample(1.95)) is ClockState.RIGHT
    assert state_of(sample(1.95), ClockState.OFF) is ClockState.OFF
    assert state_of(sample(1.85), ClockState.OFF) is ClockState.RIGHT
    assert state_of(sample(-29.95), ClockState.FAR_OFF) is ClockState.FAR_OFF
    assert state_of(sample(-29.95), ClockState.OFF) is ClockState.OFF


def test_a_skew_has_words() -> None:
    assert describe_skew(3_240_000) == "3.2 s ahead of the database"
    assert describe_skew(-90 * SECOND) == "90.0 s behind the database"


def test_the_machines_own_clock_permits_due_work() -> None:
    assert permits_due_work(system_clock)
