// Executes every operation of the Swagger UI with what the page prefills, from the top of the page to its end.

import { input, withBrowser } from "./browser.mjs";

const { url, email, password, apiKey, serviceToken } = input;

await withBrowser(async (browser) => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(60000);
    const complaints = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    await page.goto(url);
    await page.waitForSelector(".opblock");
    await authorize(page);

    const operations = [];
    for (const block of await page.locator(".opblock").all()) {
        operations.push(await execute(page, block));
    }
    return { title: await page.title(), complaints, operations };
});

/** Signs the person in, and gives the page the two tokens of programs. */
async function authorize(page) {
    await page.click(".btn.authorize");
    const dialog = page.locator(".dialog-ux");
    const container = (name) => dialog.locator(".auth-container").filter({ has: page.locator("h4", { hasText: name }) });
    for (const [name, token] of [["apiKey (", apiKey], ["serviceToken (", serviceToken]]) {
        const form = container(name);
        await form.locator("input").fill(token);
        await form.locator("button.authorize").click();
    }
    const form = container("signIn (");
    await form.locator("#oauth_username, [data-name=username]").first().fill(email);
    await form.locator("#oauth_password, [data-name=password]").first().fill(password);
    await form.locator("button.authorize").click();
    await form.locator("button:has-text('Logout')").waitFor();
    await dialog.locator("button.close-modal").click();
}

/** Opens an operation, executes it, and tells what was sent and answered; status 0 where the page sent nothing. */
async function execute(page, block) {
    await block.locator(".opblock-summary-control").click();
    const button = block.locator("button.execute");
    await button.waitFor();
    const prefilled = await block.evaluate((element) => {
        const rows = [...element.querySelectorAll("tr[data-param-name]")];
        const fields = rows.map((row) => [row.dataset.paramName, row.querySelector("input, select, textarea")?.value ?? ""]);
        return Object.fromEntries(fields);
    });
    await button.click();
    const status = block.locator(".live-responses-table .response .response-col_status").first();
    // A required field that is empty gets a mark, and nothing is sent.
    await status.or(block.locator("input.invalid, .validation-errors").first()).first().waitFor();
    const executed = await block.evaluate((element) => {
        const text = (selector) => element.querySelector(selector)?.textContent ?? "";
        return {
            method: text(".opblock-summary-method"),
            path: element.querySelector(".opblock-summary-path")?.dataset.path ?? "",
            tag: element.closest(".opblock-tag-section")?.querySelector("h3")?.dataset.tag ?? "",
            status: parseInt(text(".live-responses-table .response .response-col_status"), 10) || 0,
            sent: text(".curl"),
            answer: text(".live-responses-table .response .response-col_description"),
        };
    });
    await block.locator(".opblock-summary-control").click();
    return { ...executed, prefilled };
}
