/** The shapes on the wire, by short names. They are generated from the server's OpenAPI document. */
import type { components } from "./generated/openapi.js";

export type { components, paths } from "./generated/openapi.js";

type Schemas = components["schemas"];

/** Who is behind the credential, and what it may do now. */
export type WhoAmI = Schemas["WhoAmI"];
/** A key without its value. */
export type ApiKey = Schemas["ApiKeyView"];
/** A key with its value, which is shown this once. */
export type ApiKeyWithPlaintext = ApiKey & { plaintext: string };
/** A key to make. `label` is another word for `name`. */
export type CreateApiKey = Schemas["CreateKey"] & { label?: string };
/** What to change of a key: what is left out stays, null clears. */
export type ApiKeyChange = Schemas["ChangeKey"];
/** Why a key is stopped. */
export type StopReason = Schemas["ReasonKind"];
/** A member of the key's workspace. */
export type Member = Schemas["WorkspaceMemberView"];
