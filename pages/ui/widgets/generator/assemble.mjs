// @ts-nocheck: a tool for Node.
// Writes kernel.js: the program of kernel.wat in WebAssembly's binary form, as base64.
//
//     npm run kernel

import { readFileSync, writeFileSync } from "node:fs";
import { Buffer } from "node:buffer";
import { argv } from "node:process";
import { fileURLToPath, URL } from "node:url";
import initialise from "wabt";

const here = (name) => new URL(name, import.meta.url);

/** The text of kernel.js. */
export async function assembled() {
  const wabt = await initialise();
  const program = wabt.parseWat("kernel.wat", readFileSync(here("kernel.wat"), "utf8"), { simd: true });
  program.validate();
  const lines = Buffer.from(program.toBinary({}).buffer).toString("base64").match(/.{1,96}/g);
  return `// Made from kernel.wat by assemble.mjs.\nexport const KERNEL = \`\n${lines.join("\n")}\n\`;\n`;
}

if (argv[1] === fileURLToPath(import.meta.url)) writeFileSync(here("kernel.js"), await assembled());
