//! What a session of the application's role sees and writes, by the organization that it has set.

use super::{Full, postgres, server, texts, walled};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, Server, tests_once};
use diesel::RunQueryDsl;
use keyward::base::ids::{OrganizationId, UserId, WorkspaceId};
use keyward::base::paging::Position;
use keyward::base::sql::Conn;
use keyward::domain::audit::{Export, Filter};
use keyward::domain::members::WorkspaceMember;
use keyward::domain::subscriptions::Subscription;
use keyward::domain::tenancy::Organization;
use keyward::domain::tenancy::Workspace;
use keyward::infra::db::{Db, Manager, ScopedDb};

tests_once![
    every_table_with_rows_of_tenants_is_walled_in,
    with_another_organization_set_there_is_nothing_to_see_and_nothing_to_write,
    with_no_organization_set_there_is_nothing_to_see,
    with_another_organization_set_the_tenants_queries_find_nothing,
];

/// A table added later fails here until its migration walls it in.
async fn every_table_with_rows_of_tenants_is_walled_in() {
    let server = Server::start(Backend::Postgres).await;
    let mut conn = server.database.connect();
    let conn = postgres(&mut conn);
    let walled = walled(conn);
    let named = texts(
        conn,
        "SELECT table_name::text AS text FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name = 'organization_id'",
    );
    assert!(named.len() >= 12, "{named:?}");
    // What belongs to a walled table's rows is a tenant's, too.
    let belonging = texts(
        conn,
        "SELECT DISTINCT conrelid::regclass::text AS text FROM pg_constraint
         WHERE contype = 'f' AND confrelid IN (SELECT oid FROM pg_class WHERE relrowsecurity)",
    );
    for table in named.iter().chain(&belonging).chain([&"organizations".to_owned()]) {
        assert!(walled.contains(table), "{table} has rows of tenants, and no policy: CALL keyward_wall_in('{table}')");
    }
    let forced = texts(
        conn,
        "SELECT relname::text AS text FROM pg_class WHERE relrowsecurity AND relforcerowsecurity ORDER BY 1",
    );
    assert_eq!(forced, walled, "a table's owner is past its policies unless they are forced");
}

fn count(db: &ScopedDb, table: &str, condition: &str) -> i64 {
    let statement = format!("SELECT count(*)::text AS text FROM {table} WHERE {condition}");
    let counted = db.read_blocking(|conn| Ok(texts(postgres(conn), &statement)));
    counted.expect("a connection").concat().parse().expect("a number")
}

/// How many rows it changed, or why it could not.
fn write(conn: &mut Conn, statement: &str) -> Result<usize, String> {
    diesel::sql_query(statement).execute(postgres(conn)).map_err(|error| error.to_string())
}

async fn with_another_organization_set_there_is_nothing_to_see_and_nothing_to_write() {
    let server = server().await;
    let (one, other) = (Full::new(&server).await, Full::new(&server).await);
    let [own, wrong]: [OrganizationId; 2] =
        [&one, &other].map(|full| full.tenant.organization_id.parse().expect("an id"));
    let before = dump(&server.database);
    let database = &server.database;
    let db = Db::new(&server.config.database);
    let tables = walled(postgres(&mut database.connect()));
    for table in &tables {
        let theirs = one.owns(table);
        assert!(count(&db.for_organization(own), table, &theirs) >= 1, "{table}: its own rows are hidden");
        assert_eq!(
            count(&db.for_organization(own), table, &format!("NOT ({theirs})")),
            0,
            "{table}: others' rows are shown"
        );
        assert_eq!(count(&db.for_organization(wrong), table, &theirs), 0, "{table}: shown to another organization");
        let all = format!("{theirs} OR {}", other.owns(table));
        assert!(count(&db.for_all_tenants(), table, &all) >= 2, "{table}: the operator sees both");

        let mut session = Manager::new(database.url()).open().expect("a connection");
        write(&mut session, &format!("SET keyward.organization = '{wrong}'")).expect("a setting");
        assert_eq!(write(&mut session, &format!("DELETE FROM {table} WHERE {theirs}")), Ok(0), "{table}");
        let (column, is_its_own) = match table.as_str() {
            "organizations" => ("id", format!("id = '{wrong}'")),
            "api_key_secrets" => ("api_key_id", other.owns(table)),
            _ => ("organization_id", format!("organization_id = '{wrong}'")),
        };
        let touch = format!("UPDATE {table} SET {column} = {column} WHERE {theirs}");
        assert_eq!(write(&mut session, &touch), Ok(0), "{table}");
        let theirs = if table == "api_key_secrets" { one.key.id.clone() } else { own.to_string() };
        let given = write(&mut session, &format!("UPDATE {table} SET {column} = '{theirs}' WHERE {is_its_own}"));
        let why = given.expect_err("a row that was given to another tenant");
        let expected = if table.starts_with("audit_") { "audit" } else { "row-level security policy" };
        assert!(why.contains(expected), "{table}: {why}");
    }
    let mut session = Manager::new(database.url()).open().expect("a connection");
    write(&mut session, &format!("SET keyward.organization = '{wrong}'")).expect("a setting");
    for statement in [
        format!("INSERT INTO workspaces (id, organization_id, name, created_at) VALUES ('ws_1', '{own}', 'W', now())"),
        format!("INSERT INTO audit_heads VALUES ('{own}', 1, '', 0, '')"),
        format!("INSERT INTO api_key_secrets (hash, api_key_id) VALUES ('x', '{}')", one.key.id),
    ] {
        let why = write(&mut session, &statement).expect_err(&statement);
        assert!(why.contains("row-level security policy"), "{statement}: {why}");
    }
    assert_unchanged(&before, &server.database);
}

async fn with_no_organization_set_there_is_nothing_to_see() {
    let server = server().await;
    let full = Full::new(&server).await;
    let mut session = Manager::new(server.database.url()).open().expect("a connection");
    let session = postgres(&mut session);
    let tables = walled(session);
    assert!(tables.len() >= 14, "{tables:?}");
    for setting in ["RESET keyward.organization", "SET keyward.organization = ''", "SET keyward.organization = '**'"] {
        diesel::sql_query(setting).execute(session).expect("a setting");
        for table in &tables {
            assert_eq!(texts(session, &format!("SELECT 'a row' AS text FROM {table}")), [""; 0], "{setting}: {table}");
        }
    }
    // It is the setting that hides them.
    diesel::sql_query("SET keyward.organization = '*'").execute(session).expect("a setting");
    let shown = texts(session, &format!("SELECT id AS text FROM api_keys WHERE {}", full.owns("api_keys")));
    assert_eq!(shown, [full.key.id]);
}

async fn with_another_organization_set_the_tenants_queries_find_nothing() {
    let server = server().await;
    let (one, other) = (Full::new(&server).await, Full::new(&server).await);
    let [own, wrong]: [OrganizationId; 2] =
        [&one, &other].map(|full| full.tenant.organization_id.parse().expect("an id"));
    let workspace: WorkspaceId = one.tenant.workspace_id.parse().expect("an id");
    let me = server.get("/v1/me").bearer(&one.tenant.owner.id_token).send().await.expect(200);
    let user: UserId = me.text_at("/user/id").parse().expect("an id");
    let db = Db::new(&server.config.database);
    let catalog = server.config.permission_catalog().expect("permissions");
    for (organization, finds) in [(own, true), (wrong, false)] {
        let db = db.for_organization(organization);
        let found = db.read_blocking(|conn| {
            let page = Position { size: 20, after: None };
            Ok([
                Organization::with_role_of(conn, own, user)?.is_some(),
                !Organization::all_of(conn, user)?.is_empty(),
                Workspace::with_role_of(conn, &catalog, workspace, user)?.is_some(),
                !WorkspaceMember::page_of(conn, &catalog, own, workspace, page)?.is_empty(),
                Export::start(conn, own, Filter::default())?.is_some(),
                Subscription::of(conn, own).is_ok(),
            ])
        });
        assert_eq!(found.expect("a connection"), [finds; 6], "{organization}");
    }
}
