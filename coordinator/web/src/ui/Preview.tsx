import type { Schemas } from "~/api/client";

import classes from "./Preview.module.css";

/** What a table, an array or another value that is not plain data looks like: type, shape, schema, first rows. */
export function Preview({ preview, label }: { preview: Schemas["Preview"]; label: string }) {
  const { kind, shape = [], dtype, columns = [], rows = [], text } = preview;
  // Neither names of columns nor rows need be unique: they are told apart by their place.
  const heads = columns.map((column, place) => ({ ...column, place }));
  const lines = rows.map((row, place) => ({ place, cells: row.map((cell, at) => ({ at, cell })) }));
  const hiddenRows = (shape[0] ?? 0) - rows.length;
  const hiddenColumns = (shape[1] ?? columns.length) - columns.length;
  return (
    <section className={classes.preview} aria-label={`Preview of ${label}`}>
      <p className={classes.head}>
        <strong>{kind}</strong>
        {shape.length > 0 && <span>{shape.map((length) => length.toLocaleString("en")).join(" × ")}</span>}
        {dtype && <code>{dtype}</code>}
      </p>
      {text && <code className={classes.text}>{text}</code>}
      {columns.length > 0 && (
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <div className={classes.scroll} tabIndex={0} role="region" aria-label={`First rows of ${label}`}>
          <table>
            <thead>
              <tr>
                {heads.map((column) => (
                  <th key={column.place} scope="col">
                    {column.name}
                    <span className={classes.type}>{column.type}</span>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {lines.map((line) => (
                <tr key={line.place}>
                  {line.cells.map(({ at, cell }) => (
                    <td key={at} data-null={cell === null || undefined}>
                      {cell ?? "null"}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {columns.length > 0 && (hiddenRows > 0 || hiddenColumns > 0) && (
        <p className={classes.more}>
          {hiddenRows > 0 && `${hiddenRows.toLocaleString("en")} more rows`}
          {hiddenRows > 0 && hiddenColumns > 0 && ", "}
          {hiddenColumns > 0 && `${hiddenColumns.toLocaleString("en")} more columns`}
        </p>
      )}
    </section>
  );
}
