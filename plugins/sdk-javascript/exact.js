// JSON in which no whole number is rounded.

/** Puts quotes around whole numbers that JavaScript would round, those outside of texts. */
export function exact(json) {
  if (!/\d{16}/.test(json)) {
    return json;
  }
  const parts = /"(?:[^"\\]|\\[^])*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  return json.replace(parts, (part) => (/^-?\d{16,}$/.test(part) ? `"${part}"` : part));
}
