"""How often a bone is drawn into an image that holds no hip and no knee.

    python benchmarks/no_bone.py --draws 20 --pictures FOLDER

Draws what holds none at all (noise, bottles, heads, bodies cut off above the hips or below the knees, soft tissue
without any bone, hips hidden by metal) in random contrast, grid and orientation, and looks for bones in each; then the
real files without a hip or knee that are on this machine. Overlays of what was found in real pelvic MR go to
--pictures; those images are for internal evaluation, so keep them there. Exit code 0 with figures, met or not.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib.figure
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy import find_bones
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import MarrowmapError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.voxelize import voxelize
from marrowmap.ingest import Series
from marrowmap.ingest import read_exam
from marrowmap.ingest.exam import Sequence
from marrowmap.ingest.read_header import read_header
from marrowmap.phantom.layers import Layer
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.mr import Contrast
from marrowmap.phantom.mr import paint
from marrowmap.phantom.person import sample_person
from marrowmap.phantom.soft_tissue import body_layers
from marrowmap.phantom.soft_tissue import lay_out
from marrowmap.phantom.soft_tissue import organ_layers
from marrowmap.phantom.soft_tissue import vessel_layers
from marrowmap.workflow.bones import locate_bones
from marrowmap.workflow.segment import segment

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
EDGE = "dicom-edge-pydicom"
"""Valid and broken files of many kinds; those of MR and CT are tried one by one."""
REAL: dict[str, tuple[str, ...]] = {
    "tibia, radiograph": ("cr-tibia/RG3_J2KI.dcm",),
    "whole-body bone scan": ("nm-wholebody-bone",),
    "SPECT of a bottle": ("nm-qc-spect/LinaQA/Jaszack.dcm",),
    "abdomen, MR": ("hip-ct-totalseg/example_mr_sm.nii.gz",),
    "abdomen, CT of 20 slices": ("hip-ct-totalseg/example_ct_dicom",),
    "abdomen, CT": ("hip-ct-totalseg/example_ct_sm.nii.gz",),
    "head, MR decubitus": ("dicom-enh-classic-dcmqa/decubitus/HFS",),
    "head, MR sagittal": ("dicom-enh-classic-dcmqa/sag_xa30/classic",),
    "infants' pelvis, radiograph": ("dx-pelvis-pediatric",),
    "liver, CT of 3 slices": ("dicom-seg-sr/dcmqi/segmentations/ct-3slice",),
}
"""What each set shows; none shows a hip or a knee."""
SACROILIAC = "bme-sij-mri"
STIR = {"Modality": "MR", "ScanningSequence": "SE", "RepetitionTime": 4.0, "EchoTime": 0.04, "InversionTime": 0.15}
T1 = {"Modality": "MR", "ScanningSequence": "SE", "RepetitionTime": 0.6, "EchoTime": 0.012}

Array = NDArray[np.float32]
Draw = Callable[[Grid, np.random.Generator], Array]


def sample_grid(rng: np.random.Generator) -> Grid:
    """Draw orientation, field of view, pixels and slices as of a hip exam."""
    orientation = int(rng.integers(3))
    slices, step = int(rng.integers(18, 36)), float(rng.uniform(3.0, 6.0))
    fov = float(rng.uniform(180, 400))
    pixel = float(rng.uniform(0.9, 1.6))
    # Columns of the affine: column, row and slice direction of axial, coronal and sagittal images.
    axes = np.array(
        [
            [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
            [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
            [[0, 1, 0], [0, 0, -1], [-1, 0, 0]],
        ][orientation],
        float,
    ).T
    pixels = round(fov / pixel)
    shape = (pixels, pixels, slices)
    affine = np.eye(4)
    affine[:3, :3] = axes * (pixel, pixel, step)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine, "2.25.1")


def smooth_noise(grid: Grid, rng: np.random.Generator, length_mm: float) -> Array:
    """Noise of unit variance, smooth over about `length_mm`."""
    noise = ndimage.gaussian_filter(rng.standard_normal(grid.shape).astype(np.float32), length_mm / grid.spacing)
    return np.asarray(noise / noise.std(), np.float32)


def draw_noise(grid: Grid, rng: np.random.Generator) -> Array:
    """Noise alone, white or colored."""
    length = float(rng.choice([0.0, 2.0, 4.0, 8.0, 15.0]))
    return 100 + 20 * smooth_noise(grid, rng, length)


def draw_gradient(grid: Grid, rng: np.random.Generator) -> Array:
    """A ramp, straight or bent."""
    points = grid.points()
    along = points @ rng.normal(size=3)
    return np.asarray(along + rng.uniform(0, 2) * np.linalg.norm(points, axis=-1), np.float32)


def draw_checkerboard(grid: Grid, rng: np.random.Generator) -> Array:
    """Cubes of 10–60 mm, light and dark."""
    cells = np.floor(grid.points() / rng.uniform(10, 60)).astype(int).sum(axis=-1)
    return np.asarray(100.0 + 80 * (cells % 2), np.float32)


def draw_blobs(grid: Grid, rng: np.random.Generator) -> Array:
    """Forty ellipsoids, many the size of a femoral head."""
    points = grid.points()
    low, high = points.reshape(-1, 3).min(axis=0), points.reshape(-1, 3).max(axis=0)
    image = np.full(grid.shape, 60.0, np.float32)
    for _ in range(40):
        away = (points - rng.uniform(low, high)) / rng.uniform(8, 40, 3)
        image[(away**2).sum(axis=-1) < 1] = rng.uniform(5, 250)
    return image


def draw_bottle(grid: Grid, rng: np.random.Generator) -> Array:
    """A test bottle: wall, water, a neck, now and then spheres and rods in it."""
    points = grid.points() - grid.center
    axis = int(rng.integers(3))
    along = points[..., axis]
    across = np.linalg.norm(np.delete(points, axis, axis=-1), axis=-1)
    radius, half = float(rng.uniform(40, 110)), float(rng.uniform(60, 160))
    image = np.zeros(grid.shape, np.float32)
    neck = (across < 0.3 * radius) & (along > 0) & (along < half + 40)
    image[((across < radius) & (np.abs(along) < half)) | neck] = 20
    image[((across < radius - 3) & (np.abs(along) < half - 3)) | (neck & (across < 0.3 * radius - 3))] = 200
    if rng.random() < 0.6:
        for _ in range(int(rng.integers(1, 8))):
            place = rng.uniform(-0.6, 0.6, 3) * radius
            image[np.linalg.norm(points - place, axis=-1) < rng.uniform(8, 26)] = rng.uniform(0, 300)
    return image


def draw_head(grid: Grid, rng: np.random.Generator) -> Array:
    """Shells of scalp, skull, fluid, gray and white matter, ventricles and eyes."""
    points = grid.points() - grid.center - rng.uniform(-30, 30, 3)
    size = np.array([75.0, 95.0, 105.0]) * rng.uniform(0.9, 1.1)
    away = np.sqrt(((points / size) ** 2).sum(axis=-1)) + 0.015 * smooth_noise(grid, rng, 12.0)
    image = np.zeros(grid.shape, np.float32)
    for edge in (1.0, 0.94, 0.87, 0.84, 0.78):
        image[away < edge] = rng.uniform(10, 260)
    ventricle = rng.uniform(10, 260)
    for sign in (-1, 1):
        place = (points - (sign * 14.0, 0.0, 8.0)) / (7.0, 32.0, 14.0)
        image[(place**2).sum(axis=-1) < 1] = ventricle
        eye = np.linalg.norm(points - (sign * 32.0, -80.0, -25.0), axis=-1)
        image[eye < 13] = rng.uniform(100, 260)
    return image


def _scan(layers: list[Layer], source: Grid, grid: Grid, rng: np.random.Generator) -> Array:
    """Paint layers in a drawn contrast and sample them in slices."""
    contrast = list(Contrast)[int(rng.integers(len(Contrast)))]
    image = paint(layers, source.shape, contrast, 1.5)
    image = ndimage.gaussian_filter(image, 0.3 * (np.abs(grid.axes) @ grid.spacing) / source.spacing)
    matrix = np.linalg.inv(source.affine) @ grid.affine
    return np.asarray(
        ndimage.affine_transform(image, matrix[:3, :3], matrix[:3, 3], grid.shape, order=1, output=np.float32)
    )


def _at(grid: Grid, place: NDArray[np.float64]) -> Grid:
    affine = np.array(grid.affine)
    affine[:3, 3] += place - grid.center
    return Grid(grid.shape, affine, grid.frame_of_reference_uid)


def _covering(grid: Grid) -> Grid:
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * (np.array(grid.shape) - 1)
    ends = grid.to_world(corners)
    return make_grid(ends.min(axis=0), ends.max(axis=0), 2.0)


def draw_soft_tissue(grid: Grid, rng: np.random.Generator) -> Array:
    """The hips' muscles, fat, vessels and organs, but no bone in them."""
    person = sample_person(rng)
    here = _at(grid, person.origin + rng.normal(0, 10, 3))
    source = _covering(here)
    layers = [*body_layers(person, lay_out(person, rng), source, rng), *vessel_layers(person, source)]
    return _scan(layers + organ_layers(person, source, rng), source, here, rng)


def draw_belly(grid: Grid, rng: np.random.Generator) -> Array:
    """A body cut off above the hips: organs, vertebrae, abdominal wall."""
    person = sample_person(rng)
    depth = float(np.ptp(grid.points()[..., 2]))
    place = person.origin + np.array([0.0, 0.0, 75.0 + depth / 2])
    here = _at(grid, place)
    source = _covering(here)
    layers = [*body_layers(person, lay_out(person, rng), source, rng), *vessel_layers(person, source)]
    return _scan(layers + organ_layers(person, source, rng), source, here, rng)


def draw_lower_legs(grid: Grid, rng: np.random.Generator) -> Array:
    """Both lower legs below the knees: skin, muscle, shafts of tibia and fibula."""
    points = grid.points() - grid.center
    image = np.zeros(grid.shape, np.float32)
    tissues = rng.uniform(10, 260, 4)
    for sign in (-1, 1):
        x, y = points[..., 0] - sign * 65 - 0.03 * points[..., 2], points[..., 1]
        thick = 1 + points[..., 2] / 900
        for radius, tissue in ((55, tissues[0]), (46, tissues[1])):
            image[(np.hypot(x, 0.95 * y) < radius * thick)] = tissue
        for place, radius in (((0.0, -22.0), 14.0), ((sign * 28.0, 8.0), 7.0)):
            away = np.hypot(x - place[0], y - place[1])
            image[away < radius] = tissues[2]
            image[away < 0.6 * radius] = tissues[3]
    return image


def draw_metal(grid: Grid, rng: np.random.Generator) -> Array:
    """Real anatomy behind a face of metal: hips of a virtual person, all of them in the void."""
    person = sample_person(rng)
    here = _at(grid, person.origin)
    source = _covering(here)
    layers = [*body_layers(person, lay_out(person, rng), source, rng), *vessel_layers(person, source)]
    whole = (slice(None), slice(None), slice(None))
    for hip in person.hips.values():
        for vertices, faces in ((hip.femur, hip.femur_faces), (hip.hip_bone, hip.hip_bone_faces)):
            share = voxelize(vertices, faces, source).array.astype(np.float32)
            layers.append(Layer("cortical_bone", whole, share))
            layers.append(Layer("yellow_marrow", whole, ndimage.binary_erosion(share > 0).astype(np.float32)))
    image = _scan(layers, source, here, rng)
    points = here.points() + 6 * np.stack([smooth_noise(here, rng, 15.0) for _ in range(3)], axis=-1)
    for hip in person.hips.values():
        away = np.linalg.norm((points - hip.center) / (1.0, 1.0, 1.25), axis=-1)
        image[(away > 90) & (away < 97)] *= 1.8
        image[away <= 90] = 0
    return image


CASES: dict[str, Draw] = {
    "noise": draw_noise,
    "gradient": draw_gradient,
    "checkerboard": draw_checkerboard,
    "blobs": draw_blobs,
    "bottle": draw_bottle,
    "head": draw_head,
    "soft tissue without bones": draw_soft_tissue,
    "body above the hips": draw_belly,
    "lower legs": draw_lower_legs,
    "hips behind metal": draw_metal,
}


def draw_series(case: str, number: int) -> Series:
    """Draw one image of a case, MR or (one of four) with the values of a CT."""
    rng = np.random.default_rng([number, *case.encode()])
    grid = sample_grid(rng)
    image = np.asarray(CASES[case](grid, rng), np.float32)
    low, high = np.percentile(image, (0.5, 99.5))
    image = np.clip((image - low) / max(float(high - low), 1e-6), 0, 1)
    image *= np.exp(0.25 * smooth_noise(grid, rng, 80.0))
    ct = rng.random() < 0.25
    noise = rng.uniform(0.01, 0.06) * rng.standard_normal(grid.shape)
    values = image * rng.uniform(800, 2500) - 1000 if ct else np.abs(900 * image)
    values = values + noise * (900 if not ct else 700)
    volume = Volume(grid, (values if ct else np.abs(values)).astype(np.float32), "HU" if ct else "signal")
    sequence = Sequence.CT if ct else Sequence.T1
    return Series("2.25.2", "2.25.3", 1, case, "CT" if ct else "MR", "", volume, sequence, "", None, "", ())


@dataclass(frozen=True)
class Outcome:
    """What became of one image."""

    drawn: bool
    trusted: bool
    words: str
    seconds: float
    crashed: bool = False
    frames: tuple[BoneFrame, ...] = ()


def look(series: Series) -> Outcome:
    """Look for hips and knees as ``marrowmap segment`` does."""
    start = time.perf_counter()
    frames: tuple[BoneFrame, ...] = ()
    words, crashed = "nothing", False
    try:
        frames = locate_bones([series], find=find_bones)
        words = "; ".join(f"{f.side.value} {f.joint.value}: {f.reason}" for f in frames if f.bone == "femur") or words
    except MarrowmapError as error:
        words = str(error)
    except Exception as error:  # a crash is an outcome to count, not the end of the table
        words, crashed = f"CRASH: {type(error).__name__}: {error}", True
    seconds = time.perf_counter() - start
    return Outcome(bool(frames), any(f.trusted for f in frames), words, seconds, crashed, frames)


def segment_file(source: Path) -> str:
    """Run ``segment`` on a real file; its bones, or why there are none."""
    with with_sidecar(source, T1) as given, tempfile.TemporaryDirectory() as place:
        try:
            document = segment(given, Path(place) / "out")
        except MarrowmapError as error:
            left = [path.name for path in Path(place).iterdir()]
            return f"exit {error.exit_code}: {error}" + (f" LEFT BEHIND {left}" if left else "")
        rows = [f"{row['side']} {row['bone']} trusted {row['trusted']}" for row in document["rows"]]
        return "exit 0 BONES DRAWN: " + "; ".join(rows)


def segment_edge_files() -> dict[int, list[str]]:
    """Run ``segment`` on each MR and CT file of a collection of odd ones; names by exit code, 1 for a crash."""
    codes: dict[int, list[str]] = {}
    for path in sorted((DATA / EDGE).rglob("*.dcm")):
        try:
            header = read_header(path)
        except MarrowmapError:
            header = None
        if header is None or header.modality in ("MR", "CT"):
            try:
                with tempfile.TemporaryDirectory() as place:
                    segment(path, Path(place) / "out")
                code = 0
            except MarrowmapError as error:
                code = error.exit_code
            except Exception:  # a crash is an outcome to count
                code = 1
            codes.setdefault(code, []).append(path.name)
    return codes


@contextmanager
def with_sidecar(path: Path, sidecar: Mapping[str, object]) -> Iterator[Path]:
    """Give an MR NIfTI image that comes without one a sidecar, in a temporary folder."""
    if not path.name.endswith(".nii.gz") or "_ct" in path.name:
        yield path
        return
    with tempfile.TemporaryDirectory() as place:
        link = Path(place) / path.name
        link.symlink_to(path)
        (Path(place) / f"{path.name.removesuffix('.nii.gz')}.json").write_text(json.dumps(sidecar))
        yield link


def look_at_sacroiliac_joints(pictures: Path | None) -> list[tuple[str, Outcome]]:
    """Look for bones in pelvic MR of sacroiliac joints; pictures of each image with what was found."""
    rows = []
    for path in sorted((DATA / SACROILIAC).rglob("*_STIR.nii.gz")) + sorted((DATA / SACROILIAC).rglob("*_T1W.nii.gz")):
        with with_sidecar(path, STIR if "STIR" in path.name else T1) as given:
            series = read_exam([given]).series[0]
        outcome = look(series)
        rows.append((f"{path.parent.name}/{path.name}", outcome))
        if pictures is not None:
            save_overlay(
                series, outcome.frames, pictures / f"{path.parent.name}_{path.name.removesuffix('.nii.gz')}.png"
            )
    return rows


def save_overlay(series: Series, frames: tuple[BoneFrame, ...], path: Path) -> None:
    """Save every second slice with the outline of each bone found, dashed where it is not trusted."""
    grid, array = series.volume.grid, series.volume.array
    axis = grid.slice_axis
    down = [n for n in range(3) if n != axis][1]  # the picture's vertical axis
    origin = "lower" if grid.axes[2, down] > 0 or grid.axes[1, down] < -0.7 else "upper"
    masks = [(frame, voxelize(frame.vertices, frame.faces, grid).array) for frame in frames]
    chosen = range(0, grid.shape[axis], 2)
    columns = 5
    rows = -(-len(chosen) // columns)
    figure = matplotlib.figure.Figure(figsize=(3 * columns, 3 * rows))
    axes = figure.subplots(rows, columns, squeeze=False)
    high = float(np.percentile(array, 99.5))
    for place in axes.ravel():
        place.axis("off")
    for place, number in zip(axes.ravel(), chosen, strict=False):
        place.imshow(np.take(array, number, axis).T, cmap="gray", vmin=0, vmax=high, origin=origin)
        for frame, mask in masks:
            cut = np.take(mask, number, axis).T
            if cut.any():
                color = "tab:orange" if frame.bone == "femur" else "tab:cyan"
                line = "-" if frame.trusted else "--"
                place.contour(cut, [0.5], colors=color, linestyles=line, linewidths=1)
    figure.suptitle(f"{path.stem}: {len(frames)} frames, {sum(frame.trusted for frame in frames)} trusted")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=70)


def main() -> None:
    """Read the command line, draw, look, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--draws", type=int, default=20, help="images of each case")
    parser.add_argument("--first", type=int, default=0, help="number of the first draw")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--pictures", type=Path, help="folder for overlays of real pelvic MR; outside the repository")
    parser.add_argument("--virtual-only", action="store_true", help="leave the real files out")
    given = parser.parse_args()
    table = []
    for case in given.cases.split(","):
        outcomes = []
        for number in range(given.first, given.first + given.draws):
            outcome = look(draw_series(case, number))
            outcomes.append(outcome)
            if outcome.drawn or outcome.crashed:
                print(f"  {case} {number}: {outcome.words}", flush=True)
        table.append((case, outcomes))
        print(f"{case}: {sum(o.drawn for o in outcomes)} of {len(outcomes)}", flush=True)
    print_table(table)
    if given.virtual_only or not DATA.is_dir():
        return
    print("\nreal files without a hip or knee, through marrowmap segment:")
    for name, places in REAL.items():
        for place in places:
            source = DATA / place
            print(f"  {name:32s} {segment_file(source) if source.exists() else 'not here'}")
    for code, names in sorted(segment_edge_files().items()):
        print(f"  {EDGE}: {len(names)} files exit {code}{': ' + ', '.join(names) if code not in (3, 4) else ''}")
    print("\nreal pelvic MR of sacroiliac joints:")
    for name, outcome in look_at_sacroiliac_joints(given.pictures):
        print(f"  {name:32s} drawn {outcome.drawn!s:5s} trusted {outcome.trusted!s:5s} {outcome.words}")


def print_table(table: list[tuple[str, list[Outcome]]]) -> None:
    """Print images, false bones, trusted false bones and time of each case."""
    print(f"\n{'case':28s} {'images':>6s} {'bone drawn':>10s} {'trusted':>8s} {'crash':>6s} {'seconds':>8s}")
    for case, outcomes in table:
        counts = [sum(getattr(o, what) for o in outcomes) for what in ("drawn", "trusted", "crashed")]
        seconds = float(np.median([o.seconds for o in outcomes]))
        print(f"{case:28s} {len(outcomes):6d} {counts[0]:10d} {counts[1]:8d} {counts[2]:6d} {seconds:8.1f}")
    everything = [o for _, outcomes in table for o in outcomes]
    wrong = sum(o.drawn or o.crashed for o in everything)
    print(
        f"false bones and crashes: {wrong} in {len(everything)} images (target 0): {'met' if not wrong else 'MISSED'}"
    )


if __name__ == "__main__":
    main()
