"""True findings of a hip without its images."""

from __future__ import annotations

from marrowmap.phantom.findings import true_findings
from marrowmap.values import Side


def test_findings_of_one_hip_cover_all_three_modalities():
    rows = true_findings("toh", 3, Side.RIGHT)
    assert {row["side"] for row in rows} == {"right"}
    states = {(row["modality"], row["sign"]): row["state"] for row in rows}
    assert len(states) == len(rows)
    assert states["MR", "diffuse_edema"] == "present"
    assert states["NM", "diffuse_hyperemia"] == "present"
    assert states["DX", "crescent"] == "absent"
