import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { promisify } from "node:util";

// Within the package, where its own name leads to what was built.
const root = new URL("../../", import.meta.url);

test("every example of the README runs as it stands", async () => {
  const blocks = [...readFileSync(new URL("README.md", root), "utf8").matchAll(/```js\n(.*?)```/gs)];
  assert.ok(blocks.length >= 2);
  for (const [index, [, code = ""]] of blocks.entries()) {
    const file = new URL(`build/readme-${index}.mjs`, root);
    writeFileSync(file, code);
    try {
      await promisify(execFile)(process.execPath, [file.pathname]);
    } finally {
      rmSync(file);
    }
  }
});
