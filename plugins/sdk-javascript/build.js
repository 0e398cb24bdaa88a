#!/usr/bin/env node
// `rollcall-componentize FILE.js`: makes the component, with the manifest sealed into it.
//
// It takes the `connector.toml` beside the file, and writes `FILE.wasm` there. The component imports what the manifest
// asks for and nothing else.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, extname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { componentize } from "componentize-qjs";

const SECTION = "rollcall:manifest";
const CAPABILITIES = ["http", "ldap", "files"];

function leb(number) {
  const out = [];
  for (; number > 127; number >>>= 7) {
    out.push((number & 127) | 128);
  }
  return Buffer.from([...out, number]);
}

/** Gives a custom section, which a component may have at its end (Component Model, binary format). */
function section(name, data) {
  const body = Buffer.concat([leb(name.length), Buffer.from(name), data]);
  return Buffer.concat([Buffer.from([0]), leb(body.length), body]);
}

/** Gives the program around the connector's file, so that one without its export says so instead of breaking off. */
function program(file, at) {
  const [from, name] = [relative(dirname(at), file).replaceAll("\\", "/"), basename(file)];
  return `import * as made from ${JSON.stringify(from)};
import { exported } from "./entry.js";
export const directory = exported(made.directory, ${JSON.stringify(name)});
`;
}

async function component(file, asked) {
  // The compiler wants a file that is there, and takes the text that it is given.
  const at = fileURLToPath(new URL("program.js", import.meta.url));
  const work = mkdtempSync(join(tmpdir(), "rollcall-"));
  try {
    mkdirSync(join(work, "deps/contract"), { recursive: true });
    writeFileSync(
      join(work, "deps/contract/connector.wit"),
      readFileSync(new URL("connector.wit", import.meta.url)),
    );
    const imports = asked.map((name) => ` import rollcall:connector/${name}@0.1.0;`).join("");
    const world = `world made { include rollcall:connector/connector@0.1.0;${imports} }`;
    writeFileSync(join(work, "made.wit"), `package rollcall:partner;\n${world}\n`);
    const made = await componentize({
      witPath: work,
      world: "made",
      jsSource: program(file, at),
      jsPath: at,
      moduleRoot: dirname(file),
      // The host speaks the synchronous contract, and the runtime needs nothing of WASI for it.
      sync: true,
      stubWasi: true,
    });
    return made.component;
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** Says what a message of the compiler means, where that is known. */
function told(message) {
  const [, name] = /rollcall:connector\/(http|ldap|files)@[^"']*["'] from/.exec(message) ?? [];
  const asks = `the connector uses \`${name}\`, which its manifest does not ask for: write \`[[grant.${name}]]\` into`;
  return name === undefined ? message : `${asks} connector.toml`;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { manifest: { type: "string" }, output: { type: "string" } },
});
try {
  if (positionals.length !== 1) {
    throw new Error("usage: rollcall-componentize FILE.js [--manifest FILE] [--output FILE]");
  }
  const file = resolve(positionals[0]);
  const manifest = readFileSync(values.manifest ?? join(dirname(file), "connector.toml"));
  const asked = CAPABILITIES.filter((name) => new RegExp(`^\\s*\\[\\[\\s*grant\\.${name}\\s*\\]\\]`, "m").test(manifest.toString()));
  const output = resolve(values.output ?? join(dirname(file), `${basename(file, extname(file))}.wasm`));
  if (output === file) {
    throw new Error(`${file} is the connector's own file; give another one as --output`);
  }
  const bytes = Buffer.concat([await component(file, asked), section(SECTION, manifest)]);
  writeFileSync(output, bytes);
  console.log(`${output}: ${bytes.length} bytes`);
} catch (error) {
  console.error(`rollcall-componentize: ${told(error.message)}`);
  process.exitCode = 1;
}
