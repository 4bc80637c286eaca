"""`docs/failures.md`, written from the catalogue: `python -m harness.report.failures_page > docs/failures.md`."""

from harness.failures.catalogue import CATALOGUE, Failure, Side


def failures_page() -> str:
    """The whole page, as Markdown."""
    parts = [
        "# Known failures",
        "",
        "Every failure that callproof knows by name: how it looks, what is behind it, what to do. Codes are those of",
        "the findings. This page is generated from `harness/failures/catalogue.py`.",
    ]
    for side in Side:
        parts += ["", f"## {side.capitalize()}"]
        for failure in CATALOGUE.values():
            if failure.side is side:
                parts += ["", *_entry(failure)]
    return "\n".join(parts) + "\n"


def _entry(failure: Failure) -> list[str]:
    return [
        f"### `{failure.code}`: {failure.title}",
        "",
        f"- Severity: {failure.severity}",
        f"- Symptom: {failure.symptom}.",
        f"- Cause: {failure.cause}.",
        f"- Remedy: {failure.remedy}.",
    ]


if __name__ == "__main__":
    print(failures_page(), end="")
