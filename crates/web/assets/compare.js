// Comparison of several runs: charts on one time axis, percentiles side by side.

import { read } from "./api.js";
import { Charts, dashes } from "./charts.js";
import { make } from "./dom.js";
import { fill } from "./tables.js";
import { figure, moment, number, percent, percentileName } from "./words.js";

const ALL = "All requests";
const drawn = [["Requests per second", "requests_per_second"], ["Failures per second", "failures_per_second"], ["p50 response time (ms)", "p50_ms"], ["p95 response time (ms)", "p95_ms"], ["p99 response time (ms)", "p99_ms"], ["Users", "users"]];

export async function compareRuns(ids, failed) {
  const ask = (series) => read("/compare", { ids: ids.join(","), series });
  let { runs, caveats } = await ask("");
  const label = (run) => `${run.id} · ${run.name}`;
  const names = [...new Set(runs.flatMap(({ names }) => names))];
  const select = make("select", {}, ...[ALL, ...names].map((name) => make("option", { value: name === ALL ? "" : name }, name)));
  const table = make("table", {}, make("caption", { className: "unseen" }, "The runs side by side"));
  const place = make("div", { className: "charts" });
  let charts = null;

  function show() {
    fill(table, columns(runs, label), rows(runs));
    charts.set(drawn.map(([, column]) => joined(runs.map(({ points }) => points), column)), []);
  }

  select.addEventListener("change", async () => {
    try {
      ({ runs } = await ask(select.value));
      show();
    } catch (error) {
      failed(error);
    }
  });
  const key = make("ul", { className: "key" }, ...runs.map(({ run }, index) => make("li", {}, sample(index), `${label(run)}, ${moment(run.started_at)}${run.coarse ? `, ${run.coarse}` : ""}`)));
  return {
    content: [
      make("section", { className: "card" }, make("h2", {}, `${runs.length} runs compared`), key),
      make("div", { className: "row" }, make("label", { className: "inline" }, "Requests ", select)),
      make("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "The runs side by side" }, table),
      place,
      make("section", { className: "card" }, make("h2", {}, "Limits of this comparison, and differences between the runs"), make("ul", {}, ...caveats.map((caveat) => make("li", {}, caveat)))),
    ],
    fill() {
      charts = new Charts(place, drawn.map(([title]) => ({
        title,
        lines: runs.map(({ run }, index) => ({ label: label(run), color: `--series-${index}`, dash: dashes[index] })),
      })));
      show();
    },
    close: () => charts?.destroy(),
  };
}

function columns(runs, label) {
  const first = { title: "Figure", text: true, cell: (row) => row.title };
  return [first, ...runs.map(({ run }, index) => ({ title: label(run), cell: (row) => row.values[index] }))];
}

function rows(runs) {
  const row = (title, value) => ({ title, values: runs.map(value) });
  const measured = (title, value) => {
    const [first, ...others] = runs.map(value);
    return { title, values: [figure(first), ...others.map((other) => `${figure(other)}${difference(other, first)}`)] };
  };
  const percentiles = [...new Set(runs.flatMap(({ percentiles }) => percentiles.map(([percentile]) => percentile)))];
  return [
    row("Users", ({ run }) => number(run.users)),
    row("Requests, all names", ({ run }) => number(run.requests)),
    measured("Requests/s, all names", ({ run }) => run.requests_per_second),
    row("Failures, all names", ({ run }) => percent(run.failures == null ? null : run.requests ? run.failures / run.requests : 0)),
    ...percentiles.map((percentile) => measured(`${percentileName(percentile)} (ms)`, ({ percentiles }) => percentiles.find(([known]) => known === percentile)?.[1])),
  ];
}

// Difference of a figure to that of the first run, in percent; from ten times on, the ratio.
function difference(value, first) {
  if (value == null || !(first > 0)) return "";
  if (value / first >= 10) return ` (${figure(value / first)} times)`;
  const percents = (value / first - 1) * 100;
  return ` (${percents < 0 ? "−" : "+"}${number(Math.abs(percents), 1)} %)`;
}

// Columns on one time axis, with gaps where a run has no point.
function joined(all, column) {
  const seconds = [...new Set(all.flatMap((points) => points.seconds))].sort((a, b) => a - b);
  const lines = all.map((points) => {
    const at = new Map(points.seconds.map((second, index) => [second, points[column][index]]));
    return seconds.map((second) => at.get(second) ?? null);
  });
  return [seconds, ...lines];
}

function sample(index) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 30 8");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  for (const [name, value] of [["x1", 0], ["x2", 30], ["y1", 4], ["y2", 4], ["stroke-width", 2.5], ["stroke-dasharray", dashes[index].join(" ")]]) {
    line.setAttribute(name, value);
  }
  line.style.stroke = `var(--series-${index})`;
  svg.append(line);
  return svg;
}
