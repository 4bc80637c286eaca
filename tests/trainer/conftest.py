"""A suite of two functions and a base with random weights, small enough to train in seconds."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.models.matrix import Device
from harness.suites import Suite
from tests.models.tiny import save_base
from trainer.recipe import Packing, Recipe
from trainer.train import Job

TEMPLATE = Path(__file__).parents[2] / "fixtures" / "chat_template.jinja"
Line = dict[str, Any]

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "light",
            "description": "Switch a light",
            "parameters": {
                "type": "object",
                "properties": {
                    "room": {"type": "string", "description": "Where"},
                    "on": {"type": "boolean", "description": "On or off"},
                },
                "required": ["room"],
            },
        },
    },
    {"type": "function", "function": {"name": "time", "description": "Tell the time", "parameters": {}}},
]
STAGES = """
suite = "home"

[stages.stage1]
functions = ["light"]
floor = 1.0

[stages.stage2]
functions = ["light", "time"]
floor = 0.9
"""
CASES: list[Line] = [
    {"id": "hall", "request": "Light the hall!", "calls": [{"name": "light", "arguments": {"room": "hall"}}]},
]
TRAIN: list[Line] = [
    {"id": "t1", "request": "light in the attic", "calls": [{"name": "light", "arguments": {"room": "attic"}}]},
    {"id": "t2", "request": "bath dark", "calls": [{"name": "light", "arguments": {"room": "bath", "on": False}}]},
    {"id": "t3", "request": "what time is it", "calls": [{"name": "time", "arguments": {}}]},
    {"id": "t4", "request": "sing me a song", "calls": []},
    {
        "id": "t5",
        "request": "kitchen on and the time",
        "calls": [{"name": "light", "arguments": {"room": "kitchen", "on": True}}, {"name": "time", "arguments": {}}],
    },
]


@pytest.fixture(autouse=True)
def quiet_and_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread, for sums that are the same on every run; and no telemetry of TRL's, which it leaves out under CI."""
    torch.set_num_threads(1)
    monkeypatch.setenv("CI", "1")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The random base, with FunctionGemma's template."""
    return save_base(tmp_path_factory.mktemp("base"), template=TEMPLATE.read_text(encoding="utf-8"))


@pytest.fixture
def suite_folder(tmp_path: Path) -> Path:
    """The suite's folder, a fresh one to break in each test."""
    root = tmp_path / "home"
    for name in ("cases", "train"):
        (root / name).mkdir(parents=True)
    (root / "functions.json").write_text(json.dumps(TOOLS), encoding="utf-8")
    (root / "stages.toml").write_text(STAGES, encoding="utf-8")
    write_rows(root / "cases" / "light.jsonl", CASES)
    write_rows(root / "train" / "all.jsonl", TRAIN)
    return root


def write_rows(path: Path, rows: list[Line]) -> None:
    """Write one JSON object a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def job(root: Path, base: Path, output: Path, stage: str = "stage2", **settings: Any) -> Job:
    """A short training run."""
    suite = Suite.load(root)
    short: Line = {
        "r": 4,
        "alpha": 8,
        "steps": 3,
        "batch_size": 3,
        "accumulation": 1,
        "learning_rate": 1e-2,
    }
    recipe = Recipe(**{**short, "packing": Packing.SHARED_PREFIX, **settings})
    return Job(
        suite=suite,
        stage=suite.stage(stage),
        recipe=recipe,
        base=str(base),
        start=None,
        output=output,
        device=Device.CPU,
    )
