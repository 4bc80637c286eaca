"""The pytest plugin, the only module with hooks: options, suites' items, outcomes, the terminal's account, the record.

    pytest -m stage4
    pytest --device cuda --merged

Under `-n` the rows travel to the controller with the reports, as text in an attribute of their own.
"""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness import hookspecs
from harness.discovery import is_case_file, is_stages_file, stage_markers, suites_of
from harness.items import (
    MISSED,
    VOID,
    CaseFile,
    CaseItem,
    Session,
    StagesFile,
    SuiteItem,
    in_order,
    rows_key,
    session_key,
)
from harness.ledger import Ledger, rows_from_text, rows_to_text
from harness.models.store import Store
from harness.options import add_options, read_options
from harness.run.cells import Bench
from harness.run.local import LocalSource

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler.protocol import Scheduling

ROWS, STATUS = "callproof_rows", "callproof_status"
_WORDS = {MISSED: ("m", "MISSED"), VOID: ("V", "VOID")}
_suites_key = pytest.StashKey[list[Path]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """See `harness.options`."""
    add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """See `harness.hookspecs`."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Check the options, register the stages as markers, and keep a ledger where this process reports."""
    options = read_options(config)
    if options.suite is not None and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = [str(options.suite)]
    suites = suites_of(config.args, options.suite)
    for name, meaning in stage_markers(suites, config.rootpath).items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    source = config.hook.pytest_callproof_source(config=config)
    if source is None:
        store = Store(options.store, options.store_bytes)
        source = LocalSource(root=config.rootpath, base=options.base_model, candidate=options.candidate, store=store)
    config.stash[session_key] = Session(options, Bench(source))
    config.stash[_suites_key] = suites
    is_worker = "workerinput" in vars(config)  # how xdist marks a worker's configuration; its environment is inherited
    if not is_worker and not config.option.collectonly:
        config.pluginmanager.register(_Account(Ledger(options, suites)), "callproof-account")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A suite's cases and its `stages.toml`; under `--suite` no other suite's."""
    chosen = parent.config.stash[session_key].options.suite
    if is_case_file(file_path) and chosen in (None, file_path.parent.parent):
        return CaseFile.from_parent(parent, path=file_path)
    if is_stages_file(file_path) and chosen in (None, file_path.parent):
        return StagesFile.from_parent(parent, path=file_path)
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One cell after another, its gates last."""
    in_order(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Plan each cell's batch from what -k, -m and --lf have left."""
    for item in session.items:
        if isinstance(item, CaseItem):
            item.shared.bench.plan(item.run, item.case)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send the item's rows and status with its report."""
    report = yield
    if call.when == "call":
        if isinstance(item, SuiteItem):
            report.__dict__[STATUS] = item.status
        rows = item.rows if isinstance(item, SuiteItem) else item.stash.get(rows_key, [])
        report.__dict__[ROWS] = rows_to_text(rows)
    return report


def pytest_report_teststatus(
    report: pytest.CollectReport | pytest.TestReport,
) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """A wrong call is counted as missed, with a letter and a word of its own."""
    status = report.__dict__.get(STATUS)
    if status is None or not report.passed:
        return None
    letter, word = _WORDS[status]
    return status, letter, (word, {"yellow": True})


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "Scheduling | None":
    """Share suites out by cell, unless another `--dist` is asked for or there is no suite."""
    if not config.stash[_suites_key] or config.option.dist != "load":
        return None
    from harness.scheduling import CellScheduling

    return CellScheduling(config, log)


class _Account:
    """Hears the reports of this session, all workers' included, and tells of them at its end."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._ledger.add(rows_from_text(report.__dict__.get(ROWS, "")))

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if not self._ledger.close(int(exitstatus)) and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for title, lines in self._ledger.account():
            terminalreporter.section(title)
            for line in lines:
                terminalreporter.write_line(line)
