"""The largest ball inside a body that holds each of its voxels (Hildebrand and Ruegsegger 1997, J Microsc 185:67-75).

A ball is centered on a voxel and holds every voxel nearer than the nearest one outside the body. One whose voxels all
lie in a neighbor's larger ball is left out: what is covered is the same without it (Remy and Thiel 2005, Image Vis
Comput 23:167-175, in tables for any voxel size). Its diameter is not twice that radius, which is up to a voxel too
large along the grid and too small where the true center lies between voxels, but the distance between the walls it
touches, each placed by the share of the body in the 27 voxels around it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marrowmap.measure.compiled import compiled

NEIGHBORS = np.array(
    sorted(
        ((i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1) if (i, j, k) != (0, 0, 0)),
        key=lambda step: sum(map(abs, step)),
    )
)
"""Nearest first: most balls that are held are held by a neighbor across a face."""


def containment_tables(largest_mm: float, spacing_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return how large a neighbor's ball must be to hold every voxel of a ball.

    Parameters
    ----------
    largest_mm : float
        Greatest radius asked for.
    spacing_mm : array, shape (3,)

    Returns
    -------
    table : array, shape (26, n)
        ``table[v, b]``: the ball around the neighbor ``NEIGHBORS[v]`` holds the ball of squared radius ``b * bin`` or
        less (mm2) if its own squared radius is greater.
    bin : float
        Width of a bin, mm2; squared radii are rounded up to it, so that the answer errs on the side of keeping a ball.
    """
    width = float(np.min(spacing_mm) ** 2)
    bins = int(np.ceil(largest_mm**2 / width)) + 2
    reach = np.ceil(largest_mm / spacing_mm).astype(int) + 1
    steps = [np.arange(-n, n + 1) * h for n, h in zip(reach, spacing_mm, strict=True)]
    x, y, z = np.meshgrid(*steps, indexing="ij", sparse=True)
    squared = (x**2 + y**2 + z**2).ravel()
    # A voxel belongs to balls of squared radius strictly greater than its own squared distance.
    first = np.floor(squared / width * (1 + 1e-10)).astype(np.int64) + 1
    within = first < bins
    table = np.zeros((len(NEIGHBORS), bins))
    for v, step in enumerate(NEIGHBORS * spacing_mm):
        away = ((x - step[0]) ** 2 + (y - step[1]) ** 2 + (z - step[2]) ** 2).ravel()
        np.maximum.at(table[v], first[within], away[within])
        np.maximum.accumulate(table[v], out=table[v])
    return table, width


@compiled
def squared_distance(flat: int, x: float, y: float, z: float, ny: int, nz: int, spacing: NDArray[np.float64]) -> float:
    """Return the squared distance in mm2 from a point, in voxels, to the voxel of flat index `flat`."""
    i, rest = flat // (ny * nz), flat % (ny * nz)
    dx, dy, dz = (i - x) * spacing[0], (rest // nz - y) * spacing[1], (rest % nz - z) * spacing[2]
    return float(dx * dx + dy * dy + dz * dz)


@compiled
def squared_distances(place: NDArray[np.int32], spacing: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the squared distance of each voxel from its nearest one outside, 0 outside; infinite where none is."""
    nx, ny, nz = place.shape
    result = np.empty((nx, ny, nz), np.float32)
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                flat = place[x, y, z]
                result[x, y, z] = squared_distance(flat, x, y, z, ny, nz, spacing) if flat >= 0 else np.inf
    return result


@compiled
def wall_distance(
    place: NDArray[np.int32],
    flat: int,
    x: int,
    y: int,
    z: int,
    spacing: NDArray[np.float64],
    normal: NDArray[np.float64],
) -> float:
    """Return how far from voxel `x, y, z` the wall before the outer voxel `flat` lies, mm; write its outward normal.

    The 27 voxels around the outer voxel say where: the normal points away from the body's share of them, and the
    share is what a flat wall would cut from their box. The central cross-section of a unit cube, normal a >= b >= c,
    is 1 / a or (2 (ab + bc + ca) - 1) / 4abc.
    """
    nx, ny, nz = place.shape
    i, j, k = flat // (ny * nz), flat // nz % ny, flat % nz
    rx, ry, rz = (i - x) * spacing[0] ** 2, (j - y) * spacing[1] ** 2, (k - z) * spacing[2] ** 2
    # Half a voxel further along the way to it, and a little less.
    behind = 0.6 * np.sqrt(rx * rx + ry * ry + rz * rz)
    body, seen = 0, 0
    sx, sy, sz = 0.0, 0.0, 0.0
    mx, my, mz = 0.0, 0.0, 0.0
    for p in range(max(0, i - 1), min(nx, i + 2)):
        for q in range(max(0, j - 1), min(ny, j + 2)):
            for r in range(max(0, k - 1), min(nz, k + 2)):
                seen += 1
                # Unit steps weigh all 26 directions alike (Zucker and Hummel 1981): less noise of the normal.
                step = max(1.0, np.sqrt(float((p - i) ** 2 + (q - j) ** 2 + (r - k) ** 2)))
                dx, dy, dz = (i - p) / step, (j - q) / step, (k - r) / step
                mx, my, mz = mx + dx, my + dy, mz + dz
                if place[p, q, r] == (p * ny + q) * nz + r:
                    continue
                # Behind the outer voxel counts as outside: a wall may be one voxel thin.
                if (p - i) * rx + (q - j) * ry + (r - k) * rz <= behind:
                    body += 1
                    sx, sy, sz = sx + dx, sy + dy, sz + dz
    # Cut by the edge of the image the box is not even; its own middle is taken off.
    sx, sy, sz = sx - mx * body / seen, sy - my * body / seen, sz - mz * body / seen
    # Normals of a plane in voxels (for the share) and in mm (for the distance) are each other's scaled.
    length = np.sqrt(sx * sx + sy * sy + sz * sz)
    if length == 0.0:
        sx, sy, sz = rx, ry, rz
        length = np.sqrt(sx * sx + sy * sy + sz * sz)
    a, b, c = abs(sx) / length, abs(sy) / length, abs(sz) / length
    most, least = max(a, b, c), min(a, b, c)
    middle = a + b + c - most - least
    section = 1 / most if most >= middle + least else (2 * (a * b + b * c + c * a) - 1) / (4 * a * b * c)
    gap = 3 * (0.5 - body / seen) / section
    normal[0], normal[1], normal[2] = sx / length / spacing[0], sy / length / spacing[1], sz / length / spacing[2]
    scale = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
    along = ((i - x) * sx + (j - y) * sy + (k - z) * sz) / length
    normal /= scale
    return float((along - gap) / scale)


@compiled
def touched_walls(
    place: NDArray[np.int32],
    x: int,
    y: int,
    z: int,
    squared: float,
    spacing: NDArray[np.float64],
    walls: NDArray[np.int64],
) -> tuple[int, bool]:
    """Write the outer voxels that the largest ball centered within half a voxel touches; say how many, and if around.

    They are the nearest outer voxels of the 27 voxels around the center that are no more than a voxel further from it
    than the nearest of them, which comes first.
    """
    nx, ny, nz = place.shape
    walls[0] = place[x, y, z]
    known, opposite = 1, False
    plane = ny * nz
    radius = np.sqrt(squared)
    ux = (walls[0] // plane - x) * spacing[0] / radius
    uy = (walls[0] // nz % ny - y) * spacing[1] / radius
    uz = (walls[0] % nz - z) * spacing[2] / radius
    voxel = np.sqrt((ux * spacing[0]) ** 2 + (uy * spacing[1]) ** 2 + (uz * spacing[2]) ** 2)
    limit = (radius + voxel * 1.001) ** 2
    for i in range(max(0, x - 1), min(nx, x + 2)):
        for j in range(max(0, y - 1), min(ny, y + 2)):
            for k in range(max(0, z - 1), min(nz, z + 2)):
                wall = place[i, j, k]
                if wall == (i * ny + j) * nz + k:
                    continue
                new = True
                for w in range(known):
                    if walls[w] == wall:
                        new = False
                        break
                if not new:
                    continue
                dx = (wall // plane - x) * spacing[0]
                dy = (wall // nz % ny - y) * spacing[1]
                dz = (wall % nz - z) * spacing[2]
                if dx * dx + dy * dy + dz * dz > limit:
                    continue
                walls[known] = wall
                known += 1
                opposite = opposite or dx * ux + dy * uy + dz * uz <= 0
    return known, opposite


@compiled
def ball_diameter(
    place: NDArray[np.int32],
    x: int,
    y: int,
    z: int,
    squared: float,
    spacing: NDArray[np.float64],
    walls: NDArray[np.int64],
    normal: NDArray[np.float64],
) -> tuple[float, float]:
    """Return the diameter of the largest ball centered within half a voxel of `x, y, z` and how alike its walls are.

    Alike is 1 between two flat walls, 1/2 in a round rod, 1/3 in a ball; 0 if the ball touches on one side only. The
    walls on one side and those on the other are averaged apart, so that a center beside the true middle does no harm.
    A ball that touches on one side only is not the largest of its place; its nearest wall is enough.
    """
    radius = np.sqrt(squared)
    known, opposite = touched_walls(place, x, y, z, squared, spacing, walls)
    near, nears, far, fars = wall_distance(place, walls[0], x, y, z, spacing, normal), 1, 0.0, 0
    if not opposite:
        return max(2 * near, radius), 0.0
    ux, uy, uz = normal[0], normal[1], normal[2]
    xx, yy, zz, xy, yz, zx = ux * ux, uy * uy, uz * uz, ux * uy, uy * uz, uz * ux
    voxel = np.sqrt((ux * spacing[0]) ** 2 + (uy * spacing[1]) ** 2 + (uz * spacing[2]) ** 2)
    for w in range(1, known):
        distance = wall_distance(place, walls[w], x, y, z, spacing, normal)
        a, b, c = normal[0], normal[1], normal[2]
        xx, yy, zz, xy, yz, zx = xx + a * a, yy + b * b, zz + c * c, xy + a * b, yz + b * c, zx + c * a
        if a * ux + b * uy + c * uz > 0:
            near, nears = near + distance, nears + 1
        else:
            far, fars = far + distance, fars + 1
    both = near / nears + (far / fars if fars > 0 else near / nears)
    # The sum of squares of the normals' tensor is 1 for two flat walls, 1/2 for a cylinder's, 1/3 for a sphere's; a
    # curved wall leaves 3/8 of a squared voxel over its radius less of the box it cuts, in each curved direction.
    alike = (xx * xx + yy * yy + zz * zz + 2 * (xy * xy + yz * yz + zx * zx)) / known**2
    both += 2 * 0.375 * voxel * voxel / radius * (1 / alike - 1)
    # In a speck of a few voxels walls mean little: no less than half of what the voxels say.
    return max(both, radius), alike


@compiled
def _paint_ball(
    painted: NDArray[np.float32],
    low: int,
    x: int,
    y: int,
    z: int,
    squared: float,
    value: np.float32,
    spacing: NDArray[np.float64],
) -> None:
    """Raise to `value` all voxels less than the radius from the center; `painted` begins at index `low`."""
    nx, ny, nz = painted.shape
    # Strictly less than the radius, whatever rounding does: the voxel it reaches is outside the body.
    squared *= 1 - 1e-9
    radius = np.sqrt(squared)
    rx, ry = int(radius / spacing[0]), int(radius / spacing[1])
    for i in range(max(low, x - rx), min(low + nx - 1, x + rx) + 1):
        left = squared - ((i - x) * spacing[0]) ** 2
        for j in range(max(0, y - ry), min(ny - 1, y + ry) + 1):
            rest = left - ((j - y) * spacing[1]) ** 2
            if rest <= 0:
                continue
            half = int(np.sqrt(rest) / spacing[2])
            # A view begun at 0 and a plain maximum: the compiler then does many voxels at a time.
            row = painted[i - low, j, max(0, z - half) : min(nz, z + half + 1)]
            for k in range(row.shape[0]):
                row[k] = max(row[k], value)


@compiled
def _held_by_neighbor(
    squares: NDArray[np.float32],
    x: int,
    y: int,
    z: int,
    steps: NDArray[np.int64],
    table: NDArray[np.float64],
    width: float,
) -> bool:
    """Say whether a neighbor's ball holds every voxel of this one."""
    nx, ny, nz = squares.shape
    # Squares are of single precision: what they cannot tell apart is kept.
    row = int(np.ceil(squares[x, y, z] / width * (1 - 1e-6)))
    least = squares[x, y, z] * (1 + 1e-6)
    for v in range(steps.shape[0]):
        a, b, c = x + steps[v, 0], y + steps[v, 1], z + steps[v, 2]
        if a < 0 or b < 0 or c < 0 or a >= nx or b >= ny or c >= nz:
            continue
        other = squares[a, b, c]
        if other > least and other * (1 - 1e-6) > table[v, row]:
            return True
    return False


@compiled
def paint_balls(
    place: NDArray[np.int32],
    squares: NDArray[np.float32],
    spacing: NDArray[np.float64],
    steps: NDArray[np.int64],
    table: NDArray[np.float64],
    width: float,
    low: int,
    painted: NDArray[np.float32],
) -> int:
    """Raise `painted` to the diameter in mm of every ball that no neighbor's holds; return how many balls there were.

    Parameters
    ----------
    place : array of int32, 3-D
        Of :func:`~marrowmap.measure.nearest_outside.nearest_outside`.
    squares : array of float32, same shape
        Of :func:`squared_distances`.
    spacing : array, shape (3,)
        mm.
    steps, table, width
        ``NEIGHBORS`` and what :func:`containment_tables` returns.
    low : int
        Index of the first axis where `painted` begins.
    painted : array of float32, as wide as `place` but for the first axis
    """
    nx, ny, nz = place.shape
    high = low + painted.shape[0]
    walls, normal = np.empty(27, np.int64), np.empty(3)
    balls = 0
    for x in range(nx):
        beyond = max(low - x, x - high + 1, 0) * spacing[0]
        for y in range(ny):
            for z in range(nz):
                if squares[x, y, z] <= beyond * beyond:
                    continue
                if _held_by_neighbor(squares, x, y, z, steps, table, width):
                    continue
                squared = squared_distance(place[x, y, z], x, y, z, ny, nz, spacing)
                diameter, _ = ball_diameter(place, x, y, z, squared, spacing, walls, normal)
                _paint_ball(painted, low, x, y, z, squared, np.float32(diameter), spacing)
                balls += 1
    return balls


@compiled
def mark_middle(place: NDArray[np.int32], spacing: NDArray[np.float64], low: int, middle: NDArray[np.bool_]) -> None:
    """Set voxels no more than half a voxel from the middle between two walls that face each other; layout as `painted`.

    Facing is an angle of more than 120 degrees between the ways to both, so that corners of a body send out no
    branches. Of two voxels equally far from a middle between them, one is set: the one whose nearest wall lies
    further along the axes.
    """
    nx, ny, nz = place.shape
    for x in range(low, low + middle.shape[0]):
        for y in range(ny):
            for z in range(nz):
                flat = place[x, y, z]
                if flat == (x * ny + y) * nz + z or flat < 0:
                    continue
                radius = np.sqrt(squared_distance(flat, x, y, z, ny, nz, spacing))
                ux = (flat // (ny * nz) - x) * spacing[0] / radius
                uy = (flat // nz % ny - y) * spacing[1] / radius
                uz = (flat % nz - z) * spacing[2] / radius
                first = ux if abs(ux) > 1e-9 else (uy if abs(uy) > 1e-9 else uz)
                voxel = np.sqrt((ux * spacing[0]) ** 2 + (uy * spacing[1]) ** 2 + (uz * spacing[2]) ** 2)
                limit = radius + voxel * (1 + 1e-9 if first > 0 else 1 - 1e-9)
                for i in range(max(0, x - 1), min(nx, x + 2)):
                    for j in range(max(0, y - 1), min(ny, y + 2)):
                        for k in range(max(0, z - 1), min(nz, z + 2)):
                            wall = place[i, j, k]
                            reach = np.sqrt(squared_distance(wall, x, y, z, ny, nz, spacing))
                            if reach > limit or wall == (i * ny + j) * nz + k:
                                continue
                            along = (
                                (wall // (ny * nz) - x) * spacing[0] * ux
                                + (wall // nz % ny - y) * spacing[1] * uy
                                + (wall % nz - z) * spacing[2] * uz
                            )
                            if along < -0.5 * reach:
                                middle[x - low, y, z] = True


@compiled
def mark_plates(
    place: NDArray[np.int32],
    spacing: NDArray[np.float64],
    painted: NDArray[np.float32],
    alike: float,
    share: float,
    middle: NDArray[np.bool_],
) -> None:
    """Leave in `middle` only the middles of plates.

    Those are voxels whose walls are at least so much alike and whose own ball is as large as the one painted there,
    but for a share: the middle of a rod's rim or of a rough spot is not one.
    """
    nx, ny, nz = place.shape
    walls, normal = np.empty(27, np.int64), np.empty(3)
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                if not middle[x, y, z]:
                    continue
                squared = squared_distance(place[x, y, z], x, y, z, ny, nz, spacing)
                diameter, flat = ball_diameter(place, x, y, z, squared, spacing, walls, normal)
                middle[x, y, z] = flat >= alike and diameter >= share * painted[x, y, z]
