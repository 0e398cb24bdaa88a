// What a component exports: the connector's `directory`, or, where there is none, an answer that says so.

import { answered } from "./answers.js";
import { Permanent } from "./errors.js";

/** Gives what a module exports as `directory`; `name` is the module's file. */
export function exported(directory, name) {
  if (typeof directory?.Listing === "function") {
    return directory;
  }
  const why = directory === undefined ? "exports no `directory`" : "exports a `directory` that `connector` has not made";
  const refuse = () =>
    answered(() => {
      throw new Permanent(`\`${name}\` ${why}: write \`export const directory = connector({ … })\``);
    });
  class Listing {
    static open = refuse;
  }
  return { Listing, validate: () => [], identity: refuse, check: refuse, attributes: refuse };
}
