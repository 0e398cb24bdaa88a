// Encoders: the only way in which a value gets into a URL or a filter.

import { Permanent } from "./errors.js";

/** Encodes a value of a URL's query. A space becomes `%20`, which every server reads alike. */
export function queryValue(value) {
  return encodeURIComponent(String(value)).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Encodes a value as one segment of a URL's path; a parser takes the dots for steps even when encoded. */
export function pathSegment(value) {
  if (["", ".", ".."].includes(String(value))) {
    throw new Permanent(`\`${value}\` cannot be a part of a path`);
  }
  return queryValue(value);
}

/** Writes a text as an OData literal, with its quotes. */
export function odataText(value) {
  return `'${value.replaceAll("'", "''")}'`;
}

/** Writes a text as a value of a SCIM filter (RFC 7644, 3.4.2.2: a JSON string), with its quotes. */
export function scimText(value) {
  return JSON.stringify(value);
}
