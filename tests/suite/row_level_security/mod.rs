//! The second wall between tenants, on PostgreSQL: what a session sees that has another organization set, or none
//! ([`walls`]); that each handler asks in its own organization's name, also on connections that serve one tenant after the
//! other ([`handlers`]); which roles it does not hold for, and backups through it ([`operator`]).
//!
//! That nothing breaks behind it shows the whole suite: its servers' role owns its databases, and is no superuser.

mod handlers;
mod operator;
mod walls;

use crate::support::harness::Test;
use crate::support::tenant::Key;
use crate::support::{Backend, Server, Tenant};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use keyward::base::ids::ServiceTokenId;
use keyward::base::sql::Conn;
use serde_json::json;

pub fn tests_once() -> Vec<Test> {
    [handlers::tests_once(), operator::tests_once(), walls::tests_once()].into_iter().flatten().collect()
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    text: String,
}

/// The column `text` of a query's rows.
fn texts(conn: &mut PgConnection, statement: &str) -> Vec<String> {
    let rows: QueryResult<Vec<Line>> = diesel::sql_query(statement).load(conn);
    rows.unwrap_or_else(|error| panic!("{statement}: {error}")).into_iter().map(|line| line.text).collect()
}

fn postgres(conn: &mut Conn) -> &mut PgConnection {
    match conn {
        Conn::Postgres(postgres) => postgres,
        Conn::Sqlite(_) => panic!("not PostgreSQL"),
    }
}

/// Every table behind the wall.
fn walled(conn: &mut PgConnection) -> Vec<String> {
    texts(conn, "SELECT tablename::text AS text FROM pg_policies WHERE schemaname = 'public' ORDER BY 1")
}

async fn server() -> Server {
    Server::with(Backend::Postgres, |config| {
        config.collections = toml::from_str("[notes]").expect("a collection");
    })
    .await
}

/// A tenant that has something in each table.
struct Full<'s> {
    tenant: Tenant<'s>,
    key: Key,
    note: String,
}

impl<'s> Full<'s> {
    async fn new(server: &'s Server) -> Self {
        let tenant = Tenant::new(server).await;
        tenant.add_to_workspace("editor").await;
        tenant.invite("invited@example.com", "member", &[(&tenant.workspace_id, "viewer")]).await;
        let role = server.post(&tenant.organization_path("/roles")).bearer(&tenant.owner.id_token);
        role.json(json!({ "name": "Reader", "permissions": ["content:read"] })).send().await.expect(201);
        let key = tenant.create_key(&tenant.owner, json!({})).await;
        let note = tenant.add_document("/notes", json!({ "of": tenant.organization_id })).await;
        let organization = &tenant.organization_id;
        for statement in [
            format!(
                "INSERT INTO stripe_customers (id, organization_id, tied_at, tied_by)
                 VALUES ('cus_{organization}', '{organization}', 0, 'evt_1')"
            ),
            format!(
                "INSERT INTO stripe_subscriptions (id, customer_id, organization_id, history)
                 VALUES ('sub_{organization}', 'cus_{organization}', '{organization}', '[]')"
            ),
            format!(
                "INSERT INTO service_tokens (id, name, hash, preview, created_at, organization_id)
                 VALUES ('{}', 'Gateway', decode(md5('{organization}'), 'hex'), 'svc_a...b', now(), '{organization}')",
                ServiceTokenId::new()
            ),
            format!(
                "INSERT INTO api_key_usage (api_key_id, hour, organization_id, workspace_id, admitted, limited, refused)
                 VALUES ('{}', 0, '{organization}', '{}', 1, 0, 0)",
                key.id, tenant.workspace_id
            ),
        ] {
            server.database.execute(&statement);
        }
        Self { tenant, key, note }
    }

    /// What the rows of a table have that are this tenant's.
    fn owns(&self, table: &str) -> String {
        match table {
            "organizations" => format!("id = '{}'", self.tenant.organization_id),
            "api_key_secrets" => format!("api_key_id = '{}'", self.key.id),
            _ => format!("organization_id = '{}'", self.tenant.organization_id),
        }
    }
}
