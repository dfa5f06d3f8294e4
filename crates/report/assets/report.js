// Draws the charts of a report from the JSON in the page. Each line has a colour and a dash pattern of its own.
(() => {
  "use strict";
  const charts = JSON.parse(document.getElementById("data").textContent);
  const dashes = [[], [10, 5], [3, 4], [12, 4, 3, 4], [6, 3], [2, 2]];
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const color = (index) => style(`--series-${index % 6}`);
  const dash = (index) => dashes[index % dashes.length];
  const number = (value) =>
    value == null ? "–" : value.toLocaleString("en", { maximumSignificantDigits: value < 1000 ? 3 : 15, maximumFractionDigits: value < 1000 ? 2 : 0 });
  const percentile = (x) => `p${Number((100 - 100 * 10 ** -x).toFixed(x < 1 ? 0 : x < 2 ? 1 : x < 3 ? 2 : 3))}`;

  function sharesAxis(chart) {
    return {
      splits: () => chart.shares.map(([x]) => x),
      values: () => chart.shares.map(([, name]) => name),
    };
  }

  // uPlot's own ticks of a logarithmic axis are blank between powers of ten, which leaves short ranges without any.
  function logarithmicAxis() {
    return {
      splits: (plot, _, low, high) => {
        const ticks = [];
        const steps = high / low < 10 ? [1, 1.5, 2, 3, 4, 5, 7] : [1, 2, 5];
        for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) {
          for (const step of steps) {
            if (step * power >= low && step * power <= high) ticks.push(step * power);
          }
        }
        return ticks;
      },
      values: (_, splits) => splits.map(number),
      filter: (_, splits) => splits,
    };
  }

  function markMeasured(chart) {
    return (plot) => {
      if (!chart.measured) return;
      const { ctx, bbox } = plot;
      const edge = (x) => Math.min(Math.max(plot.valToPos(x, "x", true), bbox.left), bbox.left + bbox.width);
      ctx.save();
      ctx.fillStyle = style("--raised");
      for (const [from, to] of [[bbox.left, edge(chart.measured[0])], [edge(chart.measured[1]), bbox.left + bbox.width]]) {
        ctx.fillRect(from, bbox.top, to - from, bbox.height);
      }
      ctx.fillStyle = style("--quiet");
      ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
      ctx.textBaseline = "top";
      ctx.textAlign = "left";
      if (edge(chart.measured[0]) - bbox.left > 60 * devicePixelRatio) {
        ctx.fillText("warm-up", bbox.left + 6 * devicePixelRatio, bbox.top + 4 * devicePixelRatio);
      }
      ctx.restore();
    };
  }

  // Vertical lines with their texts in the first row that has room. Where texts would cover the chart, numbers replace them.
  // A text that would not fit on the right of its line is on the left of it.
  function drawMarks(chart) {
    return (plot) => {
      const { ctx, bbox } = plot;
      const scale = devicePixelRatio;
      const rows = [];
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      ctx.font = `${12 * scale}px system-ui, sans-serif`;
      ctx.textBaseline = "top";
      ctx.textAlign = "left";
      ctx.lineJoin = "round";
      const short = bbox.width < 480 * scale || chart.marks.length > 6;
      for (const [index, [at, what]] of chart.marks.entries()) {
        const text = short ? String(index + 1) : what;
        const x = plot.valToPos(at, "x", true);
        if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) continue;
        ctx.strokeStyle = style("--ink");
        ctx.lineWidth = scale;
        ctx.setLineDash([2 * scale, 3 * scale]);
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
        ctx.setLineDash([]);
        const width = ctx.measureText(text).width;
        const right = x + 5 * scale;
        const fits = right + width <= bbox.left + bbox.width;
        const from = fits ? right : Math.max(bbox.left + 4 * scale, x - 5 * scale - width);
        let row = rows.findIndex((end) => end < from);
        if (row < 0) row = rows.length;
        rows[row] = from + width + 8 * scale;
        const y = bbox.top + (20 + row * 16) * scale;
        ctx.strokeStyle = style("--paper");
        ctx.lineWidth = 4 * scale;
        ctx.strokeText(text, from, y);
        ctx.fillStyle = style("--ink");
        ctx.fillText(text, from, y);
      }
      ctx.restore();
    };
  }

  function options(chart, width, readout) {
    const byShare = chart.axis === "share";
    const axis = { stroke: style("--quiet"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line") } };
    const values = chart.y.flat().filter((value) => value != null && value > 0);
    // The texts of marks stand above the lines.
    const headroom = chart.marks.length ? 1.4 : 1.1;
    const [least, most] = values.length ? [Math.min(...values), Math.max(...values)] : [1, 10];
    return {
      width,
      height: Math.round(Math.min(380, Math.max(260, width * 0.42))),
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 8 } },
      scales: {
        x: { time: false, range: (_, low, high) => (byShare ? [0, 4] : [low, high]) },
        y: byShare ? { distr: 3, range: () => [least / 1.15, most * 1.15] } : { range: (_, low, high) => [0, Math.max(high, 1e-3) * headroom] },
      },
      axes: [
        { ...axis, label: byShare ? "percentile" : "seconds since the start of the load", labelSize: 26, ...(byShare ? sharesAxis(chart) : { incrs: [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600] }) },
        { ...axis, size: 64, label: chart.unit, labelSize: 22, ...(byShare ? logarithmicAxis() : { values: (_, splits) => splits.map(number) }) },
      ],
      series: [
        {},
        ...chart.names.map((name, index) => ({
          label: name, stroke: color(index), width: 2, dash: dash(index), points: { show: false }, spanGaps: false,
        })),
      ],
      hooks: {
        drawClear: [markMeasured(chart)],
        draw: [drawMarks(chart)],
        setCursor: [(plot) => {
          const at = plot.cursor.idx;
          if (at == null) return;
          const where = byShare ? percentile(chart.x[at]) : chart.step > 1 ? `seconds ${chart.x[at]} to ${chart.x[at] + chart.step}` : `second ${chart.x[at]}`;
          readout.textContent = `${where}: ${chart.names.map((name, index) => `${name} ${number(chart.y[index][at])}`).join(" · ")}`;
        }],
      },
    };
  }

  function key(chart, toggle) {
    const list = document.createElement("ul");
    list.className = "key";
    chart.names.forEach((name, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", "true");
      const sample = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      sample.setAttribute("width", "34");
      sample.setAttribute("height", "8");
      sample.setAttribute("aria-hidden", "true");
      const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
      for (const [attribute, value] of [["x2", 34], ["y1", 4], ["y2", 4], ["stroke-width", 2.5], ["stroke-dasharray", dash(index).join(" ")]]) {
        line.setAttribute(attribute, value);
      }
      line.style.stroke = `var(--series-${index % 6})`;
      sample.append(line);
      button.append(sample, name);
      button.addEventListener("click", () => {
        const shown = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(shown));
        toggle(index + 1, shown);
      });
      const item = document.createElement("li");
      item.append(button);
      list.append(item);
    });
    return list;
  }

  // The arrow keys move the cursor from one x to the next.
  function followKeys(box, plot) {
    box.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const data = plot().data[0];
      const next = Math.min(Math.max((plot().cursor.idx ?? -step) + step, 0), data.length - 1);
      plot().setCursor({ left: plot().valToPos(data[next], "x"), top: 10 });
    });
  }

  // One select box above the charts: all requests, or the requests of one name.
  const choice = { index: -1, listeners: [] };

  function offerChoice() {
    const first = [...document.querySelectorAll(".plot")].find((box) => charts[box.dataset.chart]?.choices.length);
    if (!first) return;
    const label = document.createElement("label");
    label.className = "choice";
    const select = document.createElement("select");
    const names = charts[first.dataset.chart].choices.map(({ name }) => name);
    select.append(...["all requests", ...names].map((name, index) => new Option(name, String(index - 1))));
    select.addEventListener("change", () => {
      choice.index = Number(select.value);
      choice.listeners.forEach((redraw) => redraw());
    });
    label.append("Charts of ", select);
    first.closest("figure").before(label);
  }

  function show(box) {
    const whole = charts[box.dataset.chart];
    if (!whole || whole.x.length === 0) return;
    const chart = { ...whole };
    const readout = document.createElement("p");
    readout.className = "readout";
    readout.setAttribute("aria-live", "polite");
    const hidden = new Set();
    let plot = null;
    const draw = () => {
      if (plot) plot.destroy();
      chart.y = whole.choices[choice.index]?.y ?? whole.y;
      plot = new uPlot(options(chart, box.clientWidth, readout), [chart.x, ...chart.y], box);
      hidden.forEach((series) => plot.setSeries(series, { show: false }));
    };
    box.before(key(chart, (series, shown) => {
      if (shown) hidden.delete(series); else hidden.add(series);
      plot.setSeries(series, { show: shown });
    }));
    box.after(readout);
    draw();
    followKeys(box, () => plot);
    let width = box.clientWidth;
    new ResizeObserver(() => {
      if (Math.abs(box.clientWidth - width) < 2) return;
      width = box.clientWidth;
      draw();
    }).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    if (whole.choices.length) {
      choice.listeners.push(() => {
        readout.textContent = "";
        draw();
      });
    }
  }

  offerChoice();
  document.querySelectorAll(".plot").forEach(show);
})();
