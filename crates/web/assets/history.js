// History: list of all runs with search, notes and tags.

import { patch, read, remove } from "./api.js";
import { chartsOfOne } from "./charts.js";
import { compareRuns } from "./compare.js";
import { by, make } from "./dom.js";
import { fill, showFailures, showStatistics } from "./tables.js";
import { duration, figure, moment, number, percent, percentileName } from "./words.js";

export function historyView({ failed }) {
  const chosen = new Set();
  let closeDetail = () => {};
  let asked = 0;

  const columns = [
    { title: "Compare", text: true, cell: choice },
    { title: "Run", text: true, long: true, sort: (run) => run.name.toLowerCase(), cell: title },
    { title: "Started", text: true, sort: (run) => run.started_at, cell: (run) => moment(run.started_at) },
    { title: "State", text: true, sort: (run) => run.state, cell: (run) => run.state, bad: (run) => run.state === "cut short" },
    { title: "Duration", sort: (run) => run.period_seconds, cell: (run) => duration(run.period_seconds) },
    { title: "Users", sort: (run) => run.users, cell: (run) => number(run.users) },
    { title: "#\u00a0Requests", sort: (run) => run.requests, cell: (run) => number(run.requests) },
    { title: "Failures", sort: failRatio, cell: (run) => percent(failRatio(run)), bad: (run) => run.failures > 0 },
    { title: "Requests/s", sort: (run) => run.requests_per_second, cell: (run) => figure(run.requests_per_second) },
    { title: "p50 / median (ms)", sort: (run) => run.median_ms, cell: (run) => figure(run.median_ms) },
    { title: "p95 / 95%ile (ms)", sort: (run) => run.p95_ms, cell: (run) => figure(run.p95_ms) },
    { title: "p99 / 99%ile (ms)", sort: (run) => run.p99_ms, cell: (run) => figure(run.p99_ms) },
  ];

  function choice(run) {
    const box = make("input", { type: "checkbox", checked: chosen.has(run.id), "aria-label": `Compare run ${run.id}, ${run.name}` });
    box.addEventListener("change", () => {
      if (box.checked) chosen.add(run.id); else chosen.delete(run.id);
      showChosen();
    });
    return box;
  }

  function title(run) {
    const button = make("button", { type: "button", className: "link" }, `${run.id} · ${run.name}`);
    button.addEventListener("click", () => look(run.id));
    const tags = run.tags.map((tag) => make("span", { className: "tag" }, tag));
    const coarse = run.coarse ? [make("div", { className: "note" }, run.coarse)] : [];
    const notes = run.notes ? [make("div", { className: "note" }, run.notes)] : [];
    return make("div", {}, button, make("div", { className: "note" }, run.host ? `${run.config} on ${run.host}` : run.config), ...coarse, ...notes, ...tags);
  }

  function showChosen() {
    by("compare").disabled = chosen.size < 2 || chosen.size > 6;
    by("compare").textContent = chosen.size > 1 ? `Compare ${chosen.size} runs` : "Compare";
  }

  async function list() {
    const mine = ++asked;
    try {
      const { runs } = await read("/history", { search: by("search").elements.search.value });
      // The answer to an older search may arrive later.
      if (mine !== asked) return;
      by("no-runs").hidden = runs.length > 0;
      by("runs-scroll").hidden = runs.length === 0;
      fill(by("runs-table"), columns, runs);
    } catch (error) {
      failed(error);
    }
  }

  function show(content, close) {
    closeDetail();
    closeDetail = close;
    const back = make("button", { type: "button" }, "← All runs");
    back.addEventListener("click", showList);
    by("detail").replaceChildren(back, ...content);
    by("detail").hidden = false;
    by("runs").hidden = true;
    back.focus();
  }

  function showList() {
    closeDetail();
    closeDetail = () => {};
    by("detail").hidden = true;
    by("runs").hidden = false;
    list();
  }

  async function look(id) {
    try {
      const detail = await read(`/history/${id}`);
      const view = runView(detail, { failed, gone: () => { chosen.delete(id); showChosen(); showList(); } });
      show(view.content, view.close);
      view.fill();
    } catch (error) {
      failed(error);
    }
  }

  by("compare").addEventListener("click", async () => {
    try {
      const view = await compareRuns([...chosen].sort((a, b) => a - b), failed);
      show(view.content, view.close);
      view.fill();
    } catch (error) {
      failed(error);
    }
  });
  by("search").addEventListener("submit", (event) => { event.preventDefault(); list(); });
  by("search").elements.search.addEventListener("input", list);
  return { open: () => { if (by("detail").hidden) list(); } };
}

const failRatio = (run) => run.failures == null ? null : (run.requests ? run.failures / run.requests : 0);

// Page of one run: notes, tables and charts.
function runView(detail, { failed, gone }) {
  const { run } = detail;
  const facts = [
    ["Started", moment(run.started_at)], ["State", run.state], ["Host", run.host || "–"], ["Load", run.config],
    ["Duration", duration(run.period_seconds)], ["Requests", number(run.requests)], ["Failures", percent(failRatio(run))],
    ["Requests/s", figure(run.requests_per_second)],
  ].map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
  const card = make("section", { className: "card" }, make("h2", {}, `Run ${run.id} · ${run.name}`), make("dl", { className: "facts" }, ...facts), annotations(run, failed, gone));
  if (run.coarse) return coarseView(card, detail);
  const table = make("table", {}, make("caption", { className: "unseen" }, "Statistics of this run"));
  const failures = make("table", {}, make("caption", { className: "unseen" }, "Failures of this run"));
  const scroll = (table, label) => make("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": label }, table);
  const place = make("div", { className: "charts" });
  const hasFailures = detail.statistics.errors.length > 0;
  let charts = null;
  return {
    content: [card, scroll(table, "Statistics of this run"), ...(hasFailures ? [scroll(failures, "Failures of this run")] : []), place],
    fill() {
      showStatistics(table, detail.statistics, false);
      showFailures(failures, detail.statistics);
      charts = chartsOfOne(place);
      charts.set(detail.points, detail.marks);
    },
    close: () => charts?.destroy(),
  };
}

// Page of an imported run: the known percentiles, without charts over time.
function coarseView(card, { run, percentiles }) {
  const table = make("table", {}, make("caption", { className: "unseen" }, "Known percentiles of this run"));
  const note = make("p", { className: "note" }, run.coarse);
  const columns = [
    { title: "Percentile", text: true, cell: ([percentile]) => percentileName(percentile) },
    { title: "Response time (ms)", cell: ([, ms]) => figure(ms) },
  ];
  return {
    content: [card, note, make("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Known percentiles of this run" }, table)],
    fill: () => fill(table, columns, percentiles),
    close: () => {},
  };
}

function annotations(run, failed, gone) {
  const notes = make("textarea", { name: "notes", rows: 1, value: run.notes });
  const tags = make("input", { name: "tags", value: run.tags.join(", "), placeholder: "separated by commas" });
  const save = make("button", { className: "main" }, "Save");
  const forget = make("button", { type: "button", className: "danger" }, "Delete");
  const form = make("form", { className: "annotate" }, make("label", {}, "Notes", notes), make("label", {}, "Tags", tags), make("div", { className: "row" }, save, forget));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await patch(`/history/${run.id}`, { notes: notes.value, tags: tags.value.split(",").map((tag) => tag.trim()).filter(Boolean) });
      save.textContent = "Saved";
    } catch (error) {
      failed(error);
    }
  });
  form.addEventListener("input", () => { save.textContent = "Save"; });
  forget.addEventListener("click", async () => {
    if (!confirm(`Delete run ${run.id} permanently?`)) return;
    try {
      await remove(`/history/${run.id}`);
      gone();
    } catch (error) {
      failed(error);
    }
  });
  return form;
}
