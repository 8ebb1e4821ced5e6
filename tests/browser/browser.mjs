// The browser that the tests name, and the input that they give.

import { chromium } from "playwright-core";
import { readFileSync } from "node:fs";

/** The test's input: JSON on standard input. */
export const input = JSON.parse(readFileSync(0, "utf8"));

/** Runs `work` with a browser, and prints what it returns as JSON. */
export async function withBrowser(work) {
    const browser = await chromium.launch({
        executablePath: input.chromium,
        args: ["--no-sandbox", "--disable-gpu", "--disable-quic"],
    });
    try {
        console.log(JSON.stringify(await work(browser)));
    } finally {
        await browser.close();
    }
}
