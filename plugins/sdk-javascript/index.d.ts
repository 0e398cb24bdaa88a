// Types of the JavaScript SDK. A connector may stay JavaScript: an editor reads these all the same.

/** What a value of an attribute may be: as JSON gives it, and bytes. */
export type Value = string | number | bigint | boolean | null | undefined | Uint8Array | Value[] | { [key: string]: Value };

/** The job's `[directory.settings]`, presets and defaults filled in: an object whose names and types the manifest has. */
export type Settings = any;

/** A user, whole. `id` never changes and is never given to another user. */
export class User {
  constructor(id: string | number, attributes: Record<string, Value>);
  id: string | number;
  attributes: Record<string, Value>;
}

/** Somebody who left the directory or the scope; only `changes` yields it. */
export class Gone {
  constructor(id: string | number);
  id: string | number;
}

/** A user known in part: attributes not named stay as they were; only `changes` yields it. */
export class Patch {
  constructor(id: string | number, edits: Partial<Edits>);
  id: string | number;
  edits: Edits;
}

/** What a patch does to attributes. */
export interface Edits {
  replace: Record<string, Value>;
  add: Record<string, string[]>;
  remove: Record<string, string[]>;
}

/** An attribute that a listing can yield; `many`: it may have several values. */
export interface Attribute {
  name: string;
  kind: "text" | "integer" | "boolean" | "bytes";
  many: boolean;
  about: string;
}

/** One line of a connection test. */
export interface Finding {
  subject: string;
  state: "passed" | "warned" | "failed";
  message: string;
  hint: string | null;
}

/** The outcome of a connection test; `users`: how many are in scope, where the directory can tell cheaply. */
export interface Connection {
  users?: number | null;
  findings?: Finding[];
}

/** A connector. Nothing in it is asynchronous. */
export interface Definition {
  /** Yields every user in scope, one or an array at a time, and returns a token where `changes` may go on from it. */
  list(settings: Settings): Generator<User | User[], Uint8Array | void> | (User | User[])[];
  /** Yields what changed since a token, and returns the next one. */
  changes?(
    settings: Settings,
    token: Uint8Array,
  ): Generator<Change | Change[], Uint8Array | void> | (Change | Change[])[];
  /** Tests the connection. */
  check?(settings: Settings): Connection | Finding[];
  /** Gives the attributes that a listing can yield. */
  attributes?(settings: Settings): Iterable<Attribute>;
  /** Gives which directory this is: a tenant, an organisation. */
  identity?(settings: Settings): string;
  /** Gives the mistakes between settings. No capability answers meanwhile. */
  validate?(settings: Settings): Fault[];
}

export type Change = User | Patch | Gone;

declare const made: unique symbol;

/** What a connector's file exports as `directory`. */
export interface Directory {
  readonly [made]: true;
}

/** Makes the exported side of a connector. */
export function connector(definition: Definition): Directory;

/** Describes an attribute. */
export function attribute(
  name: string,
  about: string,
  more?: { kind?: Attribute["kind"]; many?: boolean },
): Attribute;
/** Makes a finding that is as it should be. */
export function passed(subject: string, message: string, hint?: string | null): Finding;
/** Makes a finding that works and that somebody should look at. */
export function warned(subject: string, message: string, hint?: string | null): Finding;
/** Makes a finding that does not work. */
export function failed(subject: string, message: string, hint?: string | null): Finding;

import type { Fault } from "./errors.js";

export {
  ConnectorError, Denied, Fault, fault, InvalidSettings, MissingPermission, Permanent, quoted, Refused, TokenExpired, Transient,
} from "./errors.js";
