// Tables for other programs: RFC 4180, numbers in full precision.

import type { Table } from "./table";

export function csv(table: Table): string {
  return [table.head, ...table.rows].map((row) => `${row.map(cell).join(",")}\n`).join("");
}

function cell(value: string | number | null): string {
  if (value === null || (typeof value === "number" && !Number.isFinite(value))) return "";
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
