// Tables. A column has a header and a function for its cells. A click on a header sorts the table.

import { by, make } from "./dom.js";
import { figure, number, percent, unixMoment } from "./words.js";

const orders = new WeakMap();

// Columns: { title, cell(row) → text or node, text, long, sort(row) → value, bad(row) }. `isLast` rows stay at the end.
export function fill(table, columns, rows, isLast = () => false) {
  if (!table.tHead) table.append(make("thead", {}, head(table, columns)), make("tbody"));
  table.tBodies[0].replaceChildren(...sorted(table, columns, rows, isLast).map((row) => line(columns, row, isLast(row))));
  orders.set(table, { ...orders.get(table), again: () => fill(table, columns, rows, isLast) });
}

function head(table, columns) {
  const cells = columns.map((column, index) => {
    const cell = make("th", { scope: "col", className: kind(column) });
    if (!column.sort) {
      cell.append(column.title);
      return cell;
    }
    const button = make("button", { type: "button", className: "sort" }, column.title);
    button.addEventListener("click", () => {
      const { by: before, down } = orders.get(table);
      const next = { by: index, down: before === index ? !down : !column.text };
      cells.forEach((other) => other.removeAttribute("aria-sort"));
      cell.setAttribute("aria-sort", next.down ? "descending" : "ascending");
      orders.set(table, { ...orders.get(table), ...next });
      orders.get(table).again();
    });
    cell.append(button);
    return cell;
  });
  return make("tr", {}, ...cells);
}

const kind = (column) => [column.text && "text", column.long && "long"].filter(Boolean).join(" ");

function sorted(table, columns, rows, isLast) {
  const { by: index, down } = orders.get(table) ?? {};
  if (index === undefined) return rows;
  const value = columns[index].sort;
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return [...rows].sort((a, b) => isLast(a) - isLast(b) || compare(value(a) ?? -1, value(b) ?? -1) * (down ? -1 : 1));
}

function line(columns, row, last) {
  const cells = columns.map((column) => {
    const cell = make("td", { className: kind(column) }, column.cell(row));
    if (column.bad?.(row)) cell.classList.add("bad");
    return cell;
  });
  return make("tr", { className: last ? "total" : "" }, ...cells);
}

const text = (title, key, more = {}) => ({ title, cell: (row) => row[key], sort: (row) => row[key].toLowerCase(), text: true, ...more });
const value = (title, key, shown = number) => ({ title, cell: (row) => shown(row[key]), sort: (row) => row[key] });
// Locust's keys are zero if no request has succeeded.
const time = (title, key) => {
  const known = (row) => (row.num_requests > row.num_failures ? row[key] : null);
  return { title, cell: (row) => figure(known(row)), sort: known };
};
const rate = (title, now, total) => (active) => value(title, active ? now : total, figure);
const requestsRate = rate("Requests/s", "current_rps", "total_rps");
const failuresRate = rate("Failures/s", "current_fail_per_sec", "total_fail_per_sec");

const statisticsColumns = (active) => [
  text("Type", "method"),
  text("Name", "name", { long: true }),
  value("#\u00a0Requests", "num_requests"),
  { ...value("#\u00a0Fails", "num_failures"), bad: (row) => row.num_failures > 0 },
  time("p50 / median (ms)", "median_response_time"),
  time("p95 / 95%ile (ms)", "response_time_percentile_0.95"),
  time("p99 / 99%ile (ms)", "response_time_percentile_0.99"),
  time("Average (ms)", "avg_response_time"),
  time("Min (ms)", "min_response_time"),
  time("Max (ms)", "max_response_time"),
  value("Average size (bytes)", "avg_content_length"),
  requestsRate(active),
  failuresRate(active),
];

export function showStatistics(table, stats, active) {
  const isTotal = (row) => row.name === "Aggregated" && row.method === "";
  fill(table, statisticsColumns(active), stats.stats, isTotal);
}

const failureColumns = [
  value("# Failures", "occurrences"),
  text("Method", "method"),
  text("Name", "name"),
  text("Message", "error", { long: true }),
  value("First seen", "first_seen", unixMoment),
  value("Last seen", "last_seen", unixMoment),
];

export function showFailures(table, stats) {
  fill(table, failureColumns, stats.errors);
}

const ratioColumns = [
  { title: "Class", cell: (row) => row.className, text: true },
  { title: "Task", cell: (row) => row.name, text: true },
  {
    title: "Share",
    cell: (row) => {
      const bar = make("meter", { className: "share", min: 0, max: 1, value: row.ratio, "aria-hidden": "true" });
      return make("span", {}, bar, percent(row.ratio));
    },
  },
];

export function showRatio(tasks) {
  const rows = Object.entries(tasks.total).flatMap(([className, { tasks }]) =>
    Object.entries(tasks).map(([name, { ratio }]) => ({ className, name, ratio })));
  fill(by("ratio-table"), ratioColumns, rows);
}
