"""Writes the JSON Schema of job files from what the service takes: `python tests/docs/job_schema.py`.

docs/reference/job.schema.json is for editors; the same file in the package is what `sparseift check` reads.
"""

import json
from pathlib import Path

from service.schemas.job import job_schema

ROOT = Path(__file__).resolve().parents[2]
FILES = (ROOT / "docs" / "reference" / "job.schema.json", ROOT / "sparseift" / "cli" / "job.schema.json")


def text() -> str:
    """The file."""
    return json.dumps(job_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for file in FILES:
        file.write_text(text(), encoding="utf-8")
