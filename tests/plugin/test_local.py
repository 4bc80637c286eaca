"""The default source: a base and an adapter with random weights, through the real engine."""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from harness.models.loading import no_upstream_warnings
from harness.report.record import Record
from harness.report.rows import GateStatus
from tests.models.tiny import save_base, tiny_model
from tests.plugin.conftest import Project

TEMPLATE = Path(__file__).parents[2] / "fixtures" / "chat_template.jinja"


@pytest.fixture
def trained(local_project: Project) -> Project:
    """The toy project with a base and, at stage1, a candidate that calls nothing right."""
    torch.set_num_threads(1)
    save_base(local_project.root / "fixtures" / "tiny-functiongemma", template=TEMPLATE.read_text(encoding="utf-8"))
    settings = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM", init_lora_weights=False)
    with no_upstream_warnings():
        adapted = get_peft_model(tiny_model(), settings)
    folder = local_project.root / "candidates" / "toy" / "stage1"
    adapted.save_pretrained(str(folder), save_embedding_layers=False)
    return local_project


def test_a_base_and_its_candidate_are_measured(trained: Project) -> None:
    result = trained.run("-m", "stage1", "-W", "error")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "errors" not in result.parseoutcomes()
    result.stdout.fnmatch_lines(["FAILED: * floor 75.0%", "*note: no_manifest: *"])
    record = trained.record()
    assert len(record.cases) == 3 * 5
    assert {row.finite for row in record.cases} == {True}
    base, merged = (next(row for row in record.cells if row.cell.endswith(form)) for form in ("base", "merged"))
    assert base.base_sha256 == merged.base_sha256
    assert (base.adapter_sha256, merged.model) == (None, "candidates/toy/stage1")
    assert merged.template_sha256
    assert merged.batch_size


def test_a_nan_adapter_is_void_in_both_forms(trained: Project) -> None:
    path = trained.root / "candidates" / "toy" / "stage1" / "adapter_model.safetensors"
    weights = load_file(path)
    first = min(weights)
    save_file({**weights, first: torch.full_like(weights[first], float("nan"))}, path, metadata={"format": "pt"})
    result = trained.run("-m", "stage1", "-W", "error")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "errors" not in result.parseoutcomes()
    result.stdout.fnmatch_lines(["VOID: weights_not_finite: *", "critical: weights_not_finite*"])
    record = trained.record()
    assert [gate.status for gate in record.gates] == [GateStatus.VOID] * 2
    assert {row.cell for row in record.cases} == {"cpu-float32-base"}


def stored(record: Record) -> dict[str, tuple[int, int]]:
    """By cell: how many cases there are, and how many completions were in the store."""
    return {row.cell: (row.cases, row.stored) for row in record.cells}


def again(project: Project, folder: str, *arguments: str) -> tuple[pytest.RunResult, Record]:
    result = project.run("-m", "stage1", "--report", folder, *arguments)
    return result, project.record(folder)


TELLING = """
import sys

pytest_plugins = ["harness.plugin"]


def pytest_unconfigure(config):
    print("LOADED", sorted({"torch", "transformers"} & set(sys.modules)))
"""


def test_a_second_run_is_the_same_and_loads_no_model(trained: Project) -> None:
    trained.pytester.makeconftest(TELLING)
    first, second = (
        trained.pytester.runpytest_subprocess("-m", "stage1", "--report", folder) for folder in ("first", "second")
    )
    before, after = trained.record("first"), trained.record("second")
    assert set(stored(before).values()) == {(5, 0)}
    assert set(stored(after).values()) == {(5, 5)}
    assert (after.cases, after.gates) == (before.cases, before.gates)
    first.stdout.fnmatch_lines(["LOADED *'torch', 'transformers'*"])
    second.stdout.fnmatch_lines(
        ["*store*", "15 completions are those of earlier runs; no model was loaded", "LOADED [[][]]"]
    )


def test_workers_share_the_store(trained: Project) -> None:
    _, before = again(trained, "first", "-n2")
    _, after = again(trained, "second", "-n2")
    assert set(stored(after).values()) == {(5, 5)}
    assert after.cases == before.cases


def test_another_adapter_in_the_same_folder_is_run_anew(trained: Project) -> None:
    again(trained, "first")
    path = trained.root / "candidates" / "toy" / "stage1" / "adapter_model.safetensors"
    save_file({name: tensor * 2 for name, tensor in load_file(path).items()}, path, metadata={"format": "pt"})
    _, after = again(trained, "second")
    assert stored(after) == {
        "cpu-float32-base": (5, 5),
        "cpu-float32-adapter": (5, 0),
        "cpu-float32-merged": (5, 0),
    }


def test_without_a_store_nothing_is_kept(trained: Project) -> None:
    for folder in ("first", "second"):
        _, record = again(trained, folder, "--no-store")
        assert set(stored(record).values()) == {(5, 0)}
    assert not (trained.root / ".callproof").exists()


def test_a_store_elsewhere(trained: Project) -> None:
    again(trained, "first", "--store", "kept", "--store-size", "3")
    assert [path.name for path in (trained.root / "kept").glob("*.sqlite")] == ["completions.sqlite"]
    assert not (trained.root / ".callproof").exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--no-store", "--store", "kept"), "*--store and --no-store exclude each other*"),
        (("--store-size", "0"), "*--store-size 0: give at least 1 (megabyte), or --no-store*"),
    ],
)
def test_options_of_the_store_that_make_no_sense(trained: Project, arguments: tuple[str, ...], line: str) -> None:
    result = trained.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([line])


def test_a_store_that_cannot_be_used_costs_a_warning(trained: Project) -> None:
    (trained.root / "kept").write_text("", encoding="utf-8")
    result, record = again(trained, "first", "--store", "kept")
    assert len(record.cases) == 15
    result.stdout.fnmatch_lines(["*StoreWarning: *the store cannot be used: *"])
