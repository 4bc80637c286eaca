"""The hook other engines come in through."""

import pytest

from harness.run.source import ModelSource


@pytest.hookspec(firstresult=True)
def pytest_callproof_source(config: pytest.Config) -> ModelSource | None:
    """Give another source of models than the local engine; None leaves it to the next. See `harness.run.source`."""
