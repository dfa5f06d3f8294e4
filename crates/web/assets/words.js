// Figures as text.

export const number = (value, digits = 0) =>
  value == null ? "–" : value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

// Three significant digits.
export const figure = (value) =>
  value == null ? "–" : number(value, value === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2);

export const percent = (ratio) => ratio == null ? "–" : `${number(ratio * 100, ratio > 0 && ratio < 1 ? 2 : 0)} %`;

// Name of a percentile, such as p95; the 100th is the maximum.
export const percentileName = (percentile) => percentile === 100 ? "Maximum" : `p${percentile}`;

export function duration(seconds) {
  if (seconds == null) return "–";
  const whole = Math.round(seconds);
  const parts = [[Math.floor(whole / 3600), "h"], [Math.floor(whole / 60) % 60, "m"], [whole % 60, "s"]];
  return parts.filter(([count]) => count > 0).map(([count, unit]) => `${count}${unit}`).join(" ") || "0s";
}

export const moment = (text) => text == null ? "–" : new Date(text).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
export const unixMoment = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");
