"""Train one of the two networks, with checkpoints; starts where it stopped.

    python training/train.py label build/training/pool build/training/label
    python training/train.py locate build/training/pool build/training/locate --minutes 60

Runs on a GPU where there is one, else on the CPU with ``--threads`` threads (one a process is best where several share
a machine). Every sample is drawn afresh from the pool, with the iteration's number as its seed; the learning rate
depends on that number alone. `checkpoint.pt` in the output folder holds everything needed to go on; `log.csv`:
iterations, seconds, mean loss, learning rate, anatomies in the pool. ``--minutes`` only stops it; the same command
again goes on.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from torch.nn import functional

from marrowmap.anatomy.networks import LABELS
from networks import UNet
from paint import HEATS
from paint import ROUGH_LABELS
from paint import Anatomy
from paint import Painter
from paint import load_anatomy

TOP_RATE = 1e-3
WARM_UP = 200
AVERAGE = 0.999
KEEP_SECONDS = 240.0
HEAT_WEIGHT = 2.0
KNEE_SHARE = 0.34
LOGGED = 100
ITERATIONS = {"label": 8000, "locate": 4800}
"""How long each network is trained."""
SEEDS = {"label": 1_000, "locate": 500_000_000}
"""Of the first iteration's samples; the next ones count up."""


class Pool:
    """The stored anatomies, drawn from: hips twice as often as knees."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.kinds: dict[str, list[Anatomy]] = {"hips": [], "knees": []}
        for path in sorted(files):
            anatomy = load_anatomy(path)
            self.kinds[anatomy.kind].append(anatomy)
        if not all(self.kinds.values()):
            raise SystemExit("the pool holds no hips or no knees: draw them with anatomies.py")
        self.count = sum(len(kind) for kind in self.kinds.values())

    def draw(self, rng: np.random.Generator) -> Anatomy:
        """Draw an anatomy."""
        kind = self.kinds["knees" if rng.random() < KNEE_SHARE else "hips"]
        return kind[int(rng.integers(len(kind)))]


def overlap_loss(chances: torch.Tensor, target: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """One minus soft Dice, mean over the classes that are in the picture (absent ones only drag everything to zero)."""
    wanted = functional.one_hot(target, chances.shape[1]).movedim(-1, 1).float() * seen[:, None]
    chances = chances * seen[:, None]
    both = (chances * wanted).sum((2, 3, 4))
    total = chances.sum((2, 3, 4)) + wanted.sum((2, 3, 4))
    there = wanted.sum((2, 3, 4)) > 20
    there[:, 0] = False
    dice = (2 * both + 1) / (total + 1)
    return (1 - dice[there]).mean() if there.any() else chances.sum() * 0


def label_loss(logits: torch.Tensor, target: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
    """Cross-entropy plus Dice by class and of all bone together, within the view."""
    entropy = (functional.cross_entropy(logits, target, reduction="none") * view).sum() / view.sum().clamp_min(1)
    chances = logits.softmax(1)
    bone = torch.stack([chances[:, 0], 1 - chances[:, 0]], dim=1)
    union = overlap_loss(bone, (target > 0).long(), view)
    return entropy + overlap_loss(chances, target, view) + union


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read the weights of a network that was exported as ONNX."""
    stored = onnx.load(path).graph.initializer
    return {entry.name: torch.from_numpy(onnx.numpy_helper.to_array(entry).copy()) for entry in stored}


class Run:
    """A network in training and all that is needed to go on later."""

    def __init__(self, network: str, out: Path, shipped: Path | None) -> None:
        self.network, self.label = network, network == "label"
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.out = out
        self.classes = len(LABELS if self.label else ROUGH_LABELS)
        torch.manual_seed(7 if self.label else 8)
        self.net = UNet(self.classes + (0 if self.label else len(HEATS))).to(self.device)
        if shipped is not None:
            self.net.load_state_dict(read_weights(shipped))
        self.mean = {name: value.detach().clone() for name, value in self.net.state_dict().items()}
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=TOP_RATE, weight_decay=1e-4)
        self.done, self.seconds = 0, 0.0
        self.checkpoint = out / "checkpoint.pt"
        if self.checkpoint.exists():
            stored = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
            self.net.load_state_dict(stored["net"])
            self.optimizer.load_state_dict(stored["optimizer"])
            self.mean, self.done, self.seconds = stored["mean"], stored["iterations"], stored["seconds"]

    def keep(self, spent: float) -> None:
        """Store everything, all or nothing."""
        state = {"net": self.net.state_dict(), "mean": self.mean, "optimizer": self.optimizer.state_dict()}
        part = self.checkpoint.with_suffix(".part")
        torch.save(state | {"iterations": self.done, "seconds": self.seconds + spent}, part)
        part.rename(self.checkpoint)

    def step(self, pool: Pool, batch: int, rate: float) -> float:
        """Learn from a few fresh samples; returns the loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        painter = Painter(SEEDS[self.network] + self.done)
        draw = painter.label_sample if self.label else painter.locate_sample
        samples = [draw(pool.draw(painter.rng)) for _ in range(batch)]
        image, target, *heats = (torch.stack(part).to(self.device) for part in zip(*samples, strict=True))
        with torch.autocast(self.device, torch.bfloat16):
            logits = self.net(image)
        logits = logits.float()
        view = image[:, 1]
        loss = label_loss(logits[:, : self.classes], target, view)
        if heats:
            said = logits[:, self.classes :].sigmoid()
            # Spots are small: to say "nowhere" must cost as much as any other mistake.
            off = ((1 + 30 * heats[0]) * (said - heats[0]) ** 2 * view[:, None]).sum()
            loss = loss + HEAT_WEIGHT * off / (30 * (heats[0] ** 2).sum() + 300)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimizer.step()
        self.done += 1
        with torch.no_grad():
            decay = min(AVERAGE, 1 - 1 / (self.done + 1))
            for name, value in self.net.state_dict().items():
                self.mean[name].lerp_(value, 1 - decay)
        return float(loss.detach())


def rate_at(iteration: int, iterations: int) -> float:
    """Return the learning rate of an iteration (from 0): a warm-up, then a cosine down to a hundredth at the last."""
    warm = min(1.0, (iteration + 1) / WARM_UP)
    return TOP_RATE * warm * max(0.5 * (1 + math.cos(math.pi * iteration / iterations)), 0.01)


def train(
    network: str,
    files: Sequence[Path],
    out: Path,
    iterations: int,
    *,
    minutes: float = math.inf,
    shipped: Path | None = None,
    batch: int = 1,
) -> bool:
    """Train a network until it has seen `iterations`, from its checkpoint where there is one.

    Every iteration draws with a seed of its own, so that the outcome is the same however often it was interrupted.

    Parameters
    ----------
    network : str
        ``label`` or ``locate``.
    files : sequence of Path
        The pool of anatomies.
    out : Path
        Folder for ``checkpoint.pt`` and ``log.csv``.
    iterations : int
        In all, those before an interruption included; also where the learning rate ends.
    minutes : float
        Stop after so long.
    shipped : Path, optional
        An exported ONNX to begin with where there is no checkpoint.
    batch : int
        Samples in an iteration.

    Returns
    -------
    bool
        Whether it is done.
    """
    out.mkdir(parents=True, exist_ok=True)
    run = Run(network, out, shipped)
    pool = Pool(files)
    start = kept = time.monotonic()
    losses: list[float] = []
    while run.done < iterations and (spent := time.monotonic() - start) < minutes * 60:
        rate = rate_at(run.done, iterations)
        losses.append(run.step(pool, batch, rate))
        if run.done % LOGGED == 0:
            with (out / "log.csv").open("a", newline="") as stream:
                row = [run.done, round(run.seconds + spent, 1), f"{np.mean(losses):.4f}", f"{rate:.2e}"]
                csv.writer(stream).writerow([*row, pool.count])
            losses = []
        if time.monotonic() - kept > KEEP_SECONDS:
            run.keep(time.monotonic() - start)
            kept = time.monotonic()
    run.keep(time.monotonic() - start)
    return run.done >= iterations


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=tuple(ITERATIONS))
    parser.add_argument("pool", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--iterations", type=int, help="in all, those of the checkpoint included")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so long; the same command goes on")
    parser.add_argument("--begin-with", type=Path, help="an exported ONNX, where there is no checkpoint")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    iterations = given.iterations or ITERATIONS[given.network]
    files = sorted(given.pool.glob("*.npz"))
    more = {"minutes": given.minutes, "shipped": given.begin_with, "batch": given.batch}
    done = train(given.network, files, given.out, iterations, **more)
    print(f"{given.network}: {'done' if done else 'stopped before its end; the same command goes on'}")


if __name__ == "__main__":
    main()
