"""The form: offline, the contract's columns, and a record only when typed twice alike (in a real browser)."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from marrowmap.ingest.dxa_csv import COLUMNS
from marrowmap.ingest.dxa_csv import MORE_COLUMNS
from marrowmap.ingest.dxa_csv import read_density_csv
from marrowmap.report.density_form import render_density_form

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")

DRIVER = """
<script>
const said = [];
function type(values) { Object.keys(values).forEach(function (name) { field(name).value = values[name]; }); }
function go() { field("go").click(); said.push(field("message").textContent); }
const who = { person: "A, 1", birth_date: "1980-01-01", sex: "M", date: "2020-01-01", machine: "GE Lunar" };
const neck = { region: "femoral_neck", side: "left", bmd: "0.783", t_score: "−2.1", note: "=1+1" };
type(Object.assign({}, who, neck)); go();
said.push("hidden " + [field("bmd").value, field("person").value, field("machine").value].join("|"));
type(Object.assign({}, who, neck, { bmd: "0.738" })); go();
type({ bmd: "0.783" }); go();
said.push("kept " + field("person").value + "|" + field("bmd").value);
type({ region: "spine", bmd: "783" }); go();
type({ bmd: "0,9" }); go();
type({ bmd: "1.02", vertebrae: "L1-L4" }); go();
type(Object.assign({}, who, { region: "spine", bmd: "1.02", vertebrae: "L1-L4" }));
go();
const out = document.createElement("pre");
out.id = "outcome";
out.textContent = JSON.stringify({ said: said, csv: csv(), count: field("count").textContent });
document.body.append(out);
</script>
"""


def test_it_is_one_offline_page_with_the_contracts_columns():
    page = render_density_form()
    assert not re.search(r"(src|href|url)\s*[=(]\s*[\"']?\s*(https?:)?//", page)
    assert "default-src 'none'" in page
    assert json.dumps([*COLUMNS, *MORE_COLUMNS]) in page
    for column in (*COLUMNS, *MORE_COLUMNS):
        assert column == "site" or f'id="{column}"' in page
        assert column == "site" or f'for="{column}"' in page


@pytest.mark.skipif(BROWSER is None, reason="no browser on this machine")
def test_a_record_is_taken_only_when_typed_twice_alike(tmp_path: Path):
    page = tmp_path / "form.html"
    page.write_text(render_density_form().replace("</body>", DRIVER + "</body>"), encoding="utf-8")
    done = subprocess.run(
        [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    match = re.search(r'<pre id="outcome">(.*?)</pre>', done.stdout, re.DOTALL)
    assert match, done.stderr[-500:]
    outcome = json.loads(html.unescape(match[1]))
    told = outcome["said"]
    assert "kept out of sight" in told[0]
    assert told[1] == "hidden ||GE Lunar"
    assert "differ in bmd" in told[2]
    assert told[3].startswith("Taken")
    assert told[4] == "kept A, 1|"
    assert "between 0.05 and 3" in told[5]
    assert "written with a point" in told[6]
    assert told[8].startswith("Taken")
    assert outcome["count"] == "2"
    table = tmp_path / "records.csv"
    table.write_text(outcome["csv"], encoding="utf-8")
    neck, spine = read_density_csv(table).records
    assert (neck.person, neck.region, neck.bmd, neck.t_score, neck.note) == (
        "A, 1",
        "femoral_neck",
        0.783,
        -2.1,
        "'=1+1",
    )
    assert (spine.region, spine.side, spine.vertebrae, spine.bmd) == ("spine", None, (1, 2, 3, 4), 1.02)
