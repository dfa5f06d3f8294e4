// Form that starts a load and changes a running one.

import { post } from "./api.js";
import { by } from "./dom.js";

// Checkbox for each user class; hidden if there is only one class.
function showClasses(names) {
  const boxes = names.map((name) => {
    const box = Object.assign(document.createElement("input"), { type: "checkbox", name: "user_classes", value: name, checked: true });
    const label = document.createElement("label");
    label.append(box, ` ${name}`);
    return label;
  });
  by("classes").replaceChildren(...boxes);
  by("classes").parentElement.hidden = names.length < 2;
}

// Calls `done` after success, and `failed` with an error.
export function startForm({ settings, done, failed }) {
  const form = by("form");
  const fields = form.elements;
  let editing = false;

  fields.host.value = settings.host ?? "";
  fields.user_count.value = settings.user_count;
  fields.spawn_rate.value = settings.spawn_rate;
  fields.run_time.value = settings.run_time_seconds ? `${settings.run_time_seconds}s` : "";
  for (const field of form.querySelectorAll("[data-field]")) field.hidden = !settings.fields?.includes(field.dataset.field);
  by("advanced").hidden = !settings.fields?.length;
  showClasses(settings.user_classes ?? []);

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    by("go").disabled = true;
    try {
      const names = editing ? ["host", "user_count", "spawn_rate"] : null;
      const values = [...new FormData(form)].filter(([name]) => !names || names.includes(name));
      await post("/swarm", values);
      hide();
      done();
    } catch (error) {
      failed(error);
    } finally {
      by("go").disabled = false;
    }
  });

  function hide() {
    by("start").hidden = true;
  }

  // Shows the form for a new load or, if `isEdit`, for the running load on `host`.
  function show(isEdit, host) {
    editing = isEdit;
    if (host) fields.host.value = host;
    by("host-hint").hidden = !isEdit;
    by("start").hidden = false;
    by("start-title").textContent = isEdit ? "Change the running test" : "Start a load test";
    by("go").textContent = isEdit ? "Apply" : "Start";
    by("cancel").hidden = false;
    for (const field of form.querySelectorAll(".starts")) {
      field.hidden = isEdit || (field.id === "advanced" && !settings.fields?.length);
    }
    fields.user_count.focus();
    fields.user_count.select();
  }
  return { show, hide };
}
