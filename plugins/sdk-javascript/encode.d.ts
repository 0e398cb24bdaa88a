/** Encodes a value of a URL's query. */
export function queryValue(value: unknown): string;
/** Encodes a value as one segment of a URL's path. */
export function pathSegment(value: unknown): string;
/** Writes a text as an OData literal, with its quotes. */
export function odataText(value: string): string;
/** Writes a text as a value of a SCIM filter, with its quotes. */
export function scimText(value: string): string;
