// Makes and finds elements. Data of a server is set as text, never as markup.

export const by = (id) => document.getElementById(id);

// An element with properties and children; strings among the children become text.
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "scope") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}
