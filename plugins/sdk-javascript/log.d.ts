/** Writes what only the author of the connector wants to see. */
export function debug(message: string): void;
/** Writes what an operator may want to see. */
export function info(message: string): void;
/** Writes what somebody should look at. */
export function warn(message: string): void;
