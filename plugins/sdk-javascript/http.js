// HTTP through the host, which owns TLS, proxy, retries, redirects (never followed) and the sign-in.
//
// An answer of any status is an answer; an error means that there was none, or that the host said no. The host has
// already retried 429, 502, 503, 504 and lost connections, so a connector never does.

import http from "rollcall:connector/http@0.1.0";

import { queryValue } from "./encode.js";
import { asked, Permanent, quoted } from "./errors.js";
import { exact } from "./exact.js";
import { decode, encode } from "./utf8.js";

const JSON_BODY_BYTES = 32 << 20;
const READ_CHUNK_BYTES = 256 << 10;

/** Begins a GET request. The URL is absolute and its origin granted. */
export function get(url) {
  return new Request("GET", url);
}

/** Begins a POST request of a JSON body. */
export function post(url, body) {
  const request = new Request("POST", url).header("content-type", "application/json");
  request.body = encode(JSON.stringify(body));
  return request;
}

/** A request in the making. */
export class Request {
  constructor(method, url) {
    Object.assign(this, { method, url, headers: [], body: new Uint8Array(0), signed: null });
  }

  /** Names the login of the manifest that signs this request. */
  login(name) {
    this.signed = name;
    return this;
  }

  /** Adds a header. `Authorization`, `Cookie`, `Host` and `Proxy-*` are the host's and refused. */
  header(name, value) {
    this.headers.push([name, value]);
    return this;
  }

  /** Adds parameters to the query, their values encoded; one that is null or undefined is left out. */
  query(parameters) {
    for (const [name, value] of Object.entries(parameters)) {
      if (value != null) {
        this.url += `${this.url.includes("?") ? "&" : "?"}${queryValue(name)}=${queryValue(value)}`;
      }
    }
    return this;
  }

  /** Sends the request. */
  send() {
    const { method, url, headers, body, signed } = this;
    return new Response(asked(() => http.send({ method, url, headers, body, login: signed })));
  }
}

/** An answer, whose body is read when it is asked for. */
export class Response {
  #inner;

  constructor(inner) {
    this.#inner = inner;
    this.status = inner.status();
    this.headers = inner.headers();
  }

  /** Tells whether the status is in the two hundreds. */
  get ok() {
    return this.status >= 200 && this.status < 300;
  }

  /** Gives a header's first value, or undefined. */
  header(name) {
    return this.headers.find(([key]) => key === name.toLowerCase())?.[1];
  }

  /** Reads a part of the body, at most `max` bytes; empty at the end. */
  read(max = READ_CHUNK_BYTES) {
    return Uint8Array.from(asked(() => this.#inner.read(max)));
  }

  /** Reads the whole body. One that is longer than `limit` bytes is an error, never a shorter one. */
  readAll(limit = JSON_BODY_BYTES) {
    const parts = [];
    let length = 0;
    for (let part = this.read(); part.length > 0; part = this.read()) {
      length += part.length;
      if (length > limit) {
        throw new Permanent(`the answer has more than ${limit} bytes`);
      }
      parts.push(part);
    }
    const whole = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  /** Reads the whole body as UTF-8. */
  text() {
    return decode(this.readAll());
  }

  /** Reads the whole body as JSON. A whole number of more than 15 digits comes as text, so that none is lost. */
  json() {
    try {
      return JSON.parse(exact(this.text()));
    } catch (error) {
      if (error instanceof SyntaxError) {
        throw new Permanent(`the answer is no JSON: ${quoted(error.message)}`);
      }
      throw error;
    }
  }

  /** Reads the beginning of the body as text for a message: one line, bounded. */
  excerpt() {
    return quoted(decode(this.read(), true));
  }
}
