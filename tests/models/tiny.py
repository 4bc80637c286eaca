"""A throw-away Gemma 3 with random weights and a byte-level tokenizer with FunctionGemma's ids, made in no time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

SPECIAL = {
    0: "<pad>",
    1: "<eos>",
    2: "<bos>",
    3: "<unk>",
    46: "<start_function_declaration>",
    47: "<end_function_declaration>",
    48: "<start_function_call>",
    49: "<end_function_call>",
    50: "<start_function_response>",
    51: "<end_function_response>",
    52: "<escape>",
    105: "<start_of_turn>",
    106: "<end_of_turn>",
}
VOCABULARY = 384


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, and the special tokens at the ids they have in FunctionGemma."""
    letters = iter(sorted(pre_tokenizers.ByteLevel.alphabet()))
    vocabulary = {SPECIAL.get(i) or next(letters, f"<unused{i}>"): i for i in range(VOCABULARY)}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL.values()])
    untyped: Any = PreTrainedTokenizerFast
    tokenizer: PreTrainedTokenizerFast = untyped(
        tokenizer_object=backend, pad_token="<pad>", eos_token="<eos>", bos_token="<bos>", unk_token="<unk>"
    )
    return tokenizer


SLIDING_AND_FULL = ("sliding_attention", "full_attention") * 2


def tiny_model(
    seed: int = 0, vocabulary: int = VOCABULARY, window: int = 16, layers: Sequence[str] = SLIDING_AND_FULL
) -> Gemma3ForCausalLM:
    """Four layers, two of them sliding over 16 tokens; weights large enough that logits differ clearly."""
    torch.manual_seed(seed)
    config = Gemma3TextConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=len(layers),
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        query_pre_attn_scalar=32,
        max_position_embeddings=4096,
        sliding_window=window,
        layer_types=list(layers),
        initializer_range=0.3,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=2,
    )
    model = Gemma3ForCausalLM(config)
    model.generation_config.eos_token_id = [1, 106, 50]
    model.train(False)
    return model


PLAIN_TEMPLATE = "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}"


def save_base(folder: Path, seed: int = 0, template: str = PLAIN_TEMPLATE) -> Path:
    """Write model and tokenizer as a base folder."""
    tiny_model(seed).save_pretrained(folder)
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return folder
