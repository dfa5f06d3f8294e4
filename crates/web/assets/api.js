// Requests to the program. An answer without success, by its status or its `success`, is an error with its message.

async function ask(path, options) {
  const answer = await fetch(path, options);
  const text = await answer.text();
  let body = null;
  try { body = JSON.parse(text); } catch { /* An error may be plain text. */ }
  if (!answer.ok || body?.success === false) throw new Error(body?.message ?? (text || `the program answered with status ${answer.status}`));
  return body;
}

export const read = (path, query = {}) => {
  const search = new URLSearchParams(query).toString();
  return ask(search ? `${path}?${search}` : path);
};

export const post = (path, fields = []) => ask(path, { method: "POST", body: new URLSearchParams(fields) });

export const patch = (path, body) =>
  ask(path, { method: "PATCH", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

export const remove = (path) => ask(path, { method: "DELETE" });
