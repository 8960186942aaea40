"""Twenty readers at once on one server: how long a reader waits for a receipt, and whether every answer is kept.

python benchmarks/reader_server.py [--readers 20] [--cases 12]

A server is started as ``marrowmap study serve`` starts it; readers are threads that fetch what is next, all its
images, and send an answer, one after the other. Waits are wall times at the reader's end.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.nifti import write_nifti
from marrowmap.readers.protocol import SCHEMA
from marrowmap.workflow.study import init_study
from marrowmap.workflow.study import open_study

SIDECAR = {"Modality": "MR", "ScanningSequence": ["SE", "IR"], "RepetitionTime": 4, "EchoTime": 0.04}
SHAPE = (320, 320, 24)
WORDS = {"state": "present", "confidence": 80}


def write_study(folder: Path, readers: int, cases: int) -> Path:
    """Write a protocol whose cases share one volume of noise: 320 x 320 x 24, as a coronal series of both hips has."""
    volume = np.random.default_rng(1).uniform(0, 1000, SHAPE)
    write_nifti(Volume(Grid(SHAPE, np.diag([1.2, 1.2, 4, 1])), volume), folder / "image.nii.gz")
    (folder / "image.json").write_text(json.dumps(SIDECAR | {"InversionTime": 0.16}), encoding="utf-8")
    lines = [f'schema = "{SCHEMA}"', 'name = "load"', "seed = 101"]
    lines += [f'[[readers]]\nid = "r{n}"' for n in range(readers)]
    image = 'images = [{modality = "mr", source = "image.nii.gz"}]'
    lines += [f'[[cases]]\nid = "e{n}"\nperson = "p{n}"\nside = "left"\n{image}' for n in range(cases)]
    lines += ['[[sessions]]\nid = "s"\nmodalities = ["mr"]\nform = "edema_region"']
    path = folder / "study.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read_all(link: str) -> list[dict[str, float]]:
    """Read everything as one reader; returns the seconds each step took."""
    host, _, token = link.removeprefix("http://").partition("/#")
    connection = http.client.HTTPConnection(host, timeout=120)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(method: str, path: str, body: str | None = None) -> bytes:
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        data = reply.read()
        if reply.status != 200:
            raise SystemExit(f"{path}: {reply.status} {data[:200]!r}")
        return data

    waits = []
    while True:
        began = time.perf_counter()
        task = json.loads(ask("GET", "/api/turn"))["task"]
        if task is None:
            return waits
        told = time.perf_counter()
        for number, _ in enumerate(task["images"]):
            ask("GET", f"/api/cases/{task['code']}/images/{number}")
        shown = time.perf_counter()
        body = json.dumps({"values": {"edema": [], "edema_present": WORDS}, "seconds": 1})
        ask("POST", f"/api/cases/{task['code']}/answer", body)
        waits.append({"turn": told - began, "images": shown - told, "receipt": time.perf_counter() - shown})


def main() -> None:
    """Serve, read, count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--cases", type=int, default=12)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        init_study(write_study(folder, given.readers, given.cases), folder / "study").store.close()
        command = [sys.executable, "-c", "from marrowmap.cli import main; main()", "study", "serve"]
        server = subprocess.Popen(
            [*command, str(folder / "study"), "--port", "0", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        if server.stdout is None:
            raise SystemExit("the server says nothing")
        text = ""
        while True:
            text += server.stdout.readline()
            try:
                links = json.loads(text)["links"]
                break
            except ValueError:
                continue
        time.sleep(1)
        began = time.perf_counter()
        try:
            with ThreadPoolExecutor(given.readers) as pool:
                waits = [one for reader in pool.map(read_all, links.values()) for one in reader]
        finally:
            server.kill()
            server.wait()
        spent = time.perf_counter() - began
        study = open_study(folder / "study")
        kept = study.store.require_intact()
        study.store.close()
    print(f"{given.readers} readers, {given.cases} cases each, {spent:.1f} s, {len(waits) / spent:.1f} answers/s")
    print(f"answers sent {len(waits)}, kept {kept}, chain intact")
    for step in ("turn", "images", "receipt"):
        seconds = [one[step] for one in waits]
        median, late, worst = np.quantile(seconds, [0.5, 0.95, 1.0])
        print(f"{step:8s} median {median:.3f} s, 95 % below {late:.3f} s, longest {worst:.3f} s")


if __name__ == "__main__":
    main()
