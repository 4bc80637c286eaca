"""The page of known failures is the catalogue's."""

from pathlib import Path

from harness.failures.catalogue import CATALOGUE
from harness.report.failures_page import failures_page

PAGE = Path(__file__).parents[2] / "docs" / "failures.md"


def test_the_page_is_not_stale() -> None:
    assert PAGE.read_text(encoding="utf-8") == failures_page(), "run python -m harness.report.failures_page"


def test_every_failure_stands_on_it_once() -> None:
    page = failures_page()
    assert [page.count(f"### `{code}`:") for code in CATALOGUE] == [1] * len(CATALOGUE)
