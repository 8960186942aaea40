"""Train one of the two networks, with checkpoints; starts where it stopped.

    python training/train.py label build/training/pool build/training/label --minutes 120
    python training/train.py locate build/training/pool build/training/locate --minutes 120

Runs on a GPU where there is one, else on the CPU with ``--threads`` threads (one a process is best where several share
a machine). Every sample is drawn afresh from the pool. `checkpoint.pt` in the output folder holds everything needed to
go on; `log.csv` the loss. A second run with more ``--minutes`` goes on from the checkpoint, its learning rate falling
to zero over the new time.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from torch.nn import functional

from networks import UNet
from paint import HEATS
from paint import LABELS
from paint import ROUGH_LABELS
from paint import Anatomy
from paint import Painter
from paint import load_anatomy

TOP_RATE = 1e-3
WARM_UP = 200
AVERAGE = 0.999
KEEP_SECONDS = 240.0
HEAT_WEIGHT = 2.0


class Pool:
    """The stored anatomies; files that come later are found on the way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[Path, Anatomy] = {}
        self.look()

    def look(self) -> None:
        """Load files that are new."""
        for path in sorted(self.folder.glob("*.npz")):
            if path not in self.known:
                self.known[path] = load_anatomy(path)

    def draw(self, rng: np.random.Generator) -> Anatomy:
        """Draw an anatomy: hips twice as often as knees."""
        kinds = {kind: [a for a in self.known.values() if a.kind == kind] for kind in ("hips", "knees")}
        kind = "knees" if kinds["knees"] and rng.random() < 0.34 else "hips"
        return kinds[kind][int(rng.integers(len(kinds[kind])))]


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
        self.label = network == "label"
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
        self.painter = Painter(1000 + self.done + (0 if self.label else 500_000))

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
        draw = self.painter.label_sample if self.label else self.painter.locate_sample
        samples = [draw(pool.draw(self.painter.rng)) for _ in range(batch)]
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=["label", "locate"])
    parser.add_argument("pool", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--begin-with", type=Path, help="an exported ONNX, where there is no checkpoint")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    run = Run(given.network, given.out, given.begin_with)
    pool = Pool(given.pool)
    start = kept = time.monotonic()
    first, losses = run.done, []
    while (spent := time.monotonic() - start) < given.minutes * 60:
        share = spent / (given.minutes * 60)
        warm = min(1.0, (run.done - first + 1) / WARM_UP)
        rate = TOP_RATE * warm * max(0.5 * (1 + math.cos(math.pi * share)), 0.01)
        losses.append(run.step(pool, given.batch, rate))
        if len(losses) == 100:
            with (given.out / "log.csv").open("a", newline="") as stream:
                row = [run.done, round(run.seconds + spent, 1), f"{np.mean(losses):.4f}", f"{rate:.2e}"]
                csv.writer(stream).writerow([*row, len(pool.known)])
            losses = []
            pool.look()
        if time.monotonic() - kept > KEEP_SECONDS:
            run.keep(time.monotonic() - start)
            kept = time.monotonic()
    run.keep(time.monotonic() - start)


if __name__ == "__main__":
    main()
