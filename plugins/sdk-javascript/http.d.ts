/** Begins a GET request. The URL is absolute and its origin granted. */
export function get(url: string): Request;
/** Begins a POST request of a JSON body. */
export function post(url: string, body: unknown): Request;

/** A request in the making. */
export class Request {
  constructor(method: string, url: string);
  method: string;
  url: string;
  headers: [string, string][];
  body: Uint8Array;
  /** Names the login of the manifest that signs this request. */
  login(name: string): this;
  /** Adds a header. `Authorization`, `Cookie`, `Host` and `Proxy-*` are the host's and refused. */
  header(name: string, value: string): this;
  /** Adds parameters to the query, their values encoded; one that is null or undefined is left out. */
  query(parameters: Record<string, unknown>): this;
  /** Sends the request. */
  send(): Response;
}

/** An answer, whose body is read when it is asked for. */
export class Response {
  readonly status: number;
  readonly headers: [string, string][];
  /** Tells whether the status is in the two hundreds. */
  get ok(): boolean;
  /** Gives a header's first value. */
  header(name: string): string | undefined;
  /** Reads a part of the body, at most `max` bytes; empty at the end. */
  read(max?: number): Uint8Array;
  /** Reads the whole body. One that is longer than `limit` bytes is an error, never a shorter one. */
  readAll(limit?: number): Uint8Array;
  /** Reads the whole body as UTF-8. */
  text(): string;
  /** Reads the whole body as JSON. A whole number of more than 15 digits comes as text, so that none is lost. */
  json(): any;
  /** Reads the beginning of the body as text for a message: one line, bounded. */
  excerpt(): string;
}
