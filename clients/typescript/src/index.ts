/** Keyward's API from Node.js. Start with {@link Keyward}. */
export {
  Admin,
  AdminMembers,
  AdminOrganizations,
  AdminPortalSessions,
  AdminUsers,
  AdminWorkspaces,
} from "./admin.js";
export { Keyward } from "./client.js";
export { Collection, etagOf } from "./collections.js";
export type { CreateOptions, WriteOptions } from "./collections.js";
export {
  AuthenticationError,
  ConflictError,
  ConnectionError,
  KeywardError,
  NotFoundError,
  PermissionDeniedError,
  PlaintextLostError,
  PreconditionFailedError,
  RateLimitError,
  TimeoutError,
  UnavailableError,
  ValidationError,
} from "./errors.js";
export type { FieldError } from "./errors.js";
export { Keys } from "./keys.js";
export { Listing } from "./listing.js";
export type { ListQuery, Page, PageQuery } from "./listing.js";
export { Members } from "./members.js";
export type { KeywardOptions, RequestOptions } from "./options.js";
export type {
  ApiKey,
  ApiKeyChange,
  ApiKeyWithPlaintext,
  components,
  CreateApiKey,
  CreateOrganization,
  CreatePortalSession,
  Member,
  Organization,
  OrganizationMember,
  paths,
  PortalSession,
  PutUser,
  User,
  VerifiedKey,
  VerifyKey,
  WhoAmI,
  Workspace,
} from "./types.js";
export { Workspaces } from "./workspaces.js";
