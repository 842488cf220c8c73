"""Strict reading of a month's CSV: typed rows, or the place of the first bad cell.

A file is read as text first, so that the error can quote what stands there. The shape of the lines is checked
before the cells, and a row's number is its line in the file (the header is row 1), as an editor shows it.
"""

from typing import NoReturn

import polars as pl

from flights_schema import COLUMNS, MISSING


class MalformedFileError(ValueError):
    """A cell that is not what the schema says."""

    def __init__(self, file: str, row: int, column: str, found: str, expected: str) -> None:
        super().__init__(f"{file}, row {row}, column {column}: found {found}, expected {expected}")
        self.file = file
        self.row = row
        self.column = column
        self.found = found
        self.expected = expected


def read_month(content: bytes, month: int, file: str) -> pl.DataFrame:
    """The typed rows of one month; `file` is how an error calls the content. Raises MalformedFileError."""
    _check_encoding(content, file)
    _check_shape(content.splitlines(), file)
    text = pl.read_csv(content, infer_schema=False, quote_char=None).fill_null("")
    columns = [column.of_month(month) for column in COLUMNS]
    bad = text.select(column.is_bad() for column in columns)
    first = [(bad[column.name].arg_true()[0], column) for column in columns if bad[column.name].any()]
    if first:
        index, column = min(first, key=lambda place: place[0])
        raise MalformedFileError(
            file, index + 2, column.name, _quoted(text[column.name][index]), column.expected
        )
    return text.select(column.typed() for column in columns)


def _check_encoding(content: bytes, file: str) -> None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        line_start = content.rfind(b"\n", 0, error.start) + 1
        column = _column_name(content.count(b",", line_start, error.start))
        raise MalformedFileError(
            file, row, column, f"the byte 0x{content[error.start]:02x}", "UTF-8 text"
        ) from None


def _check_shape(lines: list[bytes], file: str) -> None:
    header = lines[0].decode().split(",") if lines else []
    for index, column in enumerate(COLUMNS):
        found = header[index] if index < len(header) else "nothing"
        if found != column.name:
            raise MalformedFileError(file, 1, column.name, _quoted(found), f"the heading {column.name!r}")
    commas = len(COLUMNS) - 1
    for row, line in enumerate(lines, start=1):
        if line.count(b",") != commas:
            _raise_cell_count(file, row, line.count(b",") + 1)
    if len(lines) < 2:
        raise MalformedFileError(file, 2, COLUMNS[0].name, "the end of the file", "at least one flight")


def _raise_cell_count(file: str, row: int, cells: int) -> NoReturn:
    raise MalformedFileError(file, row, _column_name(cells), f"{cells} cells", f"{len(COLUMNS)} cells")


def _column_name(index: int) -> str:
    return COLUMNS[min(index, len(COLUMNS) - 1)].name


def _quoted(cell: str) -> str:
    if not cell:
        return "an empty cell"
    return repr(cell if len(cell) <= 40 else cell[:39] + "…") + (" (missing)" if cell == MISSING else "")
