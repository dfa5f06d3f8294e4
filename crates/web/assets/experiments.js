// Experiments: start of a file that the command line names, progress, and link to the report.

import { post, read } from "./api.js";
import { by, make } from "./dom.js";

const EVERY_MS = 1000;

export function experimentsView({ failed }) {
  let timer = null;

  async function refresh() {
    clearTimeout(timer);
    try {
      show(await read("/experiments"));
    } catch (error) {
      failed(error);
    }
    if (!by("experiments").hidden) timer = setTimeout(refresh, EVERY_MS);
  }

  function show(status) {
    const select = by("experiment-file");
    if (select.options.length !== status.files.length) {
      select.replaceChildren(...status.files.map((file) => make("option", { value: file }, file)));
      if (status.file) select.value = status.file;
    }
    by("no-experiments").hidden = status.files.length > 0;
    by("experiment-form").hidden = status.files.length === 0 || status.running;
    by("experiment-stop").hidden = !status.running;
    by("experiment-report").hidden = !status.has_report;
    by("experiment-report").textContent = status.running ? "Open the report so far" : "Open the report";
    by("experiment-status").hidden = !status.file;
    by("experiment-title").textContent = status.running ? `${status.file} is running` : `${status.file} has ended`;
    by("experiment-progress").hidden = !status.running;
    by("experiment-progress").value = status.done_ratio;
    by("experiment-now").textContent = status.now;
    lines(by("experiment-so-far"), status.so_far);
    lines(by("experiment-news"), status.news);
  }

  function lines(list, texts) {
    list.hidden = texts.length === 0;
    list.replaceChildren(...texts.map((text) => make("li", {}, text)));
  }

  by("experiment-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await post("/experiments", new FormData(event.target));
      refresh();
    } catch (error) {
      failed(error);
    }
  });
  by("experiment-stop").addEventListener("click", () => post("/experiments/stop").then(refresh, failed));
  return { open: refresh };
}
