"""How a job is cited, and how it is asked for again."""

import json
import re

from analysis.report.material import Material, job_document


def citation(found: Material) -> str:
    """One sentence with job, code version and date."""
    commit = f", commit {', '.join(c[:12] for c in found.commits)}" if found.commits else ""
    return (
        f"sparseift {found.version}{commit}: job {found.curve.job_id}, “{found.curve.name}”, {found.state}, as of "
        f"{found.as_of} UTC."
    )


def bibtex(found: Material) -> str:
    """A BibTeX entry (`@misc`, which every style knows)."""
    commit = f", commit {found.commits[0]}" if len(found.commits) == 1 else ""
    fields = {
        "title": f"{{Iso-FLOP search: {_tex(found.curve.name)}}}",
        "author": "{sparseift}",
        "year": found.as_of[:4],
        "howpublished": f"sparseift {_tex(found.version)}{commit}",
        "note": f"Job {_tex(found.curve.job_id)}, {found.state}, as of {found.as_of} UTC",
    }
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@misc{{{re.sub(r'[^A-Za-z0-9]', '-', found.curve.job_id)},\n{lines}\n}}"


def job_file(found: Material) -> str:
    """The job as a file for `sparseift submit`: YAML with one field per line, values as JSON."""
    fields = job_document(found.spec, found.labels).items()
    return "\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields)


def _tex(text: str) -> str:
    words = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    return re.sub(r"[\\{}$&#^_%~]", lambda m: words.get(m[0], "\\" + m[0]), text)
