import type { Attribute, Change, Connection, ConnectorError, Directory, Fault, Finding } from "../index.js";

/** What was asked over HTTP. */
export interface Asked {
  method: string;
  url: string;
  headers: [string, string][];
  body: Uint8Array;
  login: string | null;
}

/** What a listing gave, on how many pages. */
export interface Read {
  users: Change[];
  pages: number;
  token: Uint8Array | null;
  end: "everything" | "changes";
}

/** A host whose answers were written down; run tests as `node --import rollcall-connector/testing --test`. */
export class Host {
  requests: Asked[];
  lines: { level: "debug" | "info" | "warn" | "error"; message: string }[];
  /** Writes down an answer of JSON for a URL. Several are given one after the other, the last one for ever. */
  json(url: string, status: number, body: unknown): this;
  /** Writes down an answer with headers of its own, names in lower case. */
  answer(url: string, status: number, headers: Record<string, string>, body: string | Uint8Array): this;
  /** Writes down that the host says no to a URL, or gets no answer. */
  fails(url: string, error: ConnectorError): this;
  /** Puts a file into the granted folder. */
  file(path: string, content: string | Uint8Array): this;
  /** Reads a whole listing, `max` users at a time. */
  list(directory: Directory, settings: object, max?: number): Read;
  /** Reads what changed since a token. */
  changes(directory: Directory, settings: object, token: Uint8Array, max?: number): Read;
  /** Tests the connection. */
  check(directory: Directory, settings: object): Connection & { findings: Finding[] };
  /** Gives the attributes that a listing can yield. */
  attributes(directory: Directory, settings: object): Attribute[];
  /** Gives which directory it is. */
  identity(directory: Directory, settings: object): string;
  /** Gives the faults between settings. */
  validate(directory: Directory, settings: object): Fault[];
}
