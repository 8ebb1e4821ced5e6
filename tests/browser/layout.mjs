// Opens a page at one width, light or dark, and tells what does not fit. With `picture` it also saves a screenshot.

import { input, withBrowser } from "./browser.mjs";

const { url, width, scheme = "light", card, picture } = input;

await withBrowser(async (browser) => {
    const page = await browser.newPage({ viewport: { width, height: 844 }, colorScheme: scheme });
    await page.goto(url);
    await page.waitForSelector(card);
    if (picture) await page.screenshot({ path: picture });
    return page.evaluate((selector) => {
        const box = document.querySelector(selector).getBoundingClientRect();
        const style = getComputedStyle(document.body);
        return {
            page: { scroll: document.documentElement.scrollWidth },
            card: { left: box.left, right: innerWidth - box.right, top: box.top },
            colors: { text: style.color, background: style.backgroundColor },
            links: [...document.querySelectorAll("main a")].map((link) => [link.textContent, link.href]),
        };
    }, card);
});
