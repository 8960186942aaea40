"""Train the networks that read lines through a femoral head (``measure/data/*_lines.npz``).

    python training/heads.py build/training/heads                          # half an hour on one core
    python training/lines.py build/training/heads build/training/lines
    python training/fit_lines.py build/training/lines band src/marrowmap/measure/data/band_lines.npz

and the same for ``surface`` (``--epochs 14``): some minutes each on one core, too short to need checkpoints. Every
fifth head is held out and only judged.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

TARGETS = ("band", "surface")
HIDDEN = (48, 24)
EPOCHS = 30
BATCH = 128
LEARNING_RATE = 2e-3


def fit(source: Path, target: str, out: Path, epochs: int) -> None:
    """Train one network and write its weights."""
    torch.manual_seed(0)
    half = 16
    stored = np.load(source / f"{target}.npz")
    shown, step = torch.from_numpy(stored["shown"].astype(np.float32)), torch.from_numpy(stored["step"])
    possible, outward = torch.from_numpy(stored["possible"]), torch.from_numpy(stored["outward"])
    held = torch.from_numpy(stored["head"] % 5 == 0)

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            first, second = HIDDEN
            self.layers = torch.nn.ModuleList(
                [
                    torch.nn.Conv1d(3, first, 2 * half + 1),
                    torch.nn.Conv1d(first, second, 1),
                    torch.nn.Conv1d(second, 1, 1),
                ]
            )
            self.none = torch.nn.Parameter(torch.zeros(1))

        def forward(self, lines: Any, turned: Any) -> Any:
            values = lines.permute(0, 2, 1)
            values = torch.where(turned[:, None, None], values.flip(-1), values)
            values = functional.pad(values, (half, half), mode="replicate")
            for number, layer in enumerate(self.layers):
                values = layer(values if number == 0 else torch.relu(values))
            logits = values[:, 0]
            return torch.where(turned[:, None], logits.flip(-1), logits)

    def judge(network: Any, chosen: Any, lines: Any) -> tuple[Any, Any]:
        logits = network(lines, outward[chosen]).masked_fill(~possible[chosen], -30.0)
        logits = torch.cat([logits, network.none.expand(len(logits), 1)], dim=1)
        chance = torch.log_softmax(logits, dim=1)
        at = step[chosen]
        weight = torch.exp(-0.5 * ((torch.arange(shown.shape[1])[None] - at[:, None]) / 0.8) ** 2) * possible[chosen]
        weight = weight / (weight.sum(dim=1, keepdim=True) + 1e-6)
        return torch.where(at >= 0, -(weight * chance[:, :-1]).sum(dim=1), -chance[:, -1]).mean(), chance

    network = Network()
    train, test = torch.nonzero(~held)[:, 0], torch.nonzero(held)[:, 0]
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * (len(train) // BATCH))
    begin = time.perf_counter()
    for epoch in range(epochs):
        order = train[torch.randperm(len(train))]
        for first in range(0, len(order) - BATCH + 1, BATCH):
            chosen = order[first : first + BATCH]
            lines = shown[chosen]
            level = torch.empty(len(chosen), 1, 2).uniform_(0.85, 1.15)
            depth = lines[..., 2:]
            if target == "surface":
                # The surface shall be seen, not guessed from where a round head would have it.
                depth = depth + torch.empty(len(chosen), 1, 1).uniform_(-0.5, 0.5)
            lines = torch.cat([lines[..., :2] * level, depth], dim=-1)
            loss, _ = judge(network, chosen, lines + 0.02 * torch.randn_like(lines))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if epoch % 4 == 3 or epoch == epochs - 1:
            with torch.no_grad():
                loss, chance = judge(network, test, shown[test])
            best, hit = chance.argmax(dim=1), step[test] >= 0
            none = best == chance.shape[1] - 1
            error = (best[hit & ~none] - step[test][hit & ~none]).abs() * 0.5
            missed, wrong = none[hit].float().mean(), (~none)[~hit].float().mean()
            figures = f"missed {missed:.3f}, false {wrong:.4f}, error {error.median():.2f} mm"
            print(f"{epoch + 1}: loss {loss:.3f}, {figures}, {time.perf_counter() - begin:.0f} s", flush=True)
    state = {name: value.detach().numpy() for name, value in network.named_parameters()}
    arrays = {}
    for number in range(3):
        weight = state[f"layers.{number}.weight"]
        arrays[f"weight{number}"] = weight.reshape(len(weight), -1).T.astype(np.float16)
        arrays[f"bias{number}"] = state[f"layers.{number}.bias"].astype(np.float32)
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(out, **arrays, none=state["none"][0])


def main() -> None:
    """Fit one network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    fit(given.folder, given.target, given.out, given.epochs)


if __name__ == "__main__":
    main()
