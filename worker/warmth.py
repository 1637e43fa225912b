"""What a warm process can use again: imports always, and of its last trial the data and the compiled graphs."""

from sparseift.records import TrialSpec, digest

SHAPING = ("batch_size", "bf16", "compile")  # of the training: what a compiled graph depends on besides the model


def key_of(trial: TrialSpec) -> str:
    """Equal for trials of the same network on the same batches: model, width and batch, whatever their masks and seed.

    The width follows from the family and its nominal sparsity, of a rung of the ladder from the multiple of dense.
    """
    configuration = trial.configuration
    return digest(
        [
            [trial.model.name, trial.model.arguments, trial.dataset.name, trial.dataset.arguments],
            [trial.scope, trial.nonlinearity, {name: trial.training.get(name) for name in SHAPING}],
            [configuration.family, round(configuration.nominal_sparsity, 6), round(configuration.flop_multiple, 6)],
        ]
    )
