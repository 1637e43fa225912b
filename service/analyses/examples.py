"""The document's examples of these answers; tests hold them against their schemas."""

from typing import Any

_METRIC: dict[str, Any] = {"name": "accuracy", "unit": "%", "direction": "maximize"}
_POINT: dict[str, Any] = {"key": "5f1f7c0ffee0aa17", "family": "sparse_wide", "sparsity": 0.7501}
_NOISE: dict[str, Any] = {"residual_sd": 0.21, "degrees": 8}
_SPENT: dict[str, Any] = {
    "trials": 30,
    "algorithmic_flops": 3.49e11,
    "executed_flops": 1.12e12,
    "device_seconds": 118.4,
}
_NOTHING: dict[str, Any] = {"trials": 0, "algorithmic_flops": 0.0, "executed_flops": 0.0, "device_seconds": 0.0}

EXAMPLES: dict[str, dict[str, Any]] = {
    "ComparisonsView": {
        "metric": _METRIC,
        "reference": "dense",
        "reference_flop_ratio": 1.0,
        "comparisons": [
            {
                **_POINT,
                "schedule": "RigL, ΔT 100 steps, α₀ 0.30 cosine to 75 %",
                "flop_ratio": 0.9999,
                "confirmed": True,
                "difference": 0.8,
                "low": 0.4,
                "high": 1.2,
                "seeds": 3,
                "seeds_to_see": 3,
                "method": "blocked",
                "verdict": "better",
                "refusal": None,
            }
        ],
        "multiplicity": "none",
        "intervals": 1,
        "ties": [],
        **_NOISE,
    },
    "EquivalenceView": {
        "metric": _METRIC,
        "sizes": [
            {"flop_multiple": 1.0, "mean": 96.8, "low": 96.4, "high": 97.2, "runs": {"7": 96.7, "8": 96.9}},
            {"flop_multiple": 2.0, "mean": 97.5, "low": None, "high": None, "runs": {"7": 97.5}},
        ],
        "coefficients": [96.8, 0.7],
        "gain_per_doubling": 0.7,
        "is_monotone": True,
        "lack_of_fit": None,
        "multipliers": [
            {**_POINT, "confirmed": True, "value": 1.9, "low": 1.4, "high": None, "reason": "", "message": ""}
        ],
        "intervals": 1,
        **_NOISE,
    },
    "ParetoView": {
        "metric": _METRIC,
        "cost": "training_flops",
        "cost_unit": "training FLOPs of one run, mask updates included",
        "cost_tolerance": 0.001,
        "points": [
            {
                **_POINT,
                "label": "Sparse Wide 75 %, static",
                "flop_multiple": 0.9999,
                "cost": 1.16e10,
                "mean": 97.6,
                "low": 97.2,
                "high": 98.0,
                "seeds": 3,
                "is_front": True,
                "dominated_by": "",
                "status": "front",
                "front_probability": 0.93,
            }
        ],
        "without_cost": 0,
        **_NOISE,
    },
    "SmoothView": {
        "metric": _METRIC,
        "curves": [
            {
                "family": "sparse_wide",
                "sparsities": [0.5, 0.7, 0.9],
                "mean": [97.1, 97.5, 97.2],
                "low": [96.8, 97.2, 96.8],
                "high": [97.4, 97.8, 97.6],
                "best_sparsity": 0.7501,
                "candidates": [0.6, 0.7501],
                "next_sparsity": 0.6,
                "expected_improvement": 0.04,
                "residual_sd": 0.21,
                "runs": 24,
                "levels": 6,
                "reason": "",
            }
        ],
    },
    "ImportanceView": {
        "metric": _METRIC,
        "importances": [
            {"parameter": "sparsity", "share": 0.71, "low": 0.38, "high": 0.9, "chance": 0.016, "runs": 24}
        ],
        "runs": 24,
        "reason": "",
        "effects": [
            {
                "parameter": "method",
                "change": "rigl against static",
                "effect": 0.31,
                "low": 0.05,
                "high": 0.57,
                "cells": 6,
                "runs": 14,
            }
        ],
        "associations": [
            {"measure": "itop", "correlation": 0.4, "low": -0.1, "high": 0.74, "runs": 18, "groups": 5},
            {"measure": "churn", "correlation": None, "low": None, "high": None, "runs": 4, "groups": 2},
        ],
    },
    "LedgerView": {
        "total": {"name": "total", **_SPENT},
        "by_outcome": [
            {"name": "complete", **_SPENT},
            *({"name": name, **_NOTHING} for name in ("running", "pruned", "failed", "cancelled", "repeated")),
        ],
        "by_kind": [{"name": "search", **_SPENT}],
        "by_family": [{"name": "sparse_wide", **_SPENT}],
        "dense_runs": 30.0,
        "result_share": 1.0,
    },
}
