// The connector's own code, as the host calls it: what it throws becomes the contract's errors.

import { ConnectorError, quoted } from "./errors.js";
import * as log from "./log.js";

/** Runs the connector's own code. What is no error of the contract is told by its name, and where it came from goes to
 * the log, for the author alone. */
export function answered(call) {
  try {
    return call();
  } catch (error) {
    if (error instanceof ConnectorError) {
      throw error.told();
    }
    const text = error instanceof Error ? `${error.name}: ${error.message}` : `${typeof error} thrown: ${String(error)}`;
    log.debug(where(error, text));
    throw { tag: "permanent", val: quoted(text) };
  }
}

/** Gives the stack in one line, the innermost call first. */
function where(error, text) {
  const calls = String(error?.stack ?? "").split("\n").map((line) => line.trim()).filter((line) => line.startsWith("at "));
  return quoted(text) + (calls.length === 0 ? "" : ` ${calls.join(" < ")}`);
}
