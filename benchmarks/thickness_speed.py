"""Time and memory of local thickness beside other packages, by size.

python benchmarks/thickness_speed.py --peer PYTHON [--sizes 128 256] [--threads 2] [--repeats 2] [--slabs]
python benchmarks/thickness_speed.py --scratch FOLDER --sizes 1024 --packages marrowmap --memory 2400000000 1800000000

PYTHON is an interpreter with porespy, itk-bonemorphometry and bone-microarchitecture, which marrowmap does not need.
Each run is a process of its own, all with the same number of threads, cores and niceness; of several repeats every
second has the packages in the other order. porespy is measured by its default, radii rounded down to whole voxels, as
porespy_25, its default before version 3, and as porespy_every, which keeps every radius as marrowmap does. Bone is
band-limited noise (seed 101), a quarter of the volume; it is written to FOLDER tile by tile. marrowmap reads and files
mapped into memory, in slabs of --memory bytes; given several, each is run, and the digest of what was painted tells
whether the answer is the same. A file of 1024 cubed takes 1 GiB, the painted one 4 GiB; "held" is what a process keeps
beside pages of files, which the system drops where it needs room. With --slabs slabs of the least size are compared
with the whole.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.measure.local_thickness import MEMORY_BYTES
from marrowmap.measure.local_thickness import paint_thickness

SHARE = 0.25
TILE = 256
PACKAGES = ("marrowmap", "porespy", "porespy_25", "porespy_every", "bone_microarchitecture", "itk")


def spongiosa(path: Path, size: int) -> NDArray[np.bool_]:
    """Write a body that is alike at every size, a periodic tile of noise; return it mapped, bone is True."""
    tile = min(size, TILE)
    field = ndimage.gaussian_filter(
        np.random.default_rng(101).normal(size=(tile,) * 3).astype(np.float32), 2.5, mode="wrap"
    )
    times = -(-size // tile)
    planes = np.tile(field > np.quantile(field, 1 - SHARE), (1, times, times))[:, :size, :size]
    body = np.lib.format.open_memmap(path, "w+", bool, (size,) * 3)
    for low in range(0, size, tile):
        body[low : low + tile] = planes[: size - low]
    body.flush()
    return body


def turned_over(path: Path) -> None:
    """Exchange bone and marrow in a file, some planes at a time."""
    body = np.load(path, mmap_mode="r+")
    for low in range(0, len(body), 16):
        np.logical_not(body[low : low + 16], out=body[low : low + 16])
    body.flush()


def own(path: Path, told: Path, memory: int) -> None:
    """Measure with marrowmap, in this process, from a file mapped into memory; bone, then marrow."""
    body = np.load(path, mmap_mode="r")
    small = np.zeros((32, 32, 32), np.float32)
    paint_thickness(np.ascontiguousarray(body[:32, :32, :32]), np.ones(3), small)
    painted = np.lib.format.open_memmap(path.with_suffix(".thick.npy"), "w+", np.float32, body.shape)
    began, worked = time.perf_counter(), time.process_time()
    paint_thickness(body, np.ones(3), painted, memory_bytes=memory)
    seconds, processor = time.perf_counter() - began, time.process_time() - worked
    total, count, digest = 0.0, 0, hashlib.blake2b(digest_size=4)
    for plane, held in zip(painted, body, strict=True):
        digest.update(plane)
        total, count = total + float(plane.sum(dtype=np.float64)), count + int(held.sum())
    told.write_text(
        json.dumps(
            {
                "mean": total / count,
                "version": "",
                "digest": digest.hexdigest(),
                "seconds": seconds,
                "processor": processor,
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        ),
        encoding="utf-8",
    )


def run(command: list[str], told: Path, threads: int) -> dict[str, Any]:
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
    one = dict.fromkeys(names, str(threads))
    told.unlink(missing_ok=True)
    kib = 0
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **one}) as process:
        while process.poll() is None:
            kib = max(kib, held_kib(process.pid))
            time.sleep(0.1)
        said = process.stderr.read() if process.stderr else ""
    if process.returncode:
        print(said.splitlines()[-1:], file=sys.stderr)
        return {}
    found: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
    return {**found, "held_mib": kib / 1024}


def held_kib(pid: int) -> int:
    """Return what memory a process holds, pages of files not counted, which the system drops where it needs room."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")), 0)


def compare(path: Path, size: int, phase: str, options: argparse.Namespace) -> None:
    """Print a row for each package and repeat."""
    told, here, other = path.with_name("told.json"), Path(__file__), Path(__file__).with_name("thickness_peer.py")
    runs: list[tuple[str, list[object]]] = []
    for memory in options.memory:
        runs.append(("marrowmap", [sys.executable, here, "--memory", memory, "--own", path, told]))
    # ITK knows the thickness of what is above a threshold only.
    peers = PACKAGES[1:] if phase == "bone" else PACKAGES[1:-1]
    if options.peer:
        runs += [(name, [options.peer, other, name, path, told]) for name in peers]
    runs = [(name, command) for name, command in runs if name in options.packages]
    for repeat in range(options.repeats):
        for name, command in runs[:: -1 if repeat % 2 else 1]:
            found = run([str(part) for part in command], told, options.threads)
            if not found:
                print(f"| {size} | {phase} | {name} | failed | | | | | | |", flush=True)
                continue
            per = 1e9 * found["processor"] / size**3
            print(
                f"| {size} | {phase} | {name} {found['version']} | {found['mean']:.2f} | "
                f"{found['processor']:.1f} | {per:.0f} | {found['seconds']:.1f} | {found['held_mib']:.0f} | "
                f"{found['peak_mib']:.0f} | "
                f"{found.get('digest', '')} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=Path, help="Python that has porespy and itk-bonemorphometry")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--packages", nargs="+", choices=PACKAGES, default=PACKAGES)
    parser.add_argument("--phases", nargs="+", choices=("bone", "marrow"), default=("bone", "marrow"))
    parser.add_argument("--memory", type=int, nargs="+", default=[MEMORY_BYTES], help="working bytes of a slab")
    parser.add_argument("--repeats", type=int, default=1, help="every second in the other order")
    parser.add_argument("--scratch", type=Path, help="folder for the files; by default where temporary files go")
    parser.add_argument("--slabs", action="store_true", help="check that slabs of the smallest size give the whole")
    parser.add_argument("--own", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.own is not None:
        own(*options.own, options.memory[0])
        return
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    print(f"threads: {options.threads}, niceness: {os.nice(0)}, load before: {os.getloadavg()[0]:.1f}")
    print(
        "| size | phase | package | mean, voxels | processor, s | ns per voxel | wall, s | held, MiB | "
        "with mapped files, MiB | digest |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        path = Path(folder) / "body.npy"
        for size in options.sizes:
            spongiosa(path, size)
            for phase in ("bone", "marrow"):
                if phase == "marrow":
                    turned_over(path)
                if phase in options.phases:
                    compare(path, size, phase, options)
    if options.slabs:
        with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
            body = ~spongiosa(Path(folder) / "body.npy", options.sizes[0])
        whole, slabs = np.zeros(body.shape, np.float32), np.zeros(body.shape, np.float32)
        paint_thickness(body, np.ones(3), whole)
        paint_thickness(body, np.ones(3), slabs, memory_bytes=1)
        print(
            f"\nslabs of one plane against the whole, {options.sizes[0]} cubed: {(whole != slabs).sum()} voxels differ"
        )


if __name__ == "__main__":
    main()
