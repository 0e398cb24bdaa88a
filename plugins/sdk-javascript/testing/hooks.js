// Where Node finds the contract's interfaces in a test: in the host that the test makes.

const INTERFACE = /^rollcall:connector\/([a-z]+)@/;

/** Resolves an import as Node's hooks do (`node:module`, `register`). */
export async function resolve(specifier, context, next) {
  const [, name] = INTERFACE.exec(specifier) ?? [];
  if (name === undefined) {
    return next(specifier, context);
  }
  return { url: new URL(`./interfaces.js?${name}`, import.meta.url).href, shortCircuit: true };
}
