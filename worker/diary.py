"""What an attempt writes into its log, for the reader who asks why: how it began, each report, how it ended."""

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Progress, TrialResult
from worker.order import Order, Setting


def beginning(order: Order, setting: Setting) -> str:
    """What is trained, where, and from which step on."""
    trial, configuration = order.trial, order.trial.configuration
    schedule = configuration.schedule
    masks = f" with {_words(schedule)} masks" if schedule is not None else ""
    sparsity = f" at nominal sparsity {configuration.nominal_sparsity:g}{masks}" if schedule is not None else ""
    threads = f", {setting.threads} threads" if setting.threads else ""
    origin = f"resuming from {order.resume_from}" if order.resume_from else "from the first step"
    return (
        f"{configuration.family}{sparsity}: {trial.model.name} on {trial.dataset.name}, seed {trial.seed}, "
        f"{setting.device}{threads}, {origin}"
    )


def line(progress: Progress) -> str:
    """A report as one line; what was not measured is left out."""
    parts = [f"step {progress.step} of {progress.total_steps}"]
    named = (
        ("training loss", progress.train_loss),
        ("validation", progress.value),
        ("sparsity", progress.sparsity),
        ("churn", progress.churn),
        ("ITOP", progress.itop),
    )
    parts += [f"{name} {value:.5g}" for name, value in named if value is not None]
    return ", ".join([*parts, f"{progress.training_flops:.4g} training FLOPs", f"{progress.seconds:.1f} s"])


def ending(result: TrialResult) -> str:
    """A result as one line."""
    test = "" if result.test_value is None else f", test {result.test_value:.6g}"
    return f"validation {result.value:.6g}{test}, {result.training_flops:.4g} training FLOPs, {result.seconds:.1f} s"


def _words(schedule: MaskSchedule) -> str:
    return schedule.method if schedule.method == "static" else f"{schedule.method} (ΔT {schedule.delta_t_steps} steps)"
