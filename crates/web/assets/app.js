// Entry point of the page: the header with its buttons, the views, and the update by each message.

import { post, read } from "./api.js";
import { chartsOfOne } from "./charts.js";
import { by, make } from "./dom.js";
import { experimentsView } from "./experiments.js";
import { startForm } from "./form.js";
import { historyView } from "./history.js";
import { follow } from "./live.js";
import { showFailures, showRatio, showStatistics } from "./tables.js";
import { tabs } from "./tabs.js";
import { figure, number, percent } from "./words.js";

const ACTIVE = ["spawning", "running", "stopping"];
let latest = null;
let form = null;

function fail(error) {
  by("message").textContent = error.message ?? String(error);
  by("message").hidden = false;
}

function clear() {
  by("message").hidden = true;
}

// Runs `action` on a click, and shows its error.
function on(id, action) {
  by(id).addEventListener("click", async () => {
    clear();
    try {
      await action();
    } catch (error) {
      fail(error);
    }
  });
}

function showHeader({ stats }) {
  const active = ACTIVE.includes(stats.state);
  // Set only on a change, because screen readers announce every update.
  if (by("state").textContent !== stats.state) by("state").textContent = stats.state;
  by("state").dataset.state = stats.state;
  by("users").textContent = number(stats.user_count);
  by("rps").textContent = figure(active ? stats.current_rps : stats.total_rps);
  by("fails").textContent = percent(stats.fail_ratio);
  by("new").hidden = active || stats.state === "ready";
  for (const id of ["edit", "reset", "stop"]) by(id).hidden = !active;
  by("stop").disabled = stats.state === "stopping";
}

function showNames(names) {
  const select = by("series");
  const known = [...select.options].slice(1).map((option) => option.value);
  if (JSON.stringify(known) === JSON.stringify(names)) return;
  const chosen = select.value;
  const options = [["All requests", ""], ...names.map((name) => [name, name])];
  select.replaceChildren(...options.map(([text, value]) => make("option", { value }, text)));
  select.value = names.includes(chosen) ? chosen : "";
}

const charts = chartsOfOne(by("live-charts"));

function showMessage(message) {
  const before = latest?.stats.state;
  latest = message;
  const { stats } = message;
  const active = ACTIVE.includes(stats.state);
  showHeader(message);
  if (stats.error && before !== stats.state) fail(stats.error);
  if (active && before !== undefined && !ACTIVE.includes(before)) form?.hide();
  if (stats.state !== "ready" && before === undefined) form?.hide();
  showStatistics(by("statistics-table"), stats, active);
  by("no-failures").hidden = stats.errors.length > 0;
  by("failures-scroll").hidden = stats.errors.length === 0;
  showFailures(by("failures-table"), stats);
  showNames(message.names);
  charts.set(message.points, message.marks);
  by("no-downloads").hidden = stats.state !== "ready";
  by("downloads").hidden = stats.state === "ready";
  if (views?.isOpen("logs")) showLogs();
}

async function showLogs() {
  const { master } = await read("/logs");
  by("no-logs").hidden = master.length > 0;
  by("log-lines").hidden = master.length === 0;
  by("log-lines").textContent = master.join("\n");
}

function showDownloads(downloads) {
  const items = downloads.map(({ path, what, file }) => {
    const link = make("a", { href: `${path}?download=1`, className: "button" }, "Download");
    link.setAttribute("aria-label", `Download ${file}: ${what}`);
    return make("li", {}, make("span", {}, make("b", {}, file), make("small", {}, what)), link);
  });
  by("downloads").replaceChildren(...items);
}

const runs = historyView({ failed: fail });
const experiments = experimentsView({ failed: fail });
const opened = {
  ratio: async () => showRatio(await read("/tasks")),
  logs: showLogs,
  experiments: () => experiments.open(),
  history: () => runs.open(),
};
const views = tabs((id) => Promise.resolve(opened[id]?.()).catch(fail));

const load = follow({
  changed: showMessage,
  lost: () => {
    by("state").textContent = "not reachable";
    by("state").dataset.state = "unreachable";
  },
});
by("series").addEventListener("change", () => load.choose(by("series").value));
on("stop", () => post("/stop").then(load.refresh));
on("reset", () => post("/stats/reset").then(load.refresh));
on("edit", () => form?.show(true, latest?.stats.host));
on("new", () => form?.show(false, latest?.stats.host));
on("cancel", () => form?.hide());

try {
  const settings = await read("/settings");
  by("scenario").textContent = `· ${settings.scenario}`;
  showDownloads(settings.downloads);
  by("tab-history").hidden = !settings.history;
  form = startForm({ settings, done: () => { clear(); load.refresh(); }, failed: fail });
  if (latest && latest.stats.state !== "ready") form.hide();
} catch (error) {
  fail(error);
}
