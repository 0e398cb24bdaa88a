/** Decodes a whole text. What is no UTF-8 is an error, or a `?` for each wrong byte where `loose` is said. */
export function decode(bytes: Uint8Array, loose?: boolean): string;
/** Encodes a text. */
export function encode(text: string): Uint8Array;
