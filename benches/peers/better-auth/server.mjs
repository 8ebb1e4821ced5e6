// The peer: one route that verifies an API key, behind Node's own http. DATABASE_URL names its PostgreSQL database.
// Prints `listening ADDRESS KEY` once it serves: where, and a key that is good.

import { apiKey } from "@better-auth/api-key";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { createServer } from "node:http";
import pg from "pg";

const auth = betterAuth({
    baseURL: "http://127.0.0.1",
    secret: "a secret of this benchmark, long enough for better-auth",
    database: new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 8 }),
    emailAndPassword: { enabled: true },
    // Off, in its favour: the plugin's default admits ten requests a day.
    plugins: [apiKey({ rateLimit: { enabled: false } })],
    telemetry: { enabled: false },
});

await (await getMigrations(auth.options)).runMigrations();
const { user } = await auth.api.signUpEmail({
    body: { email: "owner@example.com", name: "Owner", password: "correct horse battery" },
});
const { key } = await auth.api.createApiKey({ body: { name: "bench", userId: user.id } });

const server = createServer(async (request, response) => {
    try {
        const presented = request.headers["x-api-key"];
        const { valid, key: found } = await auth.api.verifyApiKey({ body: { key: presented ?? "" } });
        const body = JSON.stringify({ valid, keyId: found?.id ?? null });
        response.writeHead(valid ? 200 : 401, { "content-type": "application/json" }).end(body);
    } catch (error) {
        console.error(error);
        response.writeHead(500).end();
    }
});
server.listen(0, "127.0.0.1", () => console.log(`listening 127.0.0.1:${server.address().port} ${key}`));
