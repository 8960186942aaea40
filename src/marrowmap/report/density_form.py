"""A page to type densitometry records in, twice, that opens offline and asks nothing of any network."""

from __future__ import annotations

import json
from importlib import metadata
from importlib import resources

import jinja2

from marrowmap.ingest.dxa_csv import COLUMNS
from marrowmap.ingest.dxa_csv import MORE_COLUMNS
from marrowmap.report.wording import load_reportlets
from marrowmap.values.density_record import JOINT_OF_REGION


def render_density_form() -> str:
    """Return the page; its columns and regions are those that ``marrowmap density`` reads."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = resources.files("marrowmap.report").joinpath("templates", "density_form.html.jinja")
    regions = {region: joint.value if joint else region for region, joint in JOINT_OF_REGION.items()}
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        columns=json.dumps([*COLUMNS, *MORE_COLUMNS]),
        sites=json.dumps(regions),
        regions=list(JOINT_OF_REGION),
        notice=load_reportlets()["notice"],
        version=metadata.version("marrowmap"),
    )
