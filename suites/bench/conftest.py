"""Benchmarks run by themselves, with --benchmark-only, and end in a table of their speeds as ratios."""

import pytest

from .speeds import Speed, table

REASON = "benchmarks run by themselves: pytest suites/bench -m bench --benchmark-only"
_speeds_key = pytest.StashKey[list[Speed]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_speeds_key] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("benchmark_only", default=False):
        for item in items:
            if item.get_closest_marker("bench") is not None:
                item.add_marker(pytest.mark.skip(reason=REASON))


@pytest.hookimpl(trylast=True)  # below pytest-benchmark's own table
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    speeds = config.stash[_speeds_key]
    if speeds:
        terminalreporter.section("speeds (ratio: to the first of the group)")
        terminalreporter.write_line(table(speeds))


@pytest.fixture(scope="session")
def speeds(pytestconfig: pytest.Config) -> list[Speed]:
    """Where a benchmark notes its speed for the end of the run."""
    return pytestconfig.stash[_speeds_key]
