// Tests of a connector in Node, without a component: `node --import rollcall-connector/testing --test`.
//
// `Host` stands where the real host stands, below `http.get(…).send()`, so that a test runs the connector as it is.

import { register } from "node:module";

register("./hooks.js", import.meta.url);

export { Host } from "./host.js";
