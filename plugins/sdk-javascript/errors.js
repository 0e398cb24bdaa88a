// Why a call did not succeed. The class decides the exit code of the run; the host's errors are thrown as these too.
// Anything else that is thrown ends the call as `Permanent`, with its name and text.

const QUOTED_CHARACTERS = 300;

/** What all errors of the contract have in common. */
export class ConnectorError extends Error {
  told() {
    return { tag: "permanent", val: wellFormed(this.message) };
  }
}

/** May succeed later. The host has already retried what HTTP or LDAP told it to. */
export class Transient extends ConnectorError {
  constructor(message, retryAfterMs = null) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }

  told() {
    return { tag: "transient", val: { message: wellFormed(this.message), retryAfterMs: this.retryAfterMs } };
  }
}

/** The directory refused the credential or a permission. */
export class Denied extends ConnectorError {
  missing = null;

  told() {
    return { tag: "denied", val: { message: wellFormed(this.message), missing: this.missing } };
  }
}

/** The directory refused a permission, which is named as the directory names it. */
export class MissingPermission extends Denied {
  constructor(message, permission) {
    super(message);
    this.missing = permission;
  }
}

/** The settings cannot work; all mistakes at once, each made by `fault`. */
export class InvalidSettings extends ConnectorError {
  constructor(...faults) {
    super(faults.map(({ setting, message }) => `${setting}: ${message}`).join("; "));
    this.faults = faults;
  }

  told() {
    return { tag: "invalid-settings", val: this.faults };
  }
}

/** The token is too old or unknown: the host begins again without one. */
export class TokenExpired extends ConnectorError {
  told() {
    return { tag: "token-expired" };
  }
}

/** The host said no: not granted, or over a limit. */
export class Refused extends ConnectorError {
  told() {
    return { tag: "refused", val: wellFormed(this.message) };
  }
}

/** Will not succeed again either. */
export class Permanent extends ConnectorError {}

/** Names a setting that is wrong; `hint` says what to type. */
export function fault(setting, message, hint = null) {
  return { setting, message, hint };
}

/** Makes foreign text fit for a message: one line, no control characters, bounded. */
export function quoted(text) {
  const clean = text.slice(0, QUOTED_CHARACTERS).replace(/[\u0000-\u001f\u007f-\u009f]/g, " ");
  return wellFormed((text.length > QUOTED_CHARACTERS ? `${clean}…` : clean).trim());
}

/** Replaces halves of characters, which the contract's texts cannot hold. */
export function wellFormed(text) {
  return text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd");
}

/** Asks the host, whose errors are thrown as the classes above. */
export function asked(call) {
  try {
    return call();
  } catch (error) {
    throw raised(error);
  }
}

function raised(error) {
  const told = error?.payload ?? error;
  switch (told?.tag) {
    case "transient":
      return new Transient(told.val.message, told.val.retryAfterMs ?? null);
    case "denied":
      return told.val.missing == null
        ? new Denied(told.val.message)
        : new MissingPermission(told.val.message, told.val.missing);
    case "invalid-settings":
      return new InvalidSettings(...told.val);
    case "token-expired":
      return new TokenExpired();
    case "refused":
      return new Refused(told.val);
    case "permanent":
      return new Permanent(told.val);
    default:
      return error;
  }
}
