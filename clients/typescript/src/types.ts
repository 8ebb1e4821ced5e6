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

/** A question about a key. */
export type VerifyKey = Schemas["VerifyKey"];
/** What there is to say of a key. Act on `valid` and `code`. */
export type VerifiedKey = Schemas["VerifiedKey"];
/** A paying customer, the tenant. */
export type Organization = Schemas["OrganizationView"];
/** An organization to make; `owner` is created if new. */
export type CreateOrganization = Schemas["CreateOrganization"] & { owner: Schemas["OwnerInput"] };
/** A part of an organization, which holds API keys and data. */
export type Workspace = Schemas["WorkspaceView"];
/** A person in an organization. */
export type OrganizationMember = Schemas["OrganizationMemberView"];
/** A user to make, or to change: what is left out stays, null clears. */
export type PutUser = Schemas["PutUser"];
/** A user as a backend sees it. */
export type User = Schemas["KnownUser"];
/** A portal session to make. */
export type CreatePortalSession = Schemas["CreatePortalSession"];
/** A portal session's token, for the browser of a member. */
export type PortalSession = Schemas["CreatedPortalSession"];
