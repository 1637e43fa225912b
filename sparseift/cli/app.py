"""The `sparseift` command: its tree, and how errors leave it."""

import sys

import typer

from sparseift.cli import answers, data, database, demo, jobs, serve, submit, verbs
from sparseift.cli.failures import exit_code
from sparseift.cli.options import err
from sparseift.errors import SparseIFTError

EXIT_CODES = (
    "Exit codes: 0 done; 1 the job failed, the service refused, or a program broke; 2 the command line, a job file or "
    "a taken port must be put right first; 130 left by Ctrl-C while a job goes on."
)

app = typer.Typer(
    name="sparseift",
    help="Search for the best sparse layers at the FLOPs of your dense model.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    add_completion=False,
)
data_app = typer.Typer(help="Data sets on this machine.", no_args_is_help=True, rich_markup_mode="markdown")
database_app = typer.Typer(help="The database's revision.", no_args_is_help=True, rich_markup_mode="markdown")

app.command("demo", epilog=demo.DEMO_EXAMPLES)(demo.demo)
app.command("serve", epilog=serve.SERVE_EXAMPLES)(serve.serve)
app.command("worker", epilog=serve.WORKER_EXAMPLES)(serve.worker)
app.command("submit", epilog=submit.SUBMIT_EXAMPLES)(submit.submit)
app.command("follow", epilog=submit.FOLLOW_EXAMPLES)(submit.follow)
app.command("status", epilog=jobs.STATUS_EXAMPLES)(jobs.status)
app.command("list", epilog=jobs.LIST_EXAMPLES)(jobs.list_jobs)
app.command("trials", epilog=jobs.TRIALS_EXAMPLES)(jobs.trials)
app.command("best", epilog=answers.BEST_EXAMPLES)(answers.best)
app.command("curve", epilog=answers.CURVE_EXAMPLES)(answers.curve)
app.command("logs", epilog=verbs.LOGS_EXAMPLES)(verbs.logs)
app.command("pause", epilog=verbs.PAUSE_EXAMPLES)(verbs.pause)
app.command("resume", epilog=verbs.RESUME_EXAMPLES)(verbs.resume)
app.command("stop", epilog=verbs.STOP_EXAMPLES)(verbs.stop)
app.command("cancel", epilog=verbs.CANCEL_EXAMPLES)(verbs.cancel)
app.command("extend", epilog=verbs.EXTEND_EXAMPLES)(verbs.extend)
app.command("prioritize", epilog=verbs.PRIORITIZE_EXAMPLES)(verbs.prioritize)
app.command("clone", epilog=verbs.CLONE_EXAMPLES)(verbs.clone)
app.add_typer(data_app, name="data")
data_app.command("list", epilog=data.LIST_EXAMPLES)(data.list_data)
data_app.command("fetch", epilog=data.FETCH_EXAMPLES)(data.fetch_data)
app.add_typer(database_app, name="db")
database_app.command("upgrade", epilog=database.UPGRADE_EXAMPLES)(database.upgrade)
database_app.command("check", epilog=database.CHECK_EXAMPLES)(database.check)


def main() -> None:
    """Runs the command; an error that we raise on purpose is one sentence and an exit code, never a traceback."""
    try:
        app()
    except SparseIFTError as error:
        err.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
        sys.exit(exit_code(error))
