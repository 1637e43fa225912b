"""The `sparseift` command: its tree, and how errors leave it."""

import sys

import typer

from sparseift.cli import (
    answers,
    check,
    data,
    database,
    demo,
    doctor,
    files,
    fleet,
    jobs,
    keeping,
    questions,
    report,
    serve,
    submit,
    tokens,
    verbs,
)
from sparseift.cli.failures import MEANINGS, exit_code
from sparseift.cli.options import err
from sparseift.errors import SparseIFTError

EXIT_CODES = f"Exit codes: {'; '.join(f'{code} {meaning}' for code, meaning in MEANINGS.items())}."

app = typer.Typer(
    name="sparseift",
    help="Search for the best sparse layers at the FLOPs of your dense model.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
)
data_app = typer.Typer(help="Data sets on this machine.", no_args_is_help=True, rich_markup_mode="markdown")
tokens_app = typer.Typer(help="Tokens of a service that asks for them.", no_args_is_help=True)
database_app = typer.Typer(help="The database's revision.", no_args_is_help=True, rich_markup_mode="markdown")

START, SEARCH, STEER, ANSWERS = "Start", "Search", "Steer", "Answers"
FLEET, MACHINE = "Workers", "This machine"

COMMANDS = (
    (START, "demo", demo.demo, demo.DEMO_EXAMPLES),
    (START, "serve", serve.serve, serve.SERVE_EXAMPLES),
    (START, "worker", serve.worker, serve.WORKER_EXAMPLES),
    (SEARCH, "init", check.init, check.INIT_EXAMPLES),
    (SEARCH, "presets", check.list_presets, check.PRESETS_EXAMPLES),
    (SEARCH, "check", check.check, check.CHECK_EXAMPLES),
    (SEARCH, "submit", submit.submit, submit.SUBMIT_EXAMPLES),
    (SEARCH, "follow", submit.follow, submit.FOLLOW_EXAMPLES),
    (SEARCH, "status", jobs.status, jobs.STATUS_EXAMPLES),
    (SEARCH, "show", jobs.status, jobs.SHOW_EXAMPLES),
    (SEARCH, "list", jobs.list_jobs, jobs.LIST_EXAMPLES),
    (SEARCH, "trials", jobs.trials, jobs.TRIALS_EXAMPLES),
    (SEARCH, "trial", jobs.trial, jobs.TRIAL_EXAMPLES),
    (SEARCH, "logs", verbs.logs, verbs.LOGS_EXAMPLES),
    (ANSWERS, "best", answers.best, answers.BEST_EXAMPLES),
    (ANSWERS, "curve", answers.curve, answers.CURVE_EXAMPLES),
    (ANSWERS, "compare", questions.compare, questions.COMPARE_EXAMPLES),
    (ANSWERS, "equivalence", questions.equivalence, questions.EQUIVALENCE_EXAMPLES),
    (ANSWERS, "pareto", questions.pareto, questions.PARETO_EXAMPLES),
    (ANSWERS, "smooth", questions.smooth, questions.SMOOTH_EXAMPLES),
    (ANSWERS, "importance", questions.importance, questions.IMPORTANCE_EXAMPLES),
    (ANSWERS, "ledger", questions.ledger, questions.LEDGER_EXAMPLES),
    (ANSWERS, "sizes", questions.sizes, questions.SIZES_EXAMPLES),
    (ANSWERS, "report", report.report, report.REPORT_EXAMPLES),
    (ANSWERS, "export", files.export, files.EXPORT_EXAMPLES),
    (ANSWERS, "download", files.download, files.DOWNLOAD_EXAMPLES),
    (STEER, "pause", verbs.pause, verbs.PAUSE_EXAMPLES),
    (STEER, "resume", verbs.resume, verbs.RESUME_EXAMPLES),
    (STEER, "stop", verbs.stop, verbs.STOP_EXAMPLES),
    (STEER, "cancel", verbs.cancel, verbs.CANCEL_EXAMPLES),
    (STEER, "extend", verbs.extend, verbs.EXTEND_EXAMPLES),
    (STEER, "prioritize", verbs.prioritize, verbs.PRIORITIZE_EXAMPLES),
    (STEER, "clone", verbs.clone, verbs.CLONE_EXAMPLES),
    (STEER, "label", keeping.label, keeping.LABEL_EXAMPLES),
    (STEER, "archive", keeping.archive, keeping.ARCHIVE_EXAMPLES),
    (STEER, "unarchive", keeping.unarchive, keeping.UNARCHIVE_EXAMPLES),
    (STEER, "delete", keeping.delete, keeping.DELETE_EXAMPLES),
    (FLEET, "workers", fleet.workers, fleet.WORKERS_EXAMPLES),
    (FLEET, "slots", fleet.slots, fleet.SLOTS_EXAMPLES),
    (FLEET, "release", fleet.release, fleet.RELEASE_EXAMPLES),
    (MACHINE, "doctor", doctor.doctor, doctor.DOCTOR_EXAMPLES),
)
for panel, name, function, epilog in COMMANDS:
    app.command(name, epilog=epilog, rich_help_panel=panel)(function)
app.add_typer(data_app, name="data", rich_help_panel=MACHINE)
data_app.command("list", epilog=data.LIST_EXAMPLES)(data.list_data)
data_app.command("fetch", epilog=data.FETCH_EXAMPLES)(data.fetch_data)
app.add_typer(tokens_app, name="tokens", rich_help_panel=MACHINE)
tokens_app.command("create", epilog=tokens.CREATE_EXAMPLES)(tokens.create)
tokens_app.command("list", epilog=tokens.LIST_EXAMPLES)(tokens.list_tokens)
tokens_app.command("revoke", epilog=tokens.REVOKE_EXAMPLES)(tokens.revoke)
tokens_app.command("save", epilog=tokens.SAVE_EXAMPLES)(tokens.save)
app.add_typer(database_app, name="db", rich_help_panel=MACHINE)
database_app.command("upgrade", epilog=database.UPGRADE_EXAMPLES)(database.upgrade)
database_app.command("check", epilog=database.CHECK_EXAMPLES)(database.check)


def main() -> None:
    """Runs the command; an error that we raise on purpose is one sentence and an exit code, never a traceback."""
    try:
        app()
    except SparseIFTError as error:
        err.print(str(error), style="red", soft_wrap=True)
        sys.exit(exit_code(error))
