/** What all errors of the contract have in common; the class decides the exit code of the run. */
export class ConnectorError extends Error {}

/** May succeed later. The host has already retried what HTTP or LDAP told it to. */
export class Transient extends ConnectorError {
  constructor(message: string, retryAfterMs?: number | null);
  retryAfterMs: number | null;
}

/** The directory refused the credential or a permission. */
export class Denied extends ConnectorError {
  missing: string | null;
}

/** The directory refused a permission, which is named as the directory names it. */
export class MissingPermission extends Denied {
  constructor(message: string, permission: string);
}

/** A setting that is wrong; `hint` says what to type. */
export interface Fault {
  setting: string;
  message: string;
  hint: string | null;
}

/** The settings cannot work; all mistakes at once. */
export class InvalidSettings extends ConnectorError {
  constructor(...faults: Fault[]);
  faults: Fault[];
}

/** The token is too old or unknown: the host begins again without one. */
export class TokenExpired extends ConnectorError {}

/** The host said no: not granted, or over a limit. */
export class Refused extends ConnectorError {}

/** Will not succeed again either. */
export class Permanent extends ConnectorError {}

/** Names a setting that is wrong. */
export function fault(setting: string, message: string, hint?: string | null): Fault;
/** Makes foreign text fit for a message: one line, no control characters, bounded. */
export function quoted(text: string): string;
/** Replaces halves of characters, which the contract's texts cannot hold. */
export function wellFormed(text: string): string;
/** Asks the host, whose errors are thrown as the classes above. */
export function asked<T>(call: () => T): T;
