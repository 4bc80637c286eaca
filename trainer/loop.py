"""TRL's supervised trainer with one metric more: the accuracy over call tokens, which replies do not dilute.

Imports torch and TRL at its top, because it subclasses TRL's trainer: import it inside the function that trains.
"""

from typing import Any

import torch
from peft import PeftModel
from trl.trainer.sft_trainer import SFTTrainer

CALL_ACCURACY = "call_token_accuracy"


class CallTrainer(SFTTrainer):
    """Trains on rows whose batches carry `call_mask`: which labels (or `shift_labels`, if given) belong to a call."""

    def __init__(self, model: PeftModel, **settings: Any) -> None:
        """As SFTTrainer's; the model is watched for the token accuracies its fused head computes."""
        super().__init__(model=model, **settings)
        self._outputs: Any = None
        self._right = 0
        self._seen = 0
        model.register_forward_hook(self._keep)

    def _keep(self, _module: torch.nn.Module, _args: tuple[Any, ...], outputs: Any) -> None:
        self._outputs = outputs

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """TRL's loss; counts the call tokens predicted right on the way."""
        in_call = inputs.pop("call_mask")
        if "shift_labels" not in inputs:
            in_call = in_call[:, 1:]  # the output at a position predicts the next token
        untyped: Any = super()
        loss = untyped.compute_loss(model, inputs, return_outputs, num_items_in_batch)
        scored = in_call.bool() & self._outputs.label_mask
        self._right += int(self._outputs.is_top1[scored].sum())
        self._seen += int(scored.sum())
        self._outputs = None
        return loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the call token accuracy since the last log."""
        if self._seen:
            logs[CALL_ACCURACY] = self._right / self._seen
            self._right = self._seen = 0
        super().log(logs, start_time)
