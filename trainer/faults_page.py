"""`docs/faults.md`, written from the faults: `python -m trainer.faults_page > docs/faults.md`."""

from harness.failures.catalogue import CATALOGUE
from trainer.faults import FAULTS


def faults_page() -> str:
    """The whole page, as Markdown."""
    lines = [
        "# Faults on purpose",
        "",
        "`python -m trainer --suite suites/music --stage stage2 --fault NAME --output DIR` trains a candidate that",
        "is broken in one known way, by the pipeline that makes sound ones. What the trainer would refuse (see",
        "`--force`) is trained all the same, and the candidate's manifest keeps the finding. Titles, causes and",
        "remedies of the codes are in [failures.md](failures.md). This page is generated from `trainer/faults.py`.",
        "",
        "| fault | what it breaks | shows first in | codes |",
        "|---|---|---|---|",
    ]
    for fault, damage in FAULTS.items():
        codes = ", ".join(f"`{code}`" for code in damage.codes)
        lines.append(f"| `{fault}` | {damage.breaks} | {CATALOGUE[damage.codes[0]].side} | {codes} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(faults_page(), end="")
