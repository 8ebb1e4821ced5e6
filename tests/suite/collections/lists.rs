//! Lists: pages, filters, orders; the same on both databases.

use super::{server, tenant_with_key};
use crate::support::until::until;
use crate::support::{Backend, Server, tests};
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

tests![
    a_list_is_newest_first_and_its_pages_are_whole,
    filters_find_what_they_name_and_nothing_else,
    an_order_by_a_field_is_whole_over_pages_with_ties_and_gaps,
    long_texts_can_be_filtered_and_sorted,
    a_filter_and_an_order_use_the_fields_index,
    an_unknown_filter_or_order_is_refused,
    the_lists_of_a_nested_collection_are_apart,
];

async fn add(server: &Server, key: &str, posts: &[Value]) {
    for post in posts {
        server.post("/v1/posts").bearer(key).json(json!({ "post": post })).send().await.expect(201);
    }
}

/// The titles of all pages of a list.
async fn titles(server: &Server, key: &str, query: &str, size: usize) -> Vec<String> {
    let (mut titles, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/posts?pageSize={size}&{query}{cursor}");
        let page = server.get(&path).bearer(key).send().await.expect(200);
        let found = page.body["data"].as_array().expect("a list");
        assert!(found.len() <= size);
        titles.extend(found.iter().map(|post| post["title"].as_str().expect("a title").to_owned()));
        match page.body["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return titles,
        }
    }
}

async fn a_list_is_newest_first_and_its_pages_are_whole(db: Backend) {
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    let posts: Vec<Value> = (0..7).map(|n| json!({ "title": format!("{n}") })).collect();
    add(&server, &key.plaintext, &posts).await;
    let newest_first = ["6", "5", "4", "3", "2", "1", "0"];
    for size in [1, 2, 3, 7, 100] {
        assert_eq!(titles(&server, &key.plaintext, "", size).await, newest_first);
        let oldest_first = titles(&server, &key.plaintext, "sort=createdAt", size).await;
        assert!(oldest_first.iter().eq(newest_first.iter().rev()), "{oldest_first:?}");
    }
    assert_eq!(titles(&server, &key.plaintext, "sort=-createdAt", 2).await, newest_first);
}

async fn filters_find_what_they_name_and_nothing_else(db: Backend) {
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    add(
        &server,
        &key.plaintext,
        &[
            json!({ "title": "a", "status": "draft", "rank": 1, "meta": { "pinned": true, "slug": "" } }),
            json!({ "title": "b", "status": "live", "rank": 1.0, "meta": { "pinned": false, "slug": "é ?&=%" } }),
            json!({ "title": "c", "status": "draft", "rank": -2.5, "meta": {} }),
            json!({ "title": "d", "rank": null, "meta": { "slug": "1" } }),
            json!({ "title": "e", "status": "live", "rank": 0, "meta": { "slug": "true" } }),
        ],
    )
    .await;
    for (query, expected) in [
        ("status=draft", "ca"),
        ("status=live", "eb"),
        ("status=none", ""),
        ("status=", ""),
        ("rank=1", "ba"),
        ("rank=1.0", "ba"),
        ("rank=1e0", "ba"),
        ("rank=-2.5", "c"),
        ("rank=0", "e"),
        ("rank=-0", "e"),
        ("meta.pinned=true", "a"),
        ("meta.pinned=false", "b"),
        ("meta.slug=", "a"),
        ("meta.slug=%C3%A9%20%3F%26%3D%25", "b"),
        ("meta.slug=1", "d"),
        ("meta.slug=true", "e"),
        ("meta.slug=1'%20OR%20'1'='1", ""),
        ("status=live&rank=1", "b"),
        ("status=draft&sort=title", "ac"),
        ("rank=1&sort=-title", "ba"),
    ] {
        for size in [1, 20] {
            assert_eq!(titles(&server, &key.plaintext, query, size).await.concat(), expected, "{query} by {size}");
        }
    }
}

async fn an_order_by_a_field_is_whole_over_pages_with_ties_and_gaps(db: Backend) {
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    add(
        &server,
        &key.plaintext,
        &[
            json!({ "title": "b", "rank": 2 }),
            json!({ "title": "a" }),
            json!({ "title": "B", "rank": -1, "meta": { "pinned": true } }),
            json!({ "title": "é", "rank": 2 }),
            json!({ "title": "z", "rank": 10 }),
            json!({ "title": "\u{ffff}", "rank": null, "meta": { "pinned": false } }),
            json!({ "title": "\u{1F980}", "rank": 2.5 }),
        ],
    )
    .await;
    for (sort, expected) in [
        // By code points, whatever the database's language.
        ("title", vec!["B", "a", "b", "z", "é", "\u{ffff}", "\u{1F980}"]),
        // Nothing is less than anything; the same stands by age.
        ("rank", vec!["a", "\u{ffff}", "B", "b", "é", "\u{1F980}", "z"]),
        ("meta.pinned", vec!["b", "a", "é", "z", "\u{1F980}", "\u{ffff}", "B"]),
    ] {
        for size in [1, 2, 3, 100] {
            let ascending = titles(&server, &key.plaintext, &format!("sort={sort}"), size).await;
            assert_eq!(ascending, expected, "{sort} by {size}");
            let descending = titles(&server, &key.plaintext, &format!("sort=-{sort}"), size).await;
            assert!(descending.iter().eq(expected.iter().rev()), "-{sort} by {size}: {descending:?}");
        }
    }
}

async fn long_texts_can_be_filtered_and_sorted(db: Backend) {
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    let long = |end: &str| format!("{}{end}", "é".repeat(4_000));
    for end in ["x", "y"] {
        let post = json!({ "title": end, "meta": { "slug": long(end) } });
        add(&server, &key.plaintext, &[post]).await;
    }
    assert_eq!(titles(&server, &key.plaintext, &format!("meta.slug={}", long("x")), 20).await, ["x"]);
    assert!(titles(&server, &key.plaintext, &format!("meta.slug={}", long("z")), 20).await.is_empty());
    add(&server, &key.plaintext, &[json!({ "title": long("t") }), json!({ "title": long("s") })]).await;
    for size in [1, 10] {
        let sorted = titles(&server, &key.plaintext, "sort=title", size).await;
        // Alike for as far as the order looks, so by age.
        assert_eq!(sorted, ["x", "y", &long("t"), &long("s")]);
    }
}

async fn a_filter_and_an_order_use_the_fields_index(db: Backend) {
    let server = server(db).await;
    let (tenant, key) = tenant_with_key(&server).await;
    add(&server, &key.plaintext, &[json!({ "title": "a", "rank": 1 }), json!({ "title": "b", "rank": 1 })]).await;
    if db == Backend::Sqlite {
        let index = "SELECT sql AS text FROM sqlite_schema WHERE name LIKE 'documents_by_%' AND sql LIKE '%rank%'";
        let definition = server.database.texts(index).concat();
        let (_, key) = definition.split_once("workspace_id, (").expect("an index of a workspace's documents");
        let (key, _) = key.split_once("), id) WHERE").expect("a key before the id");
        for (condition, order) in [
            ("", format!("ORDER BY ({key}), id")),
            ("", format!("ORDER BY ({key}) DESC, id DESC")),
            (&*format!("AND ({key}) = json_extract('1', '$')"), String::new()),
            (&*format!("AND (({key}), id) > (json_extract('1', '$'), 'doc_')"), format!("ORDER BY ({key}), id")),
        ] {
            let plan = server.database.plan(&format!(
                "SELECT id FROM documents WHERE workspace_id = '{}' AND collection = 'posts' {condition} {order}",
                tenant.workspace_id
            ));
            assert!(plan.contains("USING INDEX documents_by_") && !plan.contains("TEMP B-TREE"), "{plan}");
        }
        return;
    }
    // Two rows are not worth an index, so the planner must not count.
    let name: String = server.database.texts("SELECT current_database()::text AS text").concat();
    server.database.execute(&format!("ALTER DATABASE \"{name}\" SET enable_seqscan = off"));
    server.database.execute(&format!("ALTER DATABASE \"{name}\" SET enable_sort = off"));
    server
        .database
        .connect_as_superuser()
        .batch_execute(include_str!("../../../deploy/leakproof.sql"))
        .expect("it runs");
    let node = server.another(|_| {}).await;
    for query in ["rank=1", "sort=title", "meta.pinned=true", "sort=-rank"] {
        let used =
            "SELECT sum(idx_scan)::text AS text FROM pg_stat_user_indexes WHERE indexrelname LIKE 'documents_by_%'";
        let before = server.database.texts(used);
        node.get(&format!("/v1/posts?{query}")).bearer(&key.plaintext).send().await.expect(200);
        // PostgreSQL's processes report what they did within a second or two.
        until(query, async || server.database.texts(used) != before).await;
    }
}

async fn an_unknown_filter_or_order_is_refused(db: Backend) {
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    for query in [
        "title=a",
        "sort=status",
        "sort=",
        "sort=title&sort=rank",
        "status=a&status=b",
        "meta=x",
        "rank=x",
        "meta.pinned=1",
    ] {
        let refused = server.get(&format!("/v1/posts?{query}")).bearer(&key.plaintext).send().await;
        refused.expect_error(400, "bad_request");
    }
    let refused = server.get("/v1/posts?title=a").bearer(&key.plaintext).send().await;
    let message = refused.text_at("/error/message");
    assert!(message.contains("status, meta.pinned, rank, meta.slug"), "{message}");
}

async fn the_lists_of_a_nested_collection_are_apart(db: Backend) {
    let server = server(db).await;
    let (tenant, key) = tenant_with_key(&server).await;
    let (one, two) = (
        tenant.add_document("/posts", json!({ "post": { "title": "One" } })).await,
        tenant.add_document("/posts", json!({ "post": { "title": "Two" } })).await,
    );
    for (post, author) in [(&one, "Ada"), (&one, "Grace"), (&two, "Ada")] {
        tenant.add_document(&format!("/posts/{post}/remarks"), json!({ "author": author })).await;
    }
    for (path, count) in [("", 2), ("?author=Ada", 1), ("?sort=author", 2)] {
        let path = format!("/v1/posts/{one}/remarks{path}");
        let list = server.get(&path).bearer(&key.plaintext).send().await.expect(200);
        assert_eq!(list.body["data"].as_array().map(Vec::len), Some(count), "{path}");
    }
    let first =
        server.get(&format!("/v1/posts/{one}/remarks?pageSize=1")).bearer(&key.plaintext).send().await.expect(200);
    let cursor = first.text_at("/nextCursor");
    let other = format!("/v1/posts/{two}/remarks?cursor={cursor}");
    server.get(&other).bearer(&key.plaintext).send().await.expect_error(400, "bad_request");
}
