"""Tables as people type them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from marrowmap.errors import InputError
from marrowmap.ingest.dxa_csv import COLUMNS
from marrowmap.ingest.dxa_csv import read_density_csv
from marrowmap.values import Side

HEAD = ",".join(COLUMNS)
LINE = "A,1980-01-01,M,2020-01-01,hip,femoral_neck,left,0.783,,,-2.1,-1.9,GE Lunar iDXA,17,GE men"


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "records.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_the_contracts_columns(tmp_path):
    table = read_density_csv(write(tmp_path, f"{HEAD}\n{LINE}\n"))
    (record,) = table.records
    assert (record.person, record.birth_date, record.sex, record.date) == ("A", date(1980, 1, 1), "M", date(2020, 1, 1))
    assert (record.region, record.side, record.bmd, record.t_score) == ("femoral_neck", Side.LEFT, 0.783, -2.1)
    assert (record.bmc, record.area, record.machine, record.reference) == (None, None, "GE Lunar iDXA", "GE men")
    assert record.place == "line 2"
    assert table.notes == ()


def test_semicolons_decimal_commas_and_a_byte_order_mark(tmp_path):
    text = (
        f"{HEAD};note\n{LINE};x\n".replace(",", ";")
        .replace("0.783", "0,783")
        .replace("-2.1", "−2,1")
        .replace("-1.9", "-1,9")
    )
    table = read_density_csv(write(tmp_path, text, "utf-8-sig"))
    assert table.records[0].bmd == pytest.approx(0.783)
    assert table.records[0].t_score == -2.1
    assert table.notes == ("records.csv: decimal commas of 3 numbers read as points, lines 2 to 2",)


def test_a_unit_in_the_header_is_converted_and_told(tmp_path):
    text = f"{HEAD}\n{LINE}\n".replace("bmd,bmc", "BMD (mg/cm²),bmc").replace("0.783", "783")
    table = read_density_csv(write(tmp_path, text))
    assert table.records[0].bmd == pytest.approx(0.783)
    assert "783 mg/cm2, as stated, is 0.783 g/cm2" in table.notes[0]


def test_mixed_units_are_each_taken_as_stated(tmp_path):
    other = LINE.replace("left", "right").replace("0.783", "811 mg/cm2")
    table = read_density_csv(write(tmp_path, f"{HEAD}\n{LINE}\n{other}\n"))
    assert [record.bmd for record in table.records] == pytest.approx([0.783, 0.811])
    assert len(table.notes) == 1


def test_nothing_is_lost_without_a_word(tmp_path):
    table = read_density_csv(write(tmp_path, "person,date,region,side,bmd,weight\nA,2020-01-01,neck,left,0.8,70\n"))
    assert any("weight" in note for note in table.notes)
    assert any("machine" in note and "taken as empty" in note for note in table.notes)


def test_a_line_without_numbers_needs_a_word(tmp_path):
    empty = LINE.replace("0.783", "").replace("-2.1", "").replace("-1.9", "")
    table = read_density_csv(write(tmp_path, f"{HEAD},note\n{empty},normal\n"))
    assert (table.records[0].bmd, table.records[0].note) == (None, "normal")
    with pytest.raises(InputError, match="no number in the line"):
        read_density_csv(write(tmp_path, f"{HEAD}\n{empty}\n"))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "empty"),
        (HEAD, "no record"),
        ("person,date,region,side\nA,2020-01-01,neck,left", "no column bmd"),
        (f"{HEAD},bmd\n{LINE},1", "twice"),
        (f"{HEAD}\n{LINE.replace('0.783', '0,783')}", r"line 2: 16 fields under 15 columns: a decimal comma"),
        (f"{HEAD}\n{LINE[:-10]}", r"line 2: 13 fields"),
        (f"{HEAD}\n{LINE.replace('left', '')}", "without its side"),
        (f"{HEAD}\n{LINE.replace('left', 'links')}", "write left or right"),
        (f"{HEAD}\n{LINE.replace('femoral_neck', 'spine').replace('hip', 'spine')}", "spine has no side"),
        (f"{HEAD}\n{LINE.replace('hip', 'knee')}", "not at the knee"),
        (f"{HEAD}\n{LINE.replace(',M,', ',X,')}", "sex 'X'"),
        (f"{HEAD}\n{LINE}".replace("bmd", "bmd (mg)"), "header"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, text, match):
    with pytest.raises(InputError, match=match):
        read_density_csv(write(tmp_path, text))


def test_other_encodings_are_told_and_no_text_is_refused(tmp_path):
    text = f"{HEAD}\n{LINE.replace('GE men', 'Männer')}\n"
    table = read_density_csv(write(tmp_path, text, "cp1252"))
    assert table.records[0].reference == "Männer"
    assert "Windows-1252" in table.notes[0]
    (tmp_path / "x.csv").write_bytes(b"\0\1\2")
    with pytest.raises(InputError, match="not a text file"):
        read_density_csv(tmp_path / "x.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_density_csv(tmp_path / "none.csv")


def test_empty_columns_to_the_right_are_no_columns(tmp_path):
    (record,) = read_density_csv(write(tmp_path, f"{HEAD},,\n{LINE},,\n")).records
    assert record.bmd == 0.783
    with pytest.raises(InputError, match="17 fields under 15 columns"):
        read_density_csv(write(tmp_path, f"{HEAD},,\n{LINE},,x\n"))


def test_a_number_without_end_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"line 2, bmd: a number of 400 digits"):
        read_density_csv(write(tmp_path, f"{HEAD}\n{LINE.replace('0.783', '9' * 400)}\n"))


def test_digits_are_kept_as_they_were_typed(tmp_path):
    """0.900 says more than 0.9: what rounding explains of bmc over area hangs on it."""
    line = LINE.replace("0.783,,", "0.900,4.50,500 mm2")
    (record,) = read_density_csv(write(tmp_path, f"{HEAD}\n{line}\n")).records
    assert record.last_digit("bmd") == pytest.approx(0.001)
    assert record.last_digit("bmc") == pytest.approx(0.01)
    assert record.last_digit("area") == pytest.approx(0.01)
    assert record.last_digit("z_score") == pytest.approx(0.1)
