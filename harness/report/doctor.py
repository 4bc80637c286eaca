"""The doctor's page: what was found first, what is sound after it, readable without knowing the code."""

import textwrap
from collections.abc import Iterator, Sequence

from tabulate import tabulate

from harness.calls.syntax import read
from harness.errors import one_line
from harness.failures.examination import Examination, FilesReport, ModelReport, place
from harness.findings import Finding, Severity
from harness.jsontypes import Json
from harness.models.matrix import DType

WIDTH = 100
_SHOWN = 160  # characters of an output


def page(name: str, base: str, examination: Examination) -> str:
    """The whole page as text, no line wider than a terminal usually is."""
    findings, model = examination.findings, examination.model
    blocks = [f"{name} on {base}: {verdict(findings)}", *map(_finding, _worst_first(findings))]
    blocks.append(_files(examination.files))
    if model is None:
        blocks.append("The model was not run.")
    else:
        blocks += [_stream(model), _forms(model), _attempts(model)]
    return "\n\n".join(blocks) + "\n"


def verdict(findings: Sequence[Finding]) -> str:
    """The findings in a few words."""
    counts = {severity: sum(f.severity is severity for f in findings) for severity in Severity}
    said = [f"{count} {severity}" for severity, count in reversed(counts.items()) if count]
    return ", ".join(said) if said else "healthy"


def _worst_first(findings: Sequence[Finding]) -> list[Finding]:
    order = [Severity.CRITICAL, Severity.WARNING, Severity.NOTE]
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def _finding(finding: Finding) -> str:
    where = f" ({finding.where})" if finding.where else ""
    lines = [
        f"{finding.severity.upper()} {finding.code}{where}",
        _wrapped("seen:   ", finding.evidence),
        _wrapped("cause:  ", finding.cause),
        _wrapped("remedy: ", finding.remedy),
    ]
    return "\n".join(lines)


def _wrapped(label: str, text: str) -> str:
    return textwrap.fill(one_line(text), WIDTH, initial_indent="  " + label, subsequent_indent=" " * (2 + len(label)))


def _files(report: FilesReport) -> str:
    audit = report.audit
    return (
        f"Adapter: {audit.parameters:,} parameters on {audit.adapted} of {audit.adaptable} linear modules, "
        f"{audit.bytes / 1e6:.2f} MB"
    )


def _stream(model: ModelReport) -> str:
    highest = model.highest
    return (
        f"In float32: residual stream at most {highest.value:,.1f} (behind {place(highest)}; float16 ends at 65,504); "
        f"the adapter moves\n"
        f"a logit by up to {model.effect:.3g}; adapter and merged differ by {model.merge_difference:.2g}."
    )


def _forms(model: ModelReport) -> str:
    forms = list(dict.fromkeys(trial.form for trial in model.trials))
    cells = {(trial.form, trial.dtype): trial for trial in model.trials}
    rows = []
    for form in forms:
        row = [str(form)]
        for dtype in DType:
            trial = cells.get((form, dtype))
            bad = trial.culprit if trial else None
            row.append("" if trial is None else "finite" if bad is None else f"{bad.became} in {bad.module}")
        rows.append(row)
    return str(tabulate(rows, ["logits", *map(str, DType)], disable_numparse=True))


def _attempts(model: ModelReport) -> str:
    lines = list(_attempt_lines(model))
    return "One request, three ways:\n" + "\n".join(lines)


def _attempt_lines(model: ModelReport) -> Iterator[str]:
    for attempt in model.attempts:
        problem = None if attempt.failed else read(attempt.output).problem
        said = "raised" if attempt.failed else problem or "well formed"
        shown = one_line(attempt.output)
        yield f"  {attempt.way:17} {said}: {shown[:_SHOWN]}{'...' if len(shown) > _SHOWN else ''}"


def as_json(name: str, base: str, examination: Examination) -> dict[str, Json]:
    """The same for machines; numbers that are not finite are null."""
    audit, model = examination.files.audit, examination.model
    return {
        "candidate": name,
        "base": base,
        "findings": [finding.json() for finding in examination.findings],
        "adapter": {
            "parameters": audit.parameters,
            "adapted": audit.adapted,
            "adaptable": audit.adaptable,
            "bytes": audit.bytes,
        },
        "model": None if model is None else _model_json(model),
    }


def _model_json(model: ModelReport) -> dict[str, Json]:
    return {
        "residual_peaks": [{"layer": peak.layer, "peak": _number(peak.value)} for peak in model.peaks],
        "adapter_effect": _number(model.effect),
        "merge_difference": _number(model.merge_difference),
        "trials": [
            {
                "form": str(trial.form),
                "dtype": str(trial.dtype),
                "finite": trial.culprit is None,
                "module": trial.culprit.module if trial.culprit else None,
            }
            for trial in model.trials
        ],
        "attempts": [{"way": a.way, "output": a.output, "failed": a.failed} for a in model.attempts],
    }


def _number(value: float) -> float | None:
    return value if abs(value) < float("inf") else None
