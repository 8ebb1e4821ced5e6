// Executes every operation of the Swagger UI with what the page prefills, from the top of the page to its end.

import { input, withBrowser } from "./browser.mjs";

const { url, email, password, apiKey, serviceToken } = input;

await withBrowser(async (browser) => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
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

/** Opens an operation, executes it, and tells what was sent and answered. */
async function execute(page, block) {
    const method = await block.locator(".opblock-summary-method").innerText();
    const path = (await block.locator(".opblock-summary-path").getAttribute("data-path")) ?? "";
    const tag = await block.locator("xpath=ancestor::*[contains(@class, 'opblock-tag-section')]//h3").getAttribute("data-tag");
    await block.locator(".opblock-summary-control").click();
    process.stderr.write(`${method} ${path}\n`);
    const button = block.locator("button.execute");
    await button.waitFor();
    const prefilled = {};
    for (const row of await block.locator("tr[data-param-name]").all()) {
        const field = row.locator("input, select, textarea").first();
        if (await field.count()) prefilled[await row.getAttribute("data-param-name")] = await field.inputValue();
    }
    await button.click();
    const status = block.locator(".live-responses-table .response .response-col_status").first();
    await status.waitFor({ timeout: 3000 }).catch(() => {});
    const operation = { method, path, tag, prefilled, status: 0, sent: "", answer: "" };
    if (await status.count()) {
        operation.status = parseInt(await status.innerText(), 10) || 0;
        operation.sent = await block.locator(".curl").first().innerText().catch(() => "");
        operation.answer = await block.locator(".live-responses-table .response-col_description").first().innerText();
    }
    await block.locator(".opblock-summary-control").click();
    return operation;
}
