"""`sparseift serve` and `sparseift worker`: the programs, on this machine."""

import os
from contextlib import ExitStack, suppress
from typing import Annotated

import typer

from sparseift.cli import programs
from sparseift.cli.access import (
    Access,
    AuditDays,
    BehindTlsProxy,
    CorsOrigins,
    Host,
    ProxyAddresses,
    RequestBurst,
    RequestsPerS,
    RequireTokens,
    TlsCert,
    TlsKey,
    TrustedHosts,
    refuse_beyond_loopback,
)
from sparseift.cli.folders import Folders
from sparseift.cli.options import DEFAULT_DATA, Data, Database, err, examples, out, working
from sparseift.cli.placing import (
    AttemptLimit,
    Devices,
    Engine,
    GpuFraction,
    GpusPerSlot,
    HangLimit,
    LeakLimit,
    Placing,
    RayAddress,
    Slots,
    SomeSlots,
    Threads,
)
from sparseift.cli.signals import interruptible
from sparseift.cli.stack import Stack

SERVE_EXAMPLES = examples(
    "sparseift serve",
    "sparseift serve --data /data/sparseift --slots 4 --threads-per-slot 2",
    "sparseift serve --gpu-fraction 0.5",
    "sparseift serve --require-tokens --audit-days 30",
    "sparseift serve --database postgresql+psycopg://me@localhost/sparseift --slots 0",
)
WORKER_EXAMPLES = examples(
    "sparseift worker --slots 2",
    "sparseift worker --database postgresql+psycopg://me@dbhost/sparseift --data /shared/sparseift",
    "sparseift worker --database postgresql+psycopg://me@dbhost/sparseift --data /shared/sparseift "
    "--engine ray --ray-address head:6379 --gpus-per-slot 0.5",
)


def serve(
    data: Data = DEFAULT_DATA,
    database: Database = None,
    port: Annotated[int, typer.Option("--port", help="Port of the API.")] = 8000,
    notebooks_port: Annotated[int, typer.Option("--notebooks-port", help="Port of the notebooks.")] = 8001,
    engine: Engine = "local",
    ray_address: RayAddress = None,
    devices: Devices = "auto",
    slots: Slots = None,
    threads_per_slot: Threads = None,
    gpu_fraction: GpuFraction = None,
    gpus_per_slot: GpusPerSlot = None,
    attempt_limit_s: AttemptLimit = None,
    hang_limit_s: HangLimit = None,
    leak_limit_gib: LeakLimit = None,
    require_tokens: RequireTokens = False,
    cors_origin: CorsOrigins = None,
    requests_per_s: RequestsPerS = None,
    request_burst: RequestBurst = None,
    audit_days: AuditDays = None,
    host: Host = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    behind_tls_proxy: BehindTlsProxy = False,
    proxy_address: ProxyAddresses = None,
    trusted_host: TrustedHosts = None,
) -> None:
    """Start everything on this machine: API, a worker and the notebooks; Ctrl-C ends all of it.

    The database is made or brought to this version first. Running trials are not lost by an end: the next `serve`
    goes on from their last checkpoints. `--slots 0` starts no worker. It listens on loopback only; for other addresses
    and TLS start the programs one by one (`python -m service --help`).
    """
    access = Access(require_tokens, tuple(cors_origin or ()), requests_per_s, request_burst, audit_days)
    refuse_beyond_loopback(
        {
            "--host": host,
            "--tls-cert": tls_cert,
            "--tls-key": tls_key,
            "--behind-tls-proxy": behind_tls_proxy,
            "--proxy-address": proxy_address,
            "--trusted-host": trusted_host,
        },
        access.arguments(),
    )
    placing = Placing(
        engine,
        devices,
        slots,
        threads_per_slot,
        gpu_fraction,
        gpus_per_slot,
        ray_address,
        attempt_limit_s,
        hang_limit_s,
        leak_limit_gib,
    )
    folders = Folders(data)
    stack = Stack(
        folders,
        database or folders.database,
        port,
        notebooks_port,
        None if slots == 0 else placing,
        say=lambda sentence: err.print(sentence, style="yellow"),
        access=access,
    )
    with interruptible(), suppress(KeyboardInterrupt), ExitStack() as running:
        with working("Starting…"):
            running.enter_context(stack)
        out.print(f"API        {stack.api}/openapi.json")
        out.print(f"Notebooks  {stack.notebooks}")
        out.print(f"Logs       {folders.logs}", soft_wrap=True)
        out.print("Ctrl-C ends all of it; the searches go on at the next `sparseift serve`.")
        stack.watch_for_ever()
    out.print("Stopped.")


def worker(
    data: Data = DEFAULT_DATA,
    database: Database = None,
    engine: Engine = "local",
    ray_address: RayAddress = None,
    devices: Devices = "auto",
    slots: SomeSlots = None,
    threads_per_slot: Threads = None,
    gpu_fraction: GpuFraction = None,
    gpus_per_slot: GpusPerSlot = None,
    attempt_limit_s: AttemptLimit = None,
    hang_limit_s: HangLimit = None,
    leak_limit_gib: LeakLimit = None,
    lease_ttl_s: Annotated[float, typer.Option("--lease-ttl-s", min=1, help="Seconds a lease lasts.")] = 60.0,
) -> None:
    """Start one more worker, in the foreground: it becomes `python -m worker`.

    Workers on one PostgreSQL share the jobs; give all of them the same data folder, so that a trial can go on
    elsewhere from its checkpoint.
    """
    placing = Placing(
        engine,
        devices,
        slots,
        threads_per_slot,
        gpu_fraction,
        gpus_per_slot,
        ray_address,
        attempt_limit_s,
        hang_limit_s,
        leak_limit_gib,
    )
    placing.check()
    folders = Folders(data)
    folders.create()
    line = programs.command(
        "worker",
        *("--artifacts", str(folders.artifacts)),
        *("--data", str(folders.datasets)),
        *("--lease-ttl-s", str(lease_ttl_s)),
        *placing.arguments(),
    )
    os.execve(line[0], line, programs.environment(database or folders.database))
