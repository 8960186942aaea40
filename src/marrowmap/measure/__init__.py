"""From images and regions to numbers: edema, its boundary, effusion."""
