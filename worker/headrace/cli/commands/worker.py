"""`headrace worker`: one worker process."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from headrace.cli.options import (
    CaFlag,
    CertFlag,
    CredsFlag,
    KeyFlag,
    NamespaceFlag,
    NatsFlag,
    PasswordFlag,
    TargetsArgument,
    TokenFlag,
    UserFlag,
    bus_options,
)


def worker(
    targets: TargetsArgument,
    *,
    slots: Annotated[
        int,
        typer.Option("--slots", envvar="HEADRACE_SLOTS", min=1, help="Attempts worked on at the same time."),
    ] = 10,
    queues: Annotated[
        list[str] | None,
        typer.Option(
            "--queues", "-q", envvar="HEADRACE_QUEUES", metavar="NAME", help="Default: those of the tasks."
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes",
            envvar="HEADRACE_PROCESSES",
            min=1,
            help="For process isolation. Default: one a core.",
        ),
    ] = None,
    grace: Annotated[
        float,
        typer.Option("--grace", envvar="HEADRACE_GRACE", min=0.0, help="Seconds to finish after SIGTERM."),
    ] = 30.0,
    ack_wait: Annotated[
        float,
        typer.Option(
            "--ack-wait",
            envvar="HEADRACE_ACK_WAIT",
            min=1.0,
            help="Seconds of silence, where the coordinator has not said how many.",
        ),
    ] = 30.0,
    serve_old_code: Annotated[
        float,
        typer.Option(
            "--serve-old-code",
            envvar="HEADRACE_SERVE_OLD_CODE",
            min=0.0,
            help="Seconds for which it goes on, when stopped, with tasks that unfinished runs need and only it has.",
        ),
    ] = 600.0,
    import_timeout: Annotated[
        float,
        typer.Option(
            "--import-timeout",
            envvar="HEADRACE_IMPORT_TIMEOUT",
            min=1.0,
            help="Seconds in which a new process must have imported the tasks.",
        ),
    ] = 300.0,
    results: Annotated[
        str,
        typer.Option(
            "--results", envvar="HEADRACE_RESULTS", metavar="URL", help="Large results. Default: NATS."
        ),
    ] = "",
    log_lines_per_s: Annotated[
        int,
        typer.Option(
            "--log-lines-per-s",
            envvar="HEADRACE_LOG_LINES_PER_S",
            min=1,
            help="Of one attempt, for long; a burst may be 100 times that.",
        ),
    ] = 1_000,
    log_bytes: Annotated[
        int,
        typer.Option("--log-bytes", envvar="HEADRACE_LOG_BYTES", min=1, help="Of one attempt, in all."),
    ] = 100_000_000,
    echo: Annotated[bool, typer.Option("--echo", help="Print what tasks log and print, too.")] = False,
    nats: NatsFlag = None,
    nats_creds: CredsFlag = "",
    nats_user: UserFlag = "",
    nats_password: PasswordFlag = "",
    nats_token: TokenFlag = "",
    tls_ca: CaFlag = "",
    tls_cert: CertFlag = "",
    tls_key: KeyFlag = "",
    namespace: NamespaceFlag = "default",
) -> None:
    """Run a worker process.

    It runs the tasks of files and modules until SIGTERM or ctrl-C, and then finishes what it has.
    """
    from headrace.cli.worker_log import show_worker_log
    from headrace.runtime.settings import WorkerSettings
    from headrace.runtime.worker import run_worker

    show_worker_log()
    run_worker(
        WorkerSettings(
            targets=tuple(targets),
            bus=bus_options(
                nats,
                name="headrace-worker",
                creds=nats_creds,
                user=nats_user,
                password=nats_password,
                token=nats_token,
                tls=(tls_ca, tls_cert, tls_key),
            ),
            namespace=namespace,
            queues=tuple(name for one in queues or () for name in one.split(",") if name),
            slots=slots,
            processes=processes or os.cpu_count() or 1,
            results=results,
            grace_s=grace,
            serve_old_code_s=serve_old_code,
            ack_wait_s=ack_wait,
            log_lines_per_s=log_lines_per_s,
            log_bytes=log_bytes,
            import_timeout_s=import_timeout,
            echo=echo,
        )
    )
