// Lines for the run's log. The host bounds them, strips control characters and puts the connector's name in front.

import log from "rollcall:connector/log@0.1.0";

/** Writes what only the author of the connector wants to see. */
export function debug(message) {
  log.write("debug", message);
}

/** Writes what an operator may want to see. */
export function info(message) {
  log.write("info", message);
}

/** Writes what somebody should look at. */
export function warn(message) {
  log.write("warn", message);
}
