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
  const percentile = (x) => `${Number((100 - 100 * 10 ** -x).toFixed(x < 1 ? 0 : x < 2 ? 1 : x < 3 ? 2 : 3))} %`;

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
      if (edge(chart.measured[0]) - bbox.left > 60 * devicePixelRatio) {
        ctx.fillText("warm-up", bbox.left + 6 * devicePixelRatio, bbox.top + 4 * devicePixelRatio);
      }
      ctx.restore();
    };
  }

  function options(chart, width, readout) {
    const byShare = chart.axis === "share";
    const axis = { stroke: style("--quiet"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line") } };
    const values = chart.y.flat().filter((value) => value != null && value > 0);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    return {
      width,
      height: Math.round(Math.min(380, Math.max(260, width * 0.42))),
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 8 } },
      scales: {
        x: { time: false, range: (_, low, high) => (byShare ? [0, 4] : [low, high]) },
        y: byShare ? { distr: 3, range: () => [least / 1.15, most * 1.15] } : { range: (_, low, high) => [0, Math.max(high, 1e-3) * 1.1] },
      },
      axes: [
        { ...axis, label: byShare ? "share of requests" : "seconds since the start of the load", labelSize: 26, ...(byShare ? sharesAxis(chart) : { incrs: [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600] }) },
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
        setCursor: [(plot) => {
          const at = plot.cursor.idx;
          if (at == null) return;
          const where = byShare ? percentile(chart.x[at]) : `second ${chart.x[at]}`;
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

  function show(box) {
    const chart = charts[box.dataset.chart];
    if (!chart || chart.x.length === 0) return;
    const readout = document.createElement("p");
    readout.className = "readout";
    readout.setAttribute("aria-live", "polite");
    const hidden = new Set();
    let plot = null;
    const draw = () => {
      if (plot) plot.destroy();
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
  }

  document.querySelectorAll(".plot").forEach(show);
})();
