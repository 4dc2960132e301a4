"""``python -m backend.training latent-transformer``: train the learned comparison of the evaluation.

As its author's program does by default, the loss compares latents alone (Endo 2022): the change of w+ that made the
second picture out of the first has to be found from how a few points moved. Where the pairs come from:
`backend.evaluation.latent_transformer_pairs`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from backend.errors import PullfaceError
from backend.evaluation.latent_transformer import WEIGHTS, LatentTransformer, Shape, header
from backend.evaluation.latent_transformer_pairs import ENTRIES, Pairs, collect, joined
from backend.models import find, load
from backend.models.catalogue import DEFAULT_MODEL
from backend.models.model import Model

from . import checkpoint
from .interruption import Interruption

_STOPPED = 130
_HELD_OUT = 20
"""One in so many pairs is never trained on."""

_SAVE_EVERY = 200
"""Steps between checkpoints."""


def draw(pairs: Pairs, count: int, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """A batch of `count` items that all have the same random number of points.

    Few points come from landmarks and from the flow of one pair. Many, at times, are landmarks of two pictures that
    have nothing to do with each other: what is asked when one face's landmarks are to be where another's are.

    Returns:
        ws, features, places, ways: see `LatentTransformer.forward`; the true change of ws.
    """
    landmarks = pairs.landmarks.shape[1]
    rows = torch.randint(len(pairs), (count,), generator=random)
    points = _number_of_points(landmarks, random)
    if points >= 5 and float(torch.rand((), generator=random)) < 0.5:
        others = torch.randint(len(pairs), (count,), generator=random)
        before, after = pairs.before[rows], pairs.before[others]
        begins, features, ends = pairs.landmarks[rows], pairs.features[rows], pairs.landmarks[others]
        sure = torch.ones(begins.shape[:2])
    else:
        before, after = pairs.before[rows], pairs.after[rows]
        begins = torch.cat([pairs.landmarks[rows], pairs.flow[rows]], dim=1)
        ends = torch.cat([pairs.ends[rows], pairs.flow_ends[rows]], dim=1)
        features = torch.cat([pairs.features[rows], pairs.flow_features[rows]], dim=1)
        sure = begins[..., 0].isfinite().float()
    chosen = torch.multinomial(sure, points, generator=random)  # without replacement
    begins, ends, features = (
        some.gather(1, chosen[..., None].expand(-1, -1, some.shape[-1])) for some in (begins, ends, features)
    )
    return before, features.float(), begins, ends - begins, after - before


def _number_of_points(landmarks: int, random: torch.Generator) -> int:
    """1 in three tenths of all batches, all landmarks in as many, anything between in the others."""
    kind = float(torch.rand((), generator=random))
    if kind < 0.3:
        return 1
    if kind > 0.7:
        return landmarks
    return round(math.exp(float(torch.rand((), generator=random)) * math.log(landmarks)))


class Training:
    """The network, its optimiser and where it stands; `run` goes on with what an earlier one left.

    Args:
        folder: for pairs and checkpoint.
        model: whose latents they are.
        pairs: from `collect`.
        steps, batch, learning_rate, seed: of Adam.
    """

    def __init__(
        self,
        folder: Path,
        model: Model,
        pairs: Pairs,
        steps: int,
        batch: int = 64,
        learning_rate: float = 1e-3,
        seed: int = 0,
    ) -> None:
        self.folder, self.model, self.steps, self.batch = folder, model, steps, batch
        self.held_out = pairs.part(slice(0, max(1, len(pairs) // _HELD_OUT)))
        self.pairs = pairs.part(slice(len(self.held_out), None))
        torch.manual_seed(seed)
        channels, w_dim = pairs.features.shape[-1], pairs.before.shape[-1]
        self.network = LatentTransformer(Shape(channels, ENTRIES, w_dim))
        read = pairs.features.float().flatten(0, 1)
        self.network.feature_mean.copy_(read.mean(dim=0))
        self.network.feature_std.copy_(read.std(dim=0) + 1e-6)
        self.network.w_mean.copy_(model.w_mean.cpu())
        self.network.w_scale.copy_(model.w_std.square().mean().sqrt().cpu())
        self._rate = learning_rate
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=learning_rate, betas=(0.9, 0.99), weight_decay=0.01
        )
        self.done = 0
        if self._checkpoint.is_file():
            checkpoint.restore(self._checkpoint, {"network": self.network}, {"network": self._optimizer})
            self.done = checkpoint.read_progress(self._checkpoint)["steps"]
        self._seed = seed

    @property
    def _checkpoint(self) -> Path:
        return self.folder / "latent-transformer.safetensors"

    def run(self, interruption: Interruption) -> bool:
        """Train to the end; False when stopped before, with all that is done kept."""
        bar = tqdm(total=self.steps, initial=self.done, desc="latent transformer", mininterval=2)
        while self.done < self.steps and not interruption.asked:
            loss = self._step()
            bar.update()
            bar.set_postfix(error=f"{loss:.3f}", refresh=False)
            if self.done % _SAVE_EVERY == 0:
                self.save()
        bar.close()
        self.save()
        return self.done >= self.steps

    def _step(self) -> float:
        # Of each step's own seed: a run that was stopped and goes on sees the same.
        random = torch.Generator().manual_seed(self._seed * 1_000_003 + self.done)
        ws, features, places, ways, wanted = draw(self.pairs, self.batch, random)
        part = self.done / max(1, self.steps)
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate * min(1, (self.done + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * part))
        loss = self._error(self.network(ws, features, places, ways), wanted)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimizer.step()
        self.done += 1
        return loss.item()

    def _error(self, found: Tensor, wanted: Tensor) -> Tensor:
        """Mean square, in units of the spread of w."""
        return (found - wanted).square().mean() / self.network.w_scale.square()

    def save(self) -> None:
        """Write the checkpoint."""
        checkpoint.save(
            self._checkpoint, {"network": self.network}, {"network": self._optimizer}, {"steps": self.done}
        )

    @torch.no_grad()
    def evaluate(self, batches: int = 16) -> float:
        """The error on pairs never trained on, as a part of that of changing nothing."""
        random = torch.Generator().manual_seed(1)
        error = nothing = 0.0
        for _ in range(batches):
            *given, wanted = draw(self.held_out, self.batch, random)
            error += float(self._error(self.network(*given), wanted))
            nothing += float(self._error(torch.zeros(()), wanted))
        return error / nothing

    def export(self, output: Path) -> None:
        """Write the weights in float16, with the sizes and what tells their generator in the header."""
        state = {key: value.half().contiguous() for key, value in self.network.state_dict().items()}
        about = header(self.network, self.model.generator) | {
            "steps": json.dumps(self.done),
            "pairs": json.dumps(len(self.pairs)),
        }
        partial = output.with_suffix(".partial")
        save_file(state, partial, metadata=about)
        os.replace(partial, output)


def train(
    folder: Path, model: Model, output: Path, faces: int = 1000, steps: int = 4000, seed: int = 0
) -> bool:
    """Draw the pairs, train, write `output`; the same call goes on with what an earlier one left in `folder`.

    Returns:
        False when it was stopped with Ctrl+C.

    Raises:
        PullfaceError: ``no_face_found``, ``no_detector``, ``no_flow``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with Interruption() as interruption:
        parts = []
        for made in tqdm(
            collect(folder, model, faces, seed, lambda: interruption.asked), "faces", faces, mininterval=2
        ):
            parts += [] if made is None else [made]
        if interruption.asked:
            return False
        training = Training(folder, model, joined(parts), steps, seed=seed)
        if not training.run(interruption):
            return False
    training.export(output)
    print(f"held-out pairs: error {training.evaluate():.3f} of that of no change; wrote {output}")
    return True


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser("latent-transformer", help="train the learned comparison of the evaluation")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="a name or a file")
    parser.add_argument("--run", type=Path, required=True, help="folder for pairs and checkpoint")
    parser.add_argument("--faces", type=int, default=1000, help="random faces, each changed twice")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    parser.set_defaults(function=_run)


def _run(arguments: argparse.Namespace) -> int:
    if min(arguments.faces, arguments.steps) < 1:
        raise PullfaceError("bad_options", "--faces and --steps have to be at least 1.", "Leave them out.")
    model = load(find(arguments.model).path, "cpu")
    finished = train(arguments.run, model, arguments.output, arguments.faces, arguments.steps, arguments.seed)
    if not finished:
        print("stopped; run the same command again to go on")
    return 0 if finished else _STOPPED
