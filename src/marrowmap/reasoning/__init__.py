"""What findings support, how strongly, on whose data. It weighs entities; it settles none."""
