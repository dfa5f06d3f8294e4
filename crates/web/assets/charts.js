// Charts over time, of one load or of several loads on one axis. All charts share zoom and cursor.

import { make } from "./dom.js";
import { figure } from "./words.js";

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const dashes = [[], [8, 4], [3, 3], [12, 4, 3, 4], [6, 2], [2, 4]];

// Charts of one load: title, and lines as [label, column, colour].
export const kinds = [
  { title: "Requests per second", lines: [["requests/s", "requests_per_second"], ["failures/s", "failures_per_second", "--bad"]] },
  { title: "Response times (ms)", lines: [["p50", "p50_ms"], ["p95", "p95_ms"], ["p99", "p99_ms"]] },
  { title: "Users", lines: [["users", "users"]] },
];

const clock = (seconds) => {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  const two = (value) => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
};

// One chart. `lines` are { label, color, dash }; `marks` returns [{ at_seconds, what }].
class Chart {
  constructor(place, title, lines, sync, marks) {
    this.lines = lines;
    this.sync = sync;
    this.marks = marks;
    this.data = [[], ...lines.map(() => [])];
    this.plot = null;
    this.box = make("div", { className: "plot", tabIndex: 0, role: "img", "aria-label": title });
    place.append(make("section", { className: "chart" }, make("h3", {}, title), this.box));
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.box);
  }

  set(data) {
    this.data = data;
    if (this.plot) this.plot.setData(data, !this.zoomed());
    else this.draw();
    if (this.zoomed()) this.plot?.redraw();
  }

  zoomed() {
    const x = this.data[0];
    const { min, max } = this.plot?.scales.x ?? {};
    return this.isZoomed === true && min != null && x.length > 1 && max > min;
  }

  draw() {
    this.plot?.destroy();
    this.plot = null;
    const width = this.box.clientWidth;
    // A hidden chart is drawn once it is visible.
    if (width > 0) this.plot = new uPlot(this.options(width), this.data, this.box);
  }

  resize() {
    const width = this.box.clientWidth;
    if (width === 0) return;
    if (!this.plot) this.draw();
    else if (Math.abs(this.plot.width - width) > 1) this.plot.setSize({ width, height: 200 });
  }

  // The arrow keys move the cursor. Escape resets the zoom.
  key(event) {
    const plot = this.plot;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!plot || plot.data[0].length === 0) return;
    if (event.key === "Escape") return plot.root.querySelector(".u-over").dispatchEvent(new MouseEvent("dblclick", { bubbles: true }));
    if (!step) return;
    event.preventDefault();
    const last = plot.data[0].length - 1;
    const next = Math.min(Math.max((plot.cursor.idx ?? last) + step, 0), last);
    plot.setCursor({ left: plot.valToPos(plot.data[0][next], "x"), top: 10 });
  }

  options(width) {
    const axis = { stroke: style("--soft"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
    return {
      width,
      height: 200,
      cursor: { sync: { key: this.sync.key, scales: ["x", null] }, drag: { x: true, y: false }, points: { size: 7 } },
      scales: { x: { time: false }, y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
      axes: [
        { ...axis, size: 34, values: (_, splits) => splits.map(clock), incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200], space: 60 },
        { ...axis, size: 56, values: (_, splits) => splits.map((value) => (value >= 1000 ? value.toLocaleString("en") : String(Number(value.toPrecision(4))))) },
      ],
      series: [
        { label: "time", value: (_, value) => (value == null ? "–" : clock(value)) },
        ...this.lines.map(({ label, color, dash }) => ({
          label, stroke: style(color), width: 1.75, dash, points: { show: false }, spanGaps: true, value: (_, value) => figure(value),
        })),
      ],
      hooks: {
        setSelect: [(plot) => { if (plot.select.width > 0) this.sync.zoom(true); }],
        draw: [(plot) => this.drawMarks(plot)],
        ready: [(plot) => plot.over.addEventListener("dblclick", () => this.sync.zoom(false))],
      },
    };
  }

  drawMarks(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = style("--soft");
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
    for (const { at_seconds: at, what } of this.marks()) {
      const x = plot.valToPos(at, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const isRight = x > bbox.left + bbox.width * 0.7;
      ctx.textAlign = isRight ? "right" : "left";
      ctx.fillText(what, x + (isRight ? -5 : 5) * devicePixelRatio, bbox.top + 12 * devicePixelRatio);
    }
    ctx.restore();
  }

  destroy() {
    this.watcher.disconnect();
    this.plot?.destroy();
  }
}

let groups = 0;

// Charts that share cursor and zoom. `specs` are { title, lines }.
export class Charts {
  constructor(place, specs) {
    place.replaceChildren();
    this.marks = [];
    const sync = uPlot.sync(`charts-${groups++}`);
    const shared = { key: sync.key, zoom: (isZoomed) => this.charts.forEach((chart) => { chart.isZoomed = isZoomed; }) };
    this.charts = specs.map(({ title, lines }) => new Chart(place, title, lines, shared, () => this.marks));
    this.redraw = () => this.charts.forEach((chart) => chart.draw());
    addEventListener("themechange", this.redraw);
  }

  // `tables` has the columns of each chart: the times, then each line.
  set(tables, marks) {
    this.marks = marks;
    this.charts.forEach((chart, index) => chart.set(tables[index]));
  }

  destroy() {
    removeEventListener("themechange", this.redraw);
    this.charts.forEach((chart) => chart.destroy());
  }
}

// The charts of one load.
export function chartsOfOne(place) {
  const specs = kinds.map(({ title, lines }) => ({
    title,
    lines: lines.map(([label, , color], index) => ({ label, color: color ?? `--series-${index}`, dash: dashes[index] })),
  }));
  const charts = new Charts(place, specs);
  return {
    set: (points, marks) => charts.set(kinds.map(({ lines }) => [points.seconds, ...lines.map(([, column]) => points[column])]), marks),
    destroy: () => charts.destroy(),
  };
}
