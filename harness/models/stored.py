"""Prompts and completions out of the store, and tokenizer and model only for what is not in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast

from harness.calls.functions import FunctionSet
from harness.calls.prompt import Prompt
from harness.jsontypes import Json
from harness.models.decoding import Backend, Completion, StopReason
from harness.models.fingerprint import tokenizer_fingerprint
from harness.models.store import Store, key
from harness.versions import installed_version

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_Value = TypeVar("_Value")
ENGINE = 1  # to be raised when the engine may answer differently


def versions(*packages: str) -> list[Json]:
    """Packages with their versions, for a key."""
    return [f"{package} {installed_version(package)}" for package in packages]


@dataclass(slots=True)
class StoredTokens:
    """What a tokenizer makes of requests and answers; it is loaded when the store lacks something."""

    source: str
    store: Store
    _tokenizer: "PreTrainedTokenizerBase | None" = field(default=None, init=False)
    _known: dict[str, Json] = field(default_factory=dict, init=False)
    _identity: list[Json] = field(default_factory=list, init=False)

    @property
    def tokenizer(self) -> "PreTrainedTokenizerBase":
        """The tokenizer itself. Raises CandidateError."""
        from harness.models.loading import load_tokenizer

        if self._tokenizer is None:
            self._tokenizer = load_tokenizer(self.source)
        return self._tokenizer

    @property
    def template_sha256(self) -> str:
        """The SHA-256 of its chat template."""
        from harness.models.loading import template_fingerprint

        (value,) = self._all([self._key("template")], lambda _: template_fingerprint(self.tokenizer), _text)
        return value

    def prompts(self, functions: FunctionSet, requests: Sequence[str], developer: str) -> tuple[Prompt, ...]:
        """The prompts that ask `requests`."""
        from harness.calls.prompt import build_prompt

        def build(index: int) -> Json:
            prompt = build_prompt(self.tokenizer, functions, requests[index], developer=developer)
            return [prompt.text, list(prompt.ids)]

        declared = functions.fingerprint
        keys = [self._key("prompt", declared, developer, request) for request in requests]
        return tuple(self._all(keys, build, _prompt))

    def ids(self, texts: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        """The token ids of texts as they stand."""
        from harness.calls.prompt import token_ids

        keys = [self._key("ids", text) for text in texts]
        return tuple(self._all(keys, lambda index: list(token_ids(self.tokenizer, texts[index])), _ids))

    @property
    def identity(self) -> list[Json]:
        """All that its work depends on: its files and the libraries. Raises CandidateError where there are no files."""
        if not self._identity:
            self._identity = [tokenizer_fingerprint(self.source), *versions("transformers", "tokenizers", "jinja2")]
        return self._identity

    def _key(self, kind: str, *parts: Json) -> str:
        return key(kind, self.identity, *parts)

    def _all(
        self, keys: Sequence[str], compute: Callable[[int], Json], decode: Callable[[Json], _Value]
    ) -> list[_Value]:
        """The values of `keys` in their order: known, stored, or computed from their index, and then kept."""
        unknown = [name for name in keys if name not in self._known]
        self._known |= {name: value for name, value in self.store.get(unknown).items() if _reads(decode, value)}
        fresh = {name: compute(index) for index, name in enumerate(keys) if name not in self._known}
        self.store.put(fresh)
        self._known |= fresh
        return [decode(self._known[name]) for name in keys]


def _reads(decode: Callable[[Json], object], value: Json) -> bool:
    """Whether a stored value is one of those that are put there."""
    try:
        decode(value)
    except ValueError:
        return False
    return True


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return value


def _ids(value: Json) -> tuple[int, ...]:
    if not isinstance(value, list) or not set(map(type, value)) <= {int}:
        raise ValueError("no list of numbers")
    return tuple(cast(list[int], value))


def _prompt(value: Json) -> Prompt:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("no pair")
    return Prompt(_text(value[0]), _ids(value[1]))


@dataclass(slots=True, kw_only=True)
class StoredBackend:
    """Completions of one model, the engine loaded for the first that is not stored, and kept batch by batch.

    `identity` is all that an answer depends on but the prompt: weights, dtype, device, stop ids, versions.
    """

    identity: Sequence[Json]
    load: Callable[[], Backend]
    batch_size: int
    store: Store
    _engine: Backend | None = field(default=None, init=False)

    def complete(
        self, prompts: Sequence[Prompt], drafts: Sequence[tuple[int, ...] | None] | None = None
    ) -> list[Completion]:
        """See `Backend`; the first call may load the model, and raise what loading raises."""
        guesses = drafts or [None] * len(prompts)
        keys = [key("completion", ENGINE, list(self.identity), list(prompt.ids)) for prompt in prompts]
        stored = self.store.get(keys)
        done = {name: _completion(value) for name, value in stored.items() if _reads(_completion, value)}
        missing = [index for index, name in enumerate(keys) if name not in done]
        for start in range(0, len(missing), self.batch_size):
            batch = missing[start : start + self.batch_size]
            fresh = self._generate([prompts[index] for index in batch], [guesses[index] for index in batch])
            done |= (made := {keys[index]: completion for index, completion in zip(batch, fresh, strict=True)})
            self.store.put({name: _json(completion) for name, completion in made.items()})
        return [done[name] for name in keys]

    def _generate(self, prompts: list[Prompt], drafts: list[tuple[int, ...] | None]) -> list[Completion]:
        if self._engine is None:
            self._engine = self.load()
        return self._engine.complete(prompts, drafts)


def _json(completion: Completion) -> Json:
    return {
        "token_ids": list(completion.token_ids),
        "text": completion.text,
        "stop": completion.stop.value,
        "margin": completion.margin,
        "finite": completion.finite,
    }


def _completion(value: Json) -> Completion:
    """The completion that was stored; ValueError where it is none."""
    if not isinstance(value, dict) or set(value) != {"token_ids", "text", "stop", "margin", "finite"}:
        raise ValueError("no completion")
    return Completion(
        token_ids=_ids(value["token_ids"]),
        text=_text(value["text"]),
        stop=StopReason(_text(value["stop"])),
        margin=float(str(value["margin"])),
        finite=value["finite"] is True,
        stored=True,
    )
