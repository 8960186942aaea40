"""Make both networks from nothing: anatomies, training, export; goes on where it was interrupted.

    python training/make_networks.py build/training

The defaults are what it takes to make networks like the shipped ones: about three hours on one CPU core.
What is there already is not made again. The networks are written into the folder, not over the shipped ones:
``--out src/marrowmap/anatomy/data`` does that. ``--minutes`` limits the training of each network in one call.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch

from anatomies import fill_pool
from export import export
from train import ITERATIONS
from train import train

POOL = {"hips": 111, "knees": 130}


def main() -> None:
    """Run every step that is not done yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="for the pool, checkpoints and logs")
    parser.add_argument("--out", type=Path, help="folder for label.onnx and locate.onnx, else the same")
    for kind, count in POOL.items():
        parser.add_argument(f"--{kind}", type=int, default=count, help=f"how many are drawn ({count})")
    for network, count in ITERATIONS.items():
        parser.add_argument(
            f"--{network}-iterations", type=int, default=count, help=f"how long it is trained ({count})"
        )
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop each training after so long")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    files = [path for kind in POOL for path in fill_pool(kind, given.folder / "pool", range(getattr(given, kind)))]
    print(f"pool: {', '.join(f'{getattr(given, kind)} {kind}' for kind in POOL)}", flush=True)
    for network in ITERATIONS:
        iterations = getattr(given, f"{network}_iterations")
        work = given.folder / network
        if train(network, files, work, iterations, minutes=given.minutes):
            export(network, work / "checkpoint.pt", (given.out or given.folder) / f"{network}.onnx")
        else:
            print(f"{network}: stopped before iteration {iterations}; the same command goes on", flush=True)


if __name__ == "__main__":
    main()
