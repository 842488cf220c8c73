"""A module that does not define the tasks its worker is sent."""

from headrace import task


@task(queue="odd")
def something_else(number: int) -> int:
    return number
