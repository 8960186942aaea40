"""Train the network that sees fracture lines under the joint surface (``measure/data/fracture_lines.onnx``).

    python training/heads.py build/training/heads --count 400
    python training/sheets.py build/training/heads build/training/sheets src/marrowmap/measure/data/fracture_lines.onnx

The first command draws heads (an hour and more on one core), the second lays their domes out (cached), trains for about
half an hour and exports. Stopped at any time, it goes on from the last checkpoint in its folder. Every fifth head is
held out and judged at the end of each epoch.
"""

from __future__ import annotations

import argparse
import pickle
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.nn import functional

from lines import true_depth
from lines import true_frame
from lines import uncertain_frame
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.measure.head_lines import HeadImages
from marrowmap.measure.line_network import describe_dome
from marrowmap.measure.line_network import unroll_dome
from marrowmap.phantom.fracture import line_share

LOOKS = 2
"""At each head, each with another error of the frame, in turn by epoch."""
DRAWN_THICK_MM = 1.5
"""A sheet is marked at least this thick, so that it holds together in the block."""
WIDTHS = (10, 20, 40)
EPOCHS = 24
BATCH = 4
LEARNING_RATE = 3e-3
POSITIVE_WEIGHT = 3.0
HELD_OUT_EVERY = 5


def lay_out(path: Path, look: int) -> tuple[Any, Any] | None:
    """Return what one look at a drawn head shows (4, x, y, z) and where its line runs (x, y, z)."""
    drawn = pickle.loads(path.read_bytes())  # made by heads.py on this machine
    rng = np.random.default_rng([drawn["seed"], 905, look])
    hip, lesion = drawn["hip"], drawn["lesion"]
    femur = uncertain_frame(drawn, rng)
    grid = Grid(drawn["t1"].shape, drawn["affine"], "1")
    images = HeadImages.of(femur, Volume(grid, drawn["t1"]), Volume(grid, drawn["fluid"]))
    if images is None:
        return None
    dome = unroll_dome(femur)
    shown = describe_dome(dome, images)
    marked = np.zeros(shown.shape[1:], bool)
    line = lesion.fracture_line
    if line is not None:
        local = ((femur.to_world(dome.points()) - hip.center) @ hip.axes).astype(np.float32)
        depth = true_depth(true_frame(hip), lesion, local)
        thick = replace(line, thickness_mm=max(line.thickness_mm, DRAWN_THICK_MM))
        marked = line_share(thick, hip.radius, depth, local, 0.25) > 0.5
        marked &= dome.shown[..., None]
    return shown.astype(np.float16), marked


def lay_out_all(heads: Path, folder: Path) -> list[Path]:
    """Lay out every look at every head, leaving out those that are there."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for path in sorted(heads.glob("*.pickle")):
        for look in range(LOOKS):
            out = folder / f"{path.stem}_{look}.npz"
            if not out.exists():
                found = lay_out(path, look)
                if found is None:
                    continue
                part = out.with_suffix(".part.npz")
                np.savez(part, shown=found[0], marked=found[1])
                part.rename(out)
            made.append(out)
    return made


def _block(inward: int, outward: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inward, outward, 3, padding=1, bias=False), nn.GroupNorm(2, outward), nn.ReLU(inplace=True)
    )


class DomeNet(nn.Module):
    """A lean 3-D U-Net of three levels: what comes up is added to what went down."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c = WIDTHS
        self.first, self.second, self.third = (
            nn.Sequential(_block(4, a), _block(a, a)),
            nn.Sequential(_block(a, b), _block(b, b)),
            nn.Sequential(_block(b, c), _block(c, c)),
        )
        self.rise_third, self.rise_second = nn.Conv3d(c, b, 1), nn.Conv3d(b, a, 1)
        self.up_second, self.up_first = _block(b, b), _block(a, a)
        self.answer = nn.Conv3d(a, 1, 1)
        nn.init.constant_(self.answer.bias, -4.0)

    def forward(self, dome: torch.Tensor) -> torch.Tensor:
        """Map (n, 4, x, y, z) to logits (n, 1, x, y, z)."""
        first = self.first(dome)
        second = self.second(functional.max_pool3d(first, 2))
        third = self.third(functional.max_pool3d(second, 2))
        x = functional.interpolate(self.rise_third(third), scale_factor=2.0, mode="nearest")
        x = self.up_second(x + second)
        x = functional.interpolate(self.rise_second(x), scale_factor=2.0, mode="nearest")
        result: torch.Tensor = self.answer(self.up_first(x + first))
        return result


def vary(shown: torch.Tensor, marked: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Vary levels, contrast, noise and depth of a batch, and swap front and back: a dome is nearly symmetric."""
    n = len(shown)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator)

    signal = shown[:, :2].clamp(min=0) ** uniform(0.85, 1.2, n, 2, 1, 1, 1) * uniform(0.85, 1.15, n, 2, 1, 1, 1)
    signal = signal + uniform(0.0, 0.05, n, 1, 1, 1, 1) * torch.randn(signal.shape, generator=generator)
    shown = torch.cat([signal, shown[:, 2:] + uniform(-0.05, 0.05, n, 1, 1, 1, 1)], dim=1)
    swapped = torch.rand(n, generator=generator) < 0.5
    shown = torch.where(swapped[:, None, None, None, None], shown.flip(3), shown)
    return shown, torch.where(swapped[:, None, None, None], marked.flip(2), marked)


def loss_of(logits: torch.Tensor, marked: torch.Tensor) -> torch.Tensor:
    """Cross entropy, and Dice over the batch, of logits (n, 1, ...) against marks (n, ...)."""
    target = marked.float()
    chance = torch.sigmoid(logits[:, 0])
    weight = torch.tensor(POSITIVE_WEIGHT)
    cross = functional.binary_cross_entropy_with_logits(logits[:, 0], target, pos_weight=weight)
    dice = (2 * (chance * target).sum() + 50) / (chance.sum() + target.sum() + 50)
    return 20 * cross + (1 - dice)


def judge(net: DomeNet, held: list[Path]) -> str:
    """Say how surely lines are told from none in heads held out."""
    best, has = [], []
    net.eval()
    with torch.no_grad():
        for path in held:
            stored = np.load(path)
            chance = torch.sigmoid(net(torch.from_numpy(stored["shown"].astype(np.float32))[None]))[0, 0].numpy()
            best.append(float(np.sort(chance.max(axis=2), axis=None)[-8:].mean()))
            has.append(bool(stored["marked"].any()))
    net.train()
    score, truth = np.array(best), np.array(has)
    area = float((score[truth][:, None] > score[~truth]).mean()) if truth.any() and not truth.all() else np.nan
    found, false = (score[truth] > 0.5).mean(), (score[~truth] > 0.5).mean()
    return f"heads told apart {area:.3f}, found {found:.2f} of {truth.sum()}, false {false:.2f} of {(~truth).sum()}"


def _seed(path: Path) -> int:
    return int(path.stem.split("_")[0])


def train(files: list[Path], folder: Path, epochs: int) -> DomeNet:
    """Train, or go on training, and leave a checkpoint after each epoch."""
    held = [p for p in files if _seed(p) % HELD_OUT_EVERY == 0 and p.stem.endswith("_0")]
    looks = []
    for look in range(LOOKS):
        stored = [np.load(p) for p in files if _seed(p) % HELD_OUT_EVERY and p.stem.endswith(f"_{look}")]
        shown = torch.from_numpy(np.stack([one["shown"] for one in stored]))
        looks.append((shown, torch.from_numpy(np.stack([one["marked"] for one in stored]))))
    torch.manual_seed(0)
    net = DomeNet()
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=1e-3)
    steps = min(len(marked) for _, marked in looks) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, epochs * steps, pct_start=0.15)
    checkpoint, first = folder / "checkpoint.pt", 0
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(kept["net"])
        optimizer.load_state_dict(kept["optimizer"])
        schedule.load_state_dict(kept["schedule"])
        first = kept["epoch"]
    for epoch in range(first, epochs):
        begin, total = time.perf_counter(), 0.0
        shown, marked = looks[epoch % LOOKS]
        generator = torch.Generator().manual_seed(epoch)
        order = torch.randperm(len(marked), generator=generator)
        for step in range(steps):
            chosen = order[step * BATCH : (step + 1) * BATCH]
            seen, wanted = vary(shown[chosen].float(), marked[chosen], generator)
            loss = loss_of(net(seen), wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss)
        state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
        torch.save({**state, "epoch": epoch + 1}, checkpoint)
        seconds = time.perf_counter() - begin
        print(f"{epoch + 1}: loss {total / steps:.3f}, {judge(net, held)}, {seconds:.0f} s", flush=True)
    return net


def export(net: DomeNet, out: Path) -> None:
    """Write the network as ONNX and check that onnxruntime says the same."""
    net.eval()
    example = torch.randn(1, 4, 48, 48, 32, generator=torch.Generator().manual_seed(1))
    out.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        net,
        (example,),
        str(out),
        input_names=["dome"],
        output_names=["logits"],
        opset_version=17,
        dynamo=False,
    )
    said = onnxruntime.InferenceSession(str(out)).run(None, {"dome": example.numpy()})[0]
    off = float(np.abs(said - net(example).detach().numpy()).max())
    print(f"{out.name}: {out.stat().st_size / 1024:.0f} kB, onnxruntime off by {off:.1e}")


def main() -> None:
    """Lay out, train, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heads", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    net = train(lay_out_all(given.heads, given.folder), given.folder, given.epochs)
    export(net, given.out)


if __name__ == "__main__":
    main()
