"""Loading bases, adapters and their merges: the right weights, or one clear line."""

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from harness.errors import CandidateError, DeviceError
from harness.models.candidate import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from harness.models.loading import load_base, load_cell_model, load_tokenizer, no_upstream_warnings
from harness.models.matrix import Cell, Device, DType, Form
from tests.models.tiny import save_base, tiny_model

IDS = torch.tensor([[2, *range(110, 140)]])


def cell(form: Form, dtype: DType = DType.FLOAT32) -> Cell:
    return Cell(Device.CPU, dtype, form)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """An adapter that changes the base."""
    with no_upstream_warnings():
        model = get_peft_model(
            tiny_model(), LoraConfig(r=4, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM")
        )
    torch.manual_seed(1)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1)
    model.save_pretrained(str(tmp_path), save_embedding_layers=False)
    return tmp_path


def edit(folder: Path, change: dict[str, torch.Tensor], drop: str = "") -> None:
    """Rewrite an adapter's tensors."""
    tensors = {name: tensor for name, tensor in load_file(folder / ADAPTER_WEIGHTS).items() if name != drop}
    save_file({**tensors, **change}, folder / ADAPTER_WEIGHTS)


def logits(base: Path, adapter: Path | None, which: Cell) -> torch.Tensor:
    model = load_cell_model(base, adapter, which)
    assert not model.training
    with torch.no_grad():
        output: torch.Tensor = model(input_ids=IDS).logits
    return output


def test_forms(base: Path, adapter: Path) -> None:
    plain = logits(base, adapter, cell(Form.BASE))
    adapted = logits(base, adapter, cell(Form.ADAPTER))
    merged = logits(base, adapter, cell(Form.MERGED))
    torch.testing.assert_close(plain, tiny_model()(input_ids=IDS).logits.detach())
    torch.testing.assert_close(merged, adapted, rtol=0, atol=1e-4)
    assert (adapted - plain).abs().max() > 1e-2


@pytest.mark.parametrize("dtype", list(DType))
@pytest.mark.parametrize("form", list(Form))
def test_dtypes(base: Path, adapter: Path, form: Form, dtype: DType) -> None:
    model = load_cell_model(base, adapter, cell(form, dtype))
    kinds = {
        str(weight.dtype).removeprefix("torch.") for name, weight in model.named_parameters() if "lora" not in name
    }
    assert kinds == {dtype.value}
    adapters = {weight.dtype for name, weight in model.named_parameters() if "lora" in name}
    assert adapters == ({torch.float32} if form is Form.ADAPTER else set())


def test_a_merge_is_made_in_float32(base: Path, adapter: Path) -> None:
    exact = load_cell_model(base, adapter, cell(Form.MERGED))
    half = load_cell_model(base, adapter, cell(Form.MERGED, DType.BFLOAT16))
    for (name, weight), (_, rounded) in zip(exact.named_parameters(), half.named_parameters(), strict=True):
        assert torch.equal(weight.to(torch.bfloat16), rounded), name


def test_not_a_number_in_the_adapter(base: Path, adapter: Path) -> None:
    name = next(name for name in load_file(adapter / ADAPTER_WEIGHTS) if "lora_B" in name)
    edit(adapter, {name: torch.full_like(load_file(adapter / ADAPTER_WEIGHTS)[name], float("nan"))})
    with pytest.raises(CandidateError, match="cannot be merged: NaNs"):
        load_cell_model(base, adapter, cell(Form.MERGED))


def test_tensors_that_do_not_fit(base: Path, adapter: Path) -> None:
    name = next(iter(load_file(adapter / ADAPTER_WEIGHTS)))
    edit(adapter, {}, drop=name)
    with pytest.raises(CandidateError, match="1 missing, 0 unexpected"):
        load_cell_model(base, adapter, cell(Form.ADAPTER))
    edit(adapter, {name.replace("layers.0", "layers.99"): torch.zeros(4, 64)})
    with pytest.raises(CandidateError, match="1 missing, 1 unexpected"):
        load_cell_model(base, adapter, cell(Form.MERGED))
    edit(adapter, {name: torch.zeros(5, 5)})
    with pytest.raises(CandidateError, match="does not load on this base"):
        load_cell_model(base, adapter, cell(Form.ADAPTER))


@pytest.mark.parametrize("name", [ADAPTER_CONFIG, ADAPTER_WEIGHTS])
@pytest.mark.parametrize("content", [b"", b"{", b"\x00" * 64])
def test_broken_adapter_files(base: Path, adapter: Path, name: str, content: bytes) -> None:
    (adapter / name).write_bytes(content)
    with pytest.raises(CandidateError) as error:
        load_cell_model(base, adapter, cell(Form.ADAPTER))
    assert "\n" not in str(error.value)


def test_an_adapter_for_other_modules(base: Path, adapter: Path) -> None:
    config = json.loads((adapter / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    (adapter / ADAPTER_CONFIG).write_text(json.dumps({**config, "target_modules": ["c_attn"]}), encoding="utf-8")
    with pytest.raises(CandidateError, match="does not load on this base"):
        load_cell_model(base, adapter, cell(Form.ADAPTER))


@pytest.mark.parametrize("content", [b"", b"{", b'{"model_type": "no such model"}'])
def test_broken_base(base: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_bytes(content)
    (tmp_path / "model.safetensors").write_bytes((base / "model.safetensors").read_bytes())
    with pytest.raises(CandidateError, match="cannot load the base model") as error:
        load_base(tmp_path, cell(Form.BASE))
    assert "\n" not in str(error.value)


def test_nothing_at_all(tmp_path: Path) -> None:
    with pytest.raises(CandidateError, match="there is no base model"):
        load_base(tmp_path / "nothing", cell(Form.BASE))
    with pytest.raises(CandidateError, match="cannot load the tokenizer"):
        load_tokenizer(tmp_path)


def test_a_tokenizer_without_template(tmp_path: Path) -> None:
    from tests.models.tiny import tiny_tokenizer

    tiny_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(CandidateError, match="has no chat template"):
        load_tokenizer(tmp_path)


def test_a_device_that_is_not_there(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="cell cuda-float16-base cannot run here"):
        load_base(base, Cell(Device.CUDA, DType.FLOAT16, Form.BASE))
