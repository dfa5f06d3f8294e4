// Tabs, one for each view. The arrow keys move between them, and the address names the open one.

import { by, make } from "./dom.js";

// Calls `opened` with the id of each view that is opened.
export function tabs(opened) {
  const list = document.querySelector("[role=tablist]");
  const views = [...document.querySelectorAll("[role=tabpanel]")];
  const buttons = views.map((view) => {
    const button = make("button", { type: "button", role: "tab", id: `tab-${view.id}`, "aria-controls": view.id }, view.dataset.title);
    button.addEventListener("click", () => open(view.id));
    view.setAttribute("aria-labelledby", button.id);
    return button;
  });
  list.append(...buttons);

  function open(id) {
    const chosen = views.some((view) => view.id === id) ? id : views[0].id;
    views.forEach((view, index) => {
      view.hidden = view.id !== chosen;
      buttons[index].setAttribute("aria-selected", String(view.id === chosen));
      buttons[index].tabIndex = view.id === chosen ? 0 : -1;
      if (view.id === chosen) buttons[index].scrollIntoView({ block: "nearest", inline: "nearest" });
    });
    if (location.hash.slice(1) !== chosen) history.replaceState(null, "", `#${chosen}`);
    opened(chosen);
  }

  list.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const next = buttons[(to + buttons.length) % buttons.length];
    next.focus();
    next.click();
  });
  addEventListener("hashchange", () => open(location.hash.slice(1)));
  open(location.hash.slice(1));
  return { open, isOpen: (id) => !by(id).hidden };
}
