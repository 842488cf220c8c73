"""Tasks that print in every way there is."""

import ctypes
import logging
import multiprocessing
import os
import signal
import subprocess
import sys

from headrace import shell, shell_async, task

log = logging.getLogger("printing")
libc = ctypes.CDLL(None)


@task(isolation="process")
def every_way() -> None:
    print("print")
    os.write(1, b"os.write\n")
    sys.stdout.buffer.write(b"buffer\n")
    subprocess.run(["echo", "subprocess"], check=True)
    libc.puts(b"puts")
    log.warning("logging")
    print("print to stderr", file=sys.stderr)
    subprocess.run("echo stderr of a subprocess >&2", shell=True, check=True)
    print("print again")
    subprocess.run(["echo", "to sys.stdout"], stdout=sys.stdout, check=True)
    subprocess.run("echo by name > /dev/stdout", shell=True, check=True)
    print("half, ", end="", flush=True)
    print("and half")
    print("end", end="")
    sys.__stdout__.write("to sys.__stdout__\n")  # type: ignore[union-attr]


@task(isolation="process")
def dies(how: str) -> None:
    libc.printf(b"of C\n")
    os.write(1, b"of os.write\n")
    print("printed")
    log.info("logged")
    print("unfinished", end="", flush=True)
    if how == "exit":
        os._exit(3)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    ctypes.string_at(0)


@task(isolation="process")
def leaves_behind(script: str) -> str:
    subprocess.Popen(["sh", "-c", script], start_new_session=True)
    print("left")
    return "done"


@task(isolation="process")
def many(count: int) -> None:
    for number in range(count):
        if number % 2:
            print("line", number)
        else:
            os.write(1, b"line %d\n" % number)


@task(isolation="process")
def long_lines() -> None:
    pool = multiprocessing.get_context("fork").Pool(2)
    pool.map(_long, range(6))
    pool.close()
    pool.join()


def _long(number: int) -> None:
    print(str(number) * 20_000)


@task(isolation="process")
def breaks_its_descriptors(mark: str) -> None:
    os.set_blocking(1, False)
    for number in range(20_000):
        print("line", number)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.write(1, b"nowhere\n")
    os.closerange(1, 3)
    print(mark)


@task(isolation="process")
def runs_a_program(script: str) -> None:
    shell(script)


@task(isolation="process")
async def awaits_a_program(script: str) -> None:
    await shell_async(script)
