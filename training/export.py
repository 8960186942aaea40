"""Write a trained network (its averaged weights) as ONNX and check that onnxruntime says the same.

python training/export.py label build/training/label/checkpoint.pt src/marrowmap/anatomy/data/label.onnx
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from marrowmap.anatomy.networks import LABELS
from networks import UNet
from paint import HEATS
from paint import ROUGH_LABELS


def export(network: str, checkpoint: Path, out: Path) -> None:
    """Write a checkpoint's averaged weights as ONNX and print how far onnxruntime is off."""
    outputs = len(LABELS) if network == "label" else len(ROUGH_LABELS) + len(HEATS)
    net = UNet(outputs)
    stored = torch.load(checkpoint, map_location="cpu", weights_only=True)
    net.load_state_dict(stored["mean"])
    net.eval()
    example = torch.randn(1, 2, 32, 32, 32, generator=torch.Generator().manual_seed(1))
    out.parent.mkdir(parents=True, exist_ok=True)
    axes = {0: "n", 2: "x", 3: "y", 4: "z"}
    torch.onnx.export(
        net,
        (example,),
        str(out),
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": axes, "logits": axes},
        opset_version=17,
        dynamo=False,
    )
    said = onnxruntime.InferenceSession(str(out)).run(None, {"image": example.numpy()})[0]
    off = float(np.abs(said - net(example).detach().numpy()).max())
    size = out.stat().st_size / 2**20
    trained = f"{stored['iterations']} iterations, {stored['seconds'] / 60:.0f} min"
    print(f"{out.name}: {trained}, {size:.1f} MB, onnxruntime off by {off:.1e}")


if __name__ == "__main__":
    export(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
