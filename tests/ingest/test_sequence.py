import pytest

from marrowmap.ingest.exam import Sequence
from marrowmap.ingest.sequence import Physics
from marrowmap.ingest.sequence import recognize

SE = ("SE",)


@pytest.mark.parametrize(
    ("physics", "expected"),
    [
        (Physics(600, 12, scanning_sequence=SE), Sequence.T1),
        (Physics(900, 20, scanning_sequence=SE), Sequence.T1),
        (Physics(4000, 40, 160, scanning_sequence=("SE", "IR")), Sequence.FLUID_FAT_SUPPRESSED),
        (Physics(5000, 30, 220, scanning_sequence=("IR",)), Sequence.FLUID_FAT_SUPPRESSED),
        (Physics(3000, 40, scanning_sequence=SE, scan_options=("SP", "FS")), Sequence.FLUID_FAT_SUPPRESSED),
        (Physics(3000, 40, pulse_sequence="SPIN", fat_suppression="FAT"), Sequence.FLUID_FAT_SUPPRESSED),
        (Physics(4000, 80, pulse_sequence="SPIN", inversion_recovery="YES", inversion_time=160),
         Sequence.FLUID_FAT_SUPPRESSED),
        (Physics(4000, 90, scanning_sequence=SE), Sequence.T2),
        (Physics(3000, 30, scanning_sequence=SE), Sequence.PD),
        (Physics(600, 10, scanning_sequence=("GR",)), Sequence.GRADIENT_ECHO),
        (Physics(500, 10, pulse_sequence="GRADIENT"), Sequence.GRADIENT_ECHO),
        (Physics(2000, 3, 900, scanning_sequence=("GR", "IR")), Sequence.GRADIENT_ECHO),
        (Physics(20, 5, flip_angle=15), Sequence.GRADIENT_ECHO),
        (Physics(2450, 6, scanning_sequence=SE, echo_count=8), Sequence.MULTI_ECHO),
        (Physics(4000, 40, scanning_sequence=SE, image_type=("ORIGINAL", "PRIMARY", "W")), Sequence.DIXON_WATER),
        (Physics(6, 2, scanning_sequence=("GR",), image_type=("DERIVED", "DIXON", "FAT")), Sequence.DIXON_FAT),
        (Physics(6, 2, scanning_sequence=("GR",), image_type=("ORIGINAL", "IP")), Sequence.DIXON_IN_PHASE),
        (Physics(6, 2, scanning_sequence=("GR",), image_type=("ORIGINAL", "OPP_PHASE")), Sequence.DIXON_OPPOSED_PHASE),
        (Physics(4000, 60, scanning_sequence=("SE", "EP")), Sequence.UNKNOWN),
        (Physics(4000, 90, 2200, scanning_sequence=("SE", "IR")), Sequence.UNKNOWN),
        (Physics(700, 12, scanning_sequence=SE, scan_options=("FS",)), Sequence.UNKNOWN),
        (Physics(None, 12, scanning_sequence=SE), Sequence.UNKNOWN),
        (Physics(600, None, scanning_sequence=SE), Sequence.UNKNOWN),
        (Physics(1350, 20, scanning_sequence=SE), Sequence.UNKNOWN),
        (Physics(1100, 120, echo_train_length=80, is_3d="3D", scanning_sequence=SE), Sequence.T2),
        (Physics(4000, 40, 160, scanning_sequence=("SE", "IR"), image_type=("DERIVED", "ADC")), Sequence.UNKNOWN),
        (Physics(), Sequence.UNKNOWN),
    ],
)  # fmt: skip
def test_physics_decides(physics, expected):
    sequence, reason = recognize(physics)
    assert sequence is expected
    assert reason
    assert "\n" not in reason


@pytest.mark.parametrize("text", ["COR STIR", "pd fs", "t1 tse", "water only", "T2* map"])
@pytest.mark.parametrize(
    "physics",
    [Physics(600, 12, scanning_sequence=SE), Physics(3000, 40, scanning_sequence=SE), Physics(20, 3, flip_angle=12)],
)
def test_text_never_decides(physics, text):
    spoken = Physics(
        physics.repetition_time,
        physics.echo_time,
        flip_angle=physics.flip_angle,
        scanning_sequence=physics.scanning_sequence,
        text=text,
    )
    assert recognize(spoken)[0] is recognize(physics)[0]


def test_text_that_contradicts_is_told():
    assert (
        "description says T1, the times do not" in recognize(Physics(4000, 90, scanning_sequence=SE, text="T1 cor"))[1]
    )
    assert "no tag does" in recognize(Physics(3000, 40, scanning_sequence=SE, text="PD FatSat"))[1]
    assert "(0018,0022)" in recognize(Physics(3000, 40, scanning_sequence=SE, text="PD FatSat"))[1]


def test_text_supports_an_inversion_without_its_time():
    bare = Physics(4000, 40, scanning_sequence=("SE", "IR"))
    assert recognize(bare)[0] is Sequence.UNKNOWN
    named = Physics(4000, 40, scanning_sequence=("SE", "IR"), text="cor tirm")
    assert recognize(named)[0] is Sequence.FLUID_FAT_SUPPRESSED


def test_the_reason_names_times_and_tag():
    reason = recognize(Physics(4000, 40, 160, scanning_sequence=("SE", "IR")))[1]
    for part in ("TI 160 ms", "TR 4000 ms", "TE 40 ms", "(0018,0020)"):
        assert part in reason
