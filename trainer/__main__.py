"""Train a candidate.

python -m trainer --suite suites/music --stage stage2 [--recipe FILE] [--from CANDIDATE] [--output DIR] [--force]
                  [--fault NAME]
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.errors import CallproofError
from harness.findings import Severity
from harness.models.candidate import load_candidate
from harness.suites import Suite
from trainer.arguments import Arguments, parse
from trainer.faults import Fault
from trainer.recipe import Recipe
from trainer.train import Job, Trained, train


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 when the candidate was written, 2 with one line on standard error when it could not be."""
    # TRL reports each trainer it makes to the Hub; nothing here leaves the machine unasked.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        job = _job(*parse(sys.argv[1:] if argv is None else argv))
        _report(job, train(job))
    except CallproofError as error:
        print(f"trainer: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("trainer: stopped; nothing was written", file=sys.stderr)
        return 130
    return 0


def _job(arguments: Arguments, recipe: Recipe) -> Job:
    suite = Suite.load(Path(arguments.suite))
    stage = suite.stage(arguments.stage)
    start = arguments.from_candidate
    return Job(
        suite=suite,
        stage=stage,
        recipe=recipe,
        base=arguments.base_model,
        start=load_candidate(start, suite=arguments.suite, stage=stage.name) if start else None,
        output=Path(arguments.output) if arguments.output else Path("candidates", suite.name, stage.name),
        device=arguments.device,
        force=arguments.force,
        fault=Fault(arguments.fault) if arguments.fault else None,
    )


def _report(job: Job, trained: Trained) -> None:
    acknowledged = {(known.code, known.where) for known in job.suite.acknowledged}
    for finding in trained.findings:
        if finding.severity is not Severity.NOTE and (finding.code, finding.where) not in acknowledged:
            print(f"trainer: {finding.line()}", file=sys.stderr)
    manifest = trained.manifest
    numbers = ", ".join(f"{name} {value:.4f}" for name, value in manifest.metrics.items())
    print(f"{job.output}: {manifest.parameters.trainable:,} parameters in {manifest.seconds:.0f} s, {numbers}")


if __name__ == "__main__":
    sys.exit(main())
