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

    const { paths } = await (await fetch(new URL("/openapi.json", url))).json();
    const operations = [];
    let isService = false;
    for (const block of await page.locator(".opblock").all()) {
        const { method, path } = await block.evaluate(named);
        const needsService = takesOnlyServices(paths[path][method.toLowerCase()]);
        if (needsService !== isService) {
            await (needsService ? authorizeService(page) : logOutService(page));
            isService = needsService;
        }
        operations.push({ method, path, ...(await execute(block)) });
    }
    return { title: await page.title(), complaints, operations };
});

/** Whether the document names service tokens as the only credential of an operation. */
function takesOnlyServices({ security = [] }) {
    const schemes = security.flatMap(Object.keys);
    return schemes.length > 0 && schemes.every((scheme) => scheme === "serviceToken");
}

/** Method and path of the operation of a block; runs in the page. */
function named(element) {
    return {
        method: element.querySelector(".opblock-summary-method")?.textContent ?? "",
        path: element.querySelector(".opblock-summary-path")?.dataset.path ?? "",
    };
}

/** Gives the page the API key of a program, and signs the person in. */
async function authorize(page) {
    await withDialog(page, async (credential) => {
        const program = credential("apiKey");
        await program.locator("input").fill(apiKey);
        await program.locator("button.authorize").click();
        const person = credential("signIn");
        await person.locator("#oauth_username, [data-name=username]").first().fill(email);
        await person.locator("#oauth_password, [data-name=password]").first().fill(password);
        await person.locator("button.authorize").click();
        await person.locator("button:has-text('Logout')").waitFor();
    });
}

/**
 * Gives the page the service token. Of all the credentials that an operation takes, the page sends the last one that
 * it has, so it has this one only where nothing else will do.
 */
async function authorizeService(page) {
    await withDialog(page, async (credential) => {
        const service = credential("serviceToken");
        await service.locator("input").fill(serviceToken);
        await service.locator("button.authorize").click();
        await service.locator("button:has-text('Logout')").waitFor();
    });
}

/** Takes the service token from the page again. */
async function logOutService(page) {
    await withDialog(page, async (credential) => {
        const service = credential("serviceToken");
        await service.locator("button:has-text('Logout')").click();
        await service.locator("button.authorize[type=submit]").waitFor();
    });
}

/** Opens the dialog of credentials, and closes it after `work`, which gets the form of a credential by its name. */
async function withDialog(page, work) {
    await page.click(".btn.authorize");
    const dialog = page.locator(".dialog-ux");
    const forms = dialog.locator(".auth-container");
    await work((name) => forms.filter({ has: page.locator("h4", { hasText: `${name} (` }) }));
    await dialog.locator("button.close-modal").click();
}

/** Clicks without waiting until the whole page, of many operations, has been painted. */
async function press(control) {
    await control.dispatchEvent("click");
}

/** Opens an operation, executes it, and tells what was sent and answered; status 0 where the page sent nothing. */
async function execute(block) {
    await press(block.locator(".opblock-summary-control"));
    const button = block.locator("button.execute");
    await button.waitFor();
    const prefilled = await block.evaluate((element) => {
        const rows = [...element.querySelectorAll("tr[data-param-name]")];
        const fields = rows.map((row) => [row.dataset.paramName, row.querySelector("input, select, textarea")?.value ?? ""]);
        return Object.fromEntries(fields);
    });
    await press(button);
    const status = block.locator(".live-responses-table .response .response-col_status").first();
    // A required field that is empty gets a mark, and nothing is sent.
    await status.or(block.locator("input.invalid, .validation-errors").first()).first().waitFor();
    const executed = await block.evaluate((element) => {
        const text = (selector) => element.querySelector(selector)?.textContent ?? "";
        return {
            tag: element.closest(".opblock-tag-section")?.querySelector("h3")?.dataset.tag ?? "",
            status: parseInt(text(".live-responses-table .response .response-col_status"), 10) || 0,
            sent: text(".curl"),
            answer: text(".live-responses-table .response .response-col_description"),
        };
    });
    await press(block.locator(".opblock-summary-control"));
    return { ...executed, prefilled };
}
