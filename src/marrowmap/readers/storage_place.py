"""Where a study's database is: names that commands can tell without loading a database's driver."""

from __future__ import annotations

DATABASE_VARIABLE = "MARROWMAP_STUDY_DATABASE"
"""Environment variable with the URL of a PostgreSQL database: a URL holds a password and is never written down."""

SQLITE_FILE = "study.db"
"""In the study's folder."""
