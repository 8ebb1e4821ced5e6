// The browser that the tests name, and the input that they give.

import { chromium } from "playwright-core";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The test's input: JSON on standard input. */
export const input = JSON.parse(readFileSync(0, "utf8"));

/** The path of the browser, which the input may name by its command alone. */
const executablePath = process.env.PATH.split(delimiter)
    .map((folder) => join(folder, input.chromium))
    .find(existsSync) ?? input.chromium;

/** Runs `work` with a browser, and prints what it returns as JSON. */
export async function withBrowser(work) {
    const browser = await chromium.launch({
        executablePath,
        args: ["--no-sandbox", "--disable-gpu", "--disable-quic"],
    });
    try {
        console.log(JSON.stringify(await work(browser)));
    } finally {
        await browser.close();
    }
}
