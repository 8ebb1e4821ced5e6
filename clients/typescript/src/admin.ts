/** Tenants and users, for a backend with a service token. */
import { Listing, type PageQuery } from "./listing.js";
import type { RequestOptions } from "./options.js";
import type { Transport } from "./transport.js";
import type {
  CreateOrganization,
  CreatePortalSession,
  Organization,
  OrganizationMember,
  PortalSession,
  PutUser,
  User,
  Workspace,
} from "./types.js";

/** Options of a creation. */
export interface AdminCreateOptions extends RequestOptions {
  /** Your own `Idempotency-Key`, if the call must stay one call over a restart of your program. */
  idempotencyKey?: string | undefined;
}

/** What a service token may do besides the work on keys. */
export class Admin {
  readonly organizations: AdminOrganizations;
  readonly users: AdminUsers;
  readonly workspaces: AdminWorkspaces;
  readonly members: AdminMembers;
  readonly portalSessions: AdminPortalSessions;

  constructor(transport: Transport) {
    this.organizations = new AdminOrganizations(transport);
    this.users = new AdminUsers(transport);
    this.workspaces = new AdminWorkspaces(transport);
    this.members = new AdminMembers(transport);
    this.portalSessions = new AdminPortalSessions(transport);
  }
}

/** The tenants. */
export class AdminOrganizations {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Those that the token sees, newest first. */
  list(query?: PageQuery): Listing<Organization> {
    return new Listing<Organization>(this.#transport, ["organizations"], query);
  }

  /** Makes an organization; at most one, whatever the connection does. Its owner is created if new. */
  async create(organization: CreateOrganization, options: AdminCreateOptions = {}): Promise<Organization> {
    const { data } = await this.#transport.send<Organization>({
      ...options, method: "POST", path: ["organizations"], body: organization,
      idempotencyKey: options.idempotencyKey ?? true,
    });
    return data;
  }

  /** One organization. */
  async get(id: string, options?: RequestOptions): Promise<Organization> {
    const { data } = await this.#transport.send<Organization>({ ...options, method: "GET", path: ["organizations", id] });
    return data;
  }

  /** Deletes an organization with all that is in it, at once and for good. */
  async delete(id: string, options?: RequestOptions): Promise<void> {
    await this.#transport.send<void>({ ...options, method: "DELETE", path: ["organizations", id] });
  }
}

/** The people of all tenants. */
export class AdminUsers {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The user of an issuer and a subject, who is created if new. What is left out stays, null clears. */
  async upsert(user: PutUser, options?: RequestOptions): Promise<User> {
    const { data } = await this.#transport.send<User>({ ...options, method: "PUT", path: ["users"], body: user });
    return data;
  }
}

/** The workspaces of tenants. */
export class AdminWorkspaces {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Those of an organization, newest first. */
  list(organizationId: string, query?: PageQuery): Listing<Workspace> {
    return new Listing<Workspace>(this.#transport, ["organizations", organizationId, "workspaces"], query);
  }

  /** Makes a workspace; at most one, whatever the connection does. */
  async create(organizationId: string, workspace: { name: string }, options: AdminCreateOptions = {}): Promise<Workspace> {
    const { data } = await this.#transport.send<Workspace>({
      ...options, method: "POST", path: ["organizations", organizationId, "workspaces"], body: workspace,
      idempotencyKey: options.idempotencyKey ?? true,
    });
    return data;
  }
}

/** The members of tenants. */
export class AdminMembers {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Those of an organization, newest first. */
  list(organizationId: string, query?: PageQuery): Listing<OrganizationMember> {
    return new Listing<OrganizationMember>(this.#transport, ["organizations", organizationId, "members"], query);
  }

  /** Adds a user to an organization, or sets the role of a member. */
  async put(
    organizationId: string,
    userId: string,
    member: { role: OrganizationMember["role"] },
    options?: RequestOptions,
  ): Promise<OrganizationMember> {
    const { data } = await this.#transport.send<OrganizationMember>({
      ...options, method: "PUT", path: ["organizations", organizationId, "members", userId], body: member,
    });
    return data;
  }
}

/** Sessions of members' browsers. */
export class AdminPortalSessions {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Makes a session. Give its token to the member's browser, which sends it as `Authorization: Bearer`. */
  async create(session: CreatePortalSession, options?: RequestOptions): Promise<PortalSession> {
    const { data } = await this.#transport.send<PortalSession>({
      ...options, method: "POST", path: ["portal-sessions"], body: session,
    });
    return data;
  }
}
