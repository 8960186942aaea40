"""The two networks: small 3-D U-Nets."""

from __future__ import annotations

import torch
from torch import nn


def _block(inward: int, outward: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inward, outward, 3, padding=1, bias=False),
        nn.InstanceNorm3d(outward, affine=True),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    """A lean U-Net (Çiçek et al., MICCAI 2016): what comes up is added to what went down, not put beside it.

    Full resolution is where the time goes, so it has few channels and one convolution on the way up. Sides of the
    input must be multiples of 8.

    Parameters
    ----------
    outputs : int
        Channels of the answer, logits.
    widths : tuple of int
        Channels at full, half, quarter and eighth resolution.
    """

    def __init__(self, outputs: int, widths: tuple[int, int, int, int] = (16, 32, 64, 128)) -> None:
        super().__init__()
        steps = list(zip((2, *widths[:-1]), widths, strict=True))
        self.down = nn.ModuleList([nn.Sequential(_block(i, o), _block(o, o)) for i, o in steps])
        self.rise = nn.ModuleList([nn.Conv3d(o, i, 1) for i, o in reversed(steps[1:])])
        a, b, c, _ = widths
        self.up = nn.ModuleList(
            [nn.Sequential(_block(c, c), _block(c, c)), nn.Sequential(_block(b, b), _block(b, b)), _block(a, a)]
        )
        self.answer = nn.Conv3d(a, outputs, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map input (n, 2, x, y, z), image and view, to logits (n, outputs, x, y, z)."""
        kept = []
        x = image
        for number, block in enumerate(self.down):
            if number:
                x = nn.functional.max_pool3d(x, 2)
            x = block(x)
            kept.append(x)
        for number, (rise, block) in enumerate(zip(self.rise, self.up, strict=True)):
            x = block(nn.functional.interpolate(rise(x), scale_factor=2.0, mode="nearest") + kept[2 - number])
        result: torch.Tensor = self.answer(x)
        return result
