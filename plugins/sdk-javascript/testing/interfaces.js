// The contract's interfaces, answered by the host of the test. One instance of this module for each interface, whose name
// stands in its address.

import { current } from "./host.js";

const INTERFACES = {
  http: { send: (request) => current().send(request) },
  files: { open: (path) => current().open(path), names: (folder) => current().names(folder) },
  ldap: {
    start: () => {
      throw { tag: "refused", val: "a host for tests has no LDAP server" };
    },
  },
  log: { write: (level, message) => current().write(level, message) },
  run: { progress: () => {}, timeLeftMs: () => 60_000 },
};

export default INTERFACES[new URL(import.meta.url).search.slice(1)];
