//! Organizations and keys by the million, straight into the tables: the same ones each time, from a seed.

use diesel::connection::SimpleConnection;
use keyward::base::sql::Conn;
use keyward::domain::api_keys::{KeyFormat, PresentedKey};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::fmt::Write;

const SEED: u64 = 0x6b65_7977_6172_6421;
const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE32: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 2026-01-01, in milliseconds: from here on the ids count.
const FIRST_MILLISECOND: u128 = 1_767_225_600_000;
const CREATED: &str = "'2026-01-01T00:00:00.000000Z'";
/// Rows of one INSERT.
const BATCH: usize = 500;

/// What there is.
#[derive(Clone, Copy, Debug)]
pub struct Population {
    pub organizations: usize,
    /// Of each organization, and of its one workspace; the first is the owner.
    pub members: usize,
    /// Of each organization.
    pub keys: usize,
}

/// Where keys belong.
#[derive(Clone, Debug)]
pub struct Home {
    pub organization_id: String,
    pub workspace_id: String,
    pub creator_id: String,
}

/// Writes rows, and makes what is in them.
pub struct Generator<'c> {
    conn: &'c mut Conn,
    rng: StdRng,
    ids: u128,
    format: KeyFormat,
}

impl<'c> Generator<'c> {
    /// On a migrated database.
    pub fn new(conn: &'c mut Conn) -> Self {
        Self { conn, rng: StdRng::seed_from_u64(SEED), ids: 0, format: KeyFormat::base62("sk_live_") }
    }

    /// Makes all of it in one transaction, and answers the keys, those of one organization side by side.
    pub fn populate(&mut self, population: Population) -> Vec<String> {
        self.in_one_transaction(|generator| {
            let homes: Vec<Home> = generator.organizations(population);
            let homes = homes.iter().flat_map(|home| std::iter::repeat_n(home, population.keys));
            generator.keys(homes)
        })
    }

    /// More keys in a workspace that is there already.
    pub fn fill(&mut self, home: &Home, count: usize) -> Vec<String> {
        // Other keys than `populate` made, if it was called by another generator.
        self.rng = StdRng::seed_from_u64(SEED + 1);
        self.ids = 1 << 40;
        self.in_one_transaction(|generator| generator.keys(std::iter::repeat_n(home, count)))
    }

    /// The foreign keys hold by construction; checking each row would take most of the time.
    fn in_one_transaction<T>(&mut self, body: impl FnOnce(&mut Self) -> T) -> T {
        let (before, after) = match self.conn {
            Conn::Sqlite(_) => (
                "PRAGMA foreign_keys = OFF; PRAGMA cache_size = -500000; BEGIN IMMEDIATE",
                "COMMIT; PRAGMA foreign_keys = ON; ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)",
            ),
            Conn::Postgres(_) => ("BEGIN; SET LOCAL session_replication_role = replica", "COMMIT"),
        };
        self.execute(before);
        let result = body(self);
        self.execute(after);
        if matches!(self.conn, Conn::Postgres(_)) {
            self.execute("VACUUM ANALYZE");
        }
        result
    }

    fn organizations(&mut self, population: Population) -> Vec<Home> {
        let mut tables = [
            Rows::new("organizations (id, name, created_at)"),
            Rows::new("subscriptions (organization_id, status, plan, updated_at)"),
            Rows::new("workspaces (id, organization_id, name, created_at)"),
            Rows::new("users (id, issuer, subject, email, email_verified, name, created_at)"),
            Rows::new("organization_members (id, organization_id, user_id, role, created_at)"),
            Rows::new("workspace_members (workspace_id, organization_id, user_id, role, created_at)"),
        ];
        let mut homes = Vec::with_capacity(population.organizations);
        for number in 0..population.organizations {
            let (organization_id, workspace_id) = (self.id("org"), self.id("ws"));
            let creator_id = self.id("usr");
            let [organizations, subscriptions, workspaces, users, members, roles] = &mut tables;
            organizations.add(format_args!("'{organization_id}', 'Organization {number}', {CREATED}"));
            subscriptions.add(format_args!("'{organization_id}', 'active', 'free', {CREATED}"));
            workspaces.add(format_args!("'{workspace_id}', '{organization_id}', 'Production', {CREATED}"));
            for place in 0..population.members {
                let user = if place == 0 { creator_id.clone() } else { self.id("usr") };
                let role = if place == 0 { "owner" } else { "member" };
                let person = format!("person-{number}-{place}");
                users.add(format_args!(
                    "'{user}', 'bench', '{person}', '{person}@example.com', TRUE, 'Person {number}.{place}', {CREATED}"
                ));
                let membership = self.id("mem");
                members.add(format_args!("'{membership}', '{organization_id}', '{user}', '{role}', {CREATED}"));
                roles.add(format_args!("'{workspace_id}', '{organization_id}', '{user}', 'editor', {CREATED}"));
            }
            homes.push(Home { organization_id, workspace_id, creator_id });
            for table in &mut tables {
                table.write_full(self.conn);
            }
        }
        for table in &mut tables {
            table.write(self.conn);
        }
        homes
    }

    fn keys<'h>(&mut self, homes: impl Iterator<Item = &'h Home>) -> Vec<String> {
        let mut keys = Rows::new(
            "api_keys (id, organization_id, workspace_id, creator_id, name, preview, scope, allowed_ips, created_at)",
        );
        let mut secrets = Rows::new("api_key_secrets (hash, api_key_id)");
        let (open, close) = match self.conn {
            Conn::Sqlite(_) => ("x'", "'"),
            Conn::Postgres(_) => ("'\\x", "'::bytea"),
        };
        let mut texts = Vec::new();
        for Home { organization_id, workspace_id, creator_id } in homes {
            let (id, text) = (self.id("key"), self.key());
            let key = PresentedKey::new(&text);
            let preview = self.format.preview(key);
            keys.add(format_args!(
                "'{id}', '{organization_id}', '{workspace_id}', '{creator_id}', 'Key', '{preview}', 'full', '', {CREATED}"
            ));
            let hash = key.hash().iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").expect("a string takes everything");
                hex
            });
            secrets.add(format_args!("{open}{hash}{close}, '{id}'"));
            keys.write_full(self.conn);
            secrets.write_full(self.conn);
            texts.push(text);
        }
        keys.write(self.conn);
        secrets.write(self.conn);
        texts
    }

    /// Fresh, and good: what `keyward` itself makes, but of this seed.
    fn key(&mut self) -> String {
        let random: String = (0..26).map(|_| char::from(BASE62[self.rng.random_range(0..62)])).collect();
        let mut rest = u64::from(crc32fast::hash(random.as_bytes()));
        let mut checksum = [b'0'; 6];
        for digit in checksum.iter_mut().rev() {
            *digit = BASE62[(rest % 62) as usize];
            rest /= 62;
        }
        let text = format!("sk_live_{random}{}", std::str::from_utf8(&checksum).expect("ASCII"));
        debug_assert!(self.format.recognizes(PresentedKey::new(&text)));
        text
    }

    /// A UUIDv7 of a millisecond of its own, in base 32.
    fn id(&mut self, prefix: &str) -> String {
        self.ids += 1;
        let time = (FIRST_MILLISECOND + self.ids) & ((1 << 48) - 1);
        let bits = time << 80 | 7 << 76 | 2 << 62 | u128::from(self.rng.random::<u32>());
        let suffix = (0..26).rev().map(|place| char::from(BASE32[(bits >> (5 * place)) as usize & 31]));
        format!("{prefix}_{}", suffix.collect::<String>())
    }

    fn execute(&mut self, statement: &str) {
        self.conn.batch_execute(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// Rows on their way into a table, many in one statement.
struct Rows {
    table: &'static str,
    values: String,
    count: usize,
}

impl Rows {
    fn new(table: &'static str) -> Self {
        Self { table, values: String::new(), count: 0 }
    }

    fn add(&mut self, row: std::fmt::Arguments<'_>) {
        let comma = if self.count == 0 { "" } else { ", " };
        write!(self.values, "{comma}({row})").expect("a string takes everything");
        self.count += 1;
    }

    fn write_full(&mut self, conn: &mut Conn) {
        if self.count >= BATCH {
            self.write(conn);
        }
    }

    fn write(&mut self, conn: &mut Conn) {
        if self.count > 0 {
            let statement = format!("INSERT INTO {} VALUES {}", self.table, self.values);
            conn.batch_execute(&statement).unwrap_or_else(|error| panic!("{}: {error}", self.table));
            self.values.clear();
            self.count = 0;
        }
    }
}
