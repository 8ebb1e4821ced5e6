/** The server that the suite has started, and a client of it. */
import { appendFileSync } from "node:fs";
import { Keyward } from "@keyward/sdk";

function variable(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set. tests/suite/client/sdk.rs runs these tests`);
  return value;
}

/** The key's workspace. */
export const workspaceId = variable("KEYWARD_WORKSPACE_ID");
/** The key that the suite has made. */
export const apiKey = variable("KEYWARD_API_KEY");
/** Another member of the workspace. */
export const colleague = variable("COLLEAGUE");
/** Where the API is. */
export const baseUrl = variable("KEYWARD_URL");

/** A client with another key. */
export function clientOf(key: string): Keyward {
  return new Keyward({ apiKey: key, workspaceId, baseUrl });
}

/** Remembers a key, so that the suite searches the server's log for it. */
export function secret(plaintext: string): string {
  appendFileSync(variable("SECRETS"), `${plaintext}\n`);
  return plaintext;
}
