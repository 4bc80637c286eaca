"""How `-n` shares a suite out: a stage on one device and dtype goes to one worker, which loads each model once."""

from xdist.scheduler import LoadScopeScheduling

from harness.names import scope


class CellScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Tests that are not of a suite are a scope each, so that they spread as under plain `--dist load`."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)
