"""The examples of the API's document. Tests submit the requests and hold the responses against their schemas."""

from typing import Any

DEMO_JOB: dict[str, Any] = {
    "name": "small ResNet on CIFAR-10",
    "model": {"name": "resnet", "arguments": {"width": 8}},
    "dataset": {"name": "cifar10"},
    "families": ["sparse_wide", "sparse_parallel", "sparse_factorized", "sparse_doped"],
    "space": {"sparsities": [0.5, 0.75, 0.9], "methods": ["static", "rigl"], "delta_t_steps": [50, 400]},
    "budget": {"search_trials": 16, "confirm_seeds": 3},
    "labels": {"team": "vision"},
}
SMALLEST_JOB: dict[str, Any] = {"model": {"name": "mlp"}, "dataset": {"name": "digits"}}

_POINT: dict[str, Any] = {
    "family": "dense",
    "nominal_sparsity": 0.0,
    "feasible": True,
    "reason": "",
    "sparsity": 0.0,
    "scale": "",
    "forward_flops": 151552,
    "executed_flops": 151552,
    "flop_ratio": 1.0,
    "parameters": 76554,
    "nonzero_parameters": 76554,
    "training_memory_bytes": 2621440,
}
_WIDE: dict[str, Any] = {
    **_POINT,
    "family": "sparse_wide",
    "nominal_sparsity": 0.75,
    "sparsity": 0.7501,
    "scale": "k = 2.000, width 512",
    "executed_flops": 567296,
    "flop_ratio": 0.9999,
    "parameters": 285194,
    "training_memory_bytes": 5242880,
}
_PLAN: dict[str, Any] = {
    "metric": {"name": "accuracy", "unit": "%", "direction": "maximize"},
    "total_steps": 400,
    "batch_size": 64,
    "dense": _POINT,
    "points": [_WIDE],
    "dense_training_flops": 1.1639e10,
    "training_memory_bytes": 5242880,
}
_PLANNED = {"baseline": 3, "search": 24, "confirm": 3, "ladder": 0, "total": 30, "infeasible_points": 0}
_SPEC: dict[str, Any] = {
    "name": "mlp on digits",
    "model": {"name": "mlp", "arguments": {"width": 256, "depth": 3}},
    "dataset": {"name": "digits", "arguments": {}},
    "families": ["sparse_wide"],
    "space": {
        "sparsities": [0.75],
        "methods": ["static", "set", "rigl"],
        "delta_t_steps": [50, 1000],
        "drop_fraction": [0.1, 0.5],
        "anneals": ["cosine"],
        "t_end_fraction": [0.5, 0.9],
        "distributions": ["uniform"],
    },
    "budget": {
        "search_trials": 24,
        "confirm_seeds": 3,
        "wall_time_s": None,
        "device_hours": 2.0,
        "training_flops": None,
        "when_spent": "finish",
        "failures_allowed": None,
        "early_stopping": "none",
    },
    "training": {},
    "scope": "model",
    "nonlinearity": "default",
    "seed": 0,
    "in_flight": 2,
    "priority": 0,
    "ladder": [],
    "start_from": [],
}
_ID = "job_1k5x0z3w8qs7h2m4d9rt6b"

SUMMARY: dict[str, Any] = {
    "id": _ID,
    "name": "mlp on digits",
    "owner": "",
    "state": "running",
    "reason": "claimed",
    "message": "A worker runs this job.",
    "wanted": None,
    "priority": 0,
    "search_closed": "",
    "model": "mlp",
    "dataset": "digits",
    "families": ["sparse_wide"],
    "trials": {"complete": 12, "running": 2},
    "planned_trials": _PLANNED,
    "progress": 0.4,
    "project": "default",
    "labels": {"team": "vision"},
    "created_at": "2026-05-04T09:30:00.125000Z",
    "updated_at": "2026-05-04T09:32:10.500000Z",
    "started_at": "2026-05-04T09:30:01.500000Z",
    "ended_at": None,
    "archived_at": None,
    "links": {
        "self": f"/v1/jobs/{_ID}",
        "trials": f"/v1/jobs/{_ID}/trials",
        "best": f"/v1/jobs/{_ID}/best",
        "curve": f"/v1/jobs/{_ID}/curve",
        "events": f"/v1/jobs/{_ID}/events",
        **{
            verb: f"/v1/jobs/{_ID}:{verb}"
            for verb in ("pause", "resume", "stop", "cancel", "extend", "prioritize", "clone", "archive", "unarchive")
        },
    },
}
SHOWN_JOB: dict[str, Any] = {
    **SUMMARY,
    "conditions": [
        {
            "type": "planned",
            "at": "2026-05-04T09:30:00.125000Z",
            "reason": "planned",
            "message": "1 of 1 points of the space meet the dense model's FLOPs.",
        },
        {
            "type": "queued",
            "at": "2026-05-04T09:30:00.125000Z",
            "reason": "submitted",
            "message": "A user submitted the job.",
        },
        {
            "type": "running",
            "at": "2026-05-04T09:30:01.500000Z",
            "reason": "claimed",
            "message": "The worker 'desk/1f2e3d4c' took the job.",
        },
    ],
    "eta_seconds": 96.5,
    "spent": {"wall_time_s": 130.2, "device_hours": 0.061, "training_flops": 1.41e11},
    "quarantined": [],
    "waiting_for": None,
    "running": [{"number": 13, "step": 120, "total_steps": 400, "train_loss": 0.41, "value": 93.2}],
    "headline": "Sparse Wide at 75 % sparsity: +0.40 points against dense at equal FLOPs (n = 1 seed, no "
    "interval), not yet a gain, provisional until confirmed on fresh seeds; 12 of 30 runs finished.",
    "best": {
        "family": "sparse_wide",
        "configuration_key": "5f1f7c0ffee0aa17",
        "sparsity": 0.7501,
        "schedule": "RigL, ΔT 100 steps, α₀ 0.30 cosine to 75 %",
        "value": 97.6,
        "seeds": 1,
        "gain": 0.4,
        "confirmed": False,
    },
    "best_age_seconds": 0.0,
    "metric": _PLAN["metric"],
    "spec": _SPEC,
    "plan": _PLAN,
}
DRY_RUN: dict[str, Any] = {
    "dry_run": True,
    "spec": _SPEC,
    "plan": _PLAN,
    "planned_trials": _PLANNED,
    "training_flops": 3.4917e11,
    "device_time": {
        "basis": "model_and_dataset",
        "measured_trials": 33,
        "executed_flops_per_second": 9.1e9,
        "dense_s": 1.3,
        "points_s": [4.8],
        "total_s": 134.0,
    },
}

SHOWN_TRIAL: dict[str, Any] = {
    "number": 4,
    "kind": "search",
    "family": "sparse_wide",
    "configuration": {
        "family": "sparse_wide",
        "nominal_sparsity": 0.75,
        "schedule": {"method": "static", "distribution": "uniform"},
    },
    "configuration_key": "5f1f7c0ffee0aa17",
    "sparsity": 0.7501,
    "scale": "k = 2.000, width 512",
    "seed": 1748213391,
    "state": "complete",
    "reason": "",
    "message": "",
    "created_at": "2026-05-04T09:31:00Z",
    "ended_at": "2026-05-04T09:31:04.250000Z",
    "value": 97.6,
    "test_value": None,
    "forward_flops_per_sample": 151540,
    "executed_flops_per_sample": 567296,
    "flop_ratio": 0.9999,
    "training_flops": 1.1638e10,
    "parameters": 285194,
    "nonzero_parameters": 76548,
    "training_seconds": 3.9,
    "links": {
        "self": f"/v1/jobs/{_ID}/trials/4",
        "job": f"/v1/jobs/{_ID}",
        "metrics": f"/v1/jobs/{_ID}/trials/4/metrics",
        "log": f"/v1/jobs/{_ID}/trials/4/log",
    },
    "attempts": [
        {
            "number": 1,
            "state": "finished",
            "worker": "desk-4711",
            "slot": "desk/cpu:0",
            "started_at": "2026-05-04T09:31:00.100000Z",
            "ended_at": "2026-05-04T09:31:04.250000Z",
            "failure_class": "",
            "message": "",
            "environment": {"torch": "2.13.0", "device": "cpu"},
            "log_path": "logs/att_4.log",
        }
    ],
    "checkpoint": {"step": 400, "path": "att_4/step-400", "created_at": "2026-05-04T09:31:04.200000Z"},
    "reports": [
        {
            "step": 100,
            "total_steps": 400,
            "train_loss": 0.52,
            "value": 91.2,
            "training_flops": 2.9e9,
            "sparsity": 0.7501,
            "churn": None,
            "itop": 0.2499,
            "seconds": 1.0,
        }
    ],
}
EVENT: dict[str, Any] = {
    "id": 118,
    "at": "2026-05-04T09:31:04.250000Z",
    "kind": "trial.complete",
    "payload": {"trial": 4, "state": "complete", "value": 97.6},
}

PATCH: dict[str, Any] = {"name": "Wide against dense", "labels": {"team": "vision", "draft": None}}
EXTENSION: dict[str, Any] = {"search_trials": 100_000, "device_hours": None}
PRIORITY: dict[str, Any] = {"priority": 10}
BULK: dict[str, Any] = {"verb": "pause", "jobs": [_ID, "job_0m2x"], "running": "hand_back"}
BULK_RESULTS: dict[str, Any] = {
    "results": [
        {"job": _ID, "status": 200, "state": "paused", "code": None, "detail": None},
        {
            "job": "job_0m2x",
            "status": 404,
            "state": None,
            "code": "not-found",
            "detail": "There is no job 'job_0m2x'.",
        },
    ]
}
ARTIFACT: dict[str, Any] = {
    "name": "attempt-1/step-00000400/tensors.safetensors",
    "kind": "tensors",
    "bytes": 1151520,
    "attempt": 1,
    "step": 400,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "modified_at": "2026-05-04T09:31:04.200000Z",
    "href": f"/v1/jobs/{_ID}/trials/4/artifacts/attempt-1/step-00000400/tensors.safetensors",
}
_USE: dict[str, Any] = {"job": _ID, "trial": 13, "attempt": 1, "since": "2026-05-04T09:32:01Z"}
WORKER: dict[str, Any] = {
    "name": "desk/1f2e3d4c",
    "host": "desk",
    "engine": "local",
    "alive": True,
    "state": "alive",
    "job": _ID,
    "slots": [{"slot": "desk/cuda:0", "running": _USE}, {"slot": "desk/cuda:1", "running": None}],
    "versions": {"python": "3.12.8", "torch": "2.13.0", "git_commit": None},
    "lease_ttl_s": 60.0,
    "started_at": "2026-05-04T09:00:00Z",
    "last_seen_at": "2026-05-04T09:32:09Z",
    "stopped_at": None,
}
SLOT: dict[str, Any] = {
    "slot": "desk/cuda:1",
    "worker": "desk/1f2e3d4c",
    "state": "quarantined",
    "running": None,
    "quarantine": {
        "reason": "losses",
        "message": "The process was ended by signal 6.",
        "losses": 3,
        "since": "2026-05-04T09:31:10Z",
        "until": "2026-05-04T09:32:10Z",
    },
}
