//! `keyward get COLLECTION [ID]`, and `keyward COLLECTION [ID]`

use crate::client::connection::Connection;
use crate::client::failure;
use crate::client::failure::Failure;
use crate::client::readable;
use crate::client::settings::ConnectionArgs;
use clap::{Args, Parser};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The page size of `--all`: the server's maximum.
const WHOLE_PAGE: u16 = 100;

/// What to show.
#[derive(Args)]
pub struct GetArgs {
    /// The collection, such as members, or a path such as forms/ID/submissions
    #[arg(value_parser = path)]
    collection: String,
    /// One thing of it
    #[arg(value_parser = segment)]
    id: Option<String>,
    /// How many things at most [the server's default: 20]
    #[arg(long, value_name = "N", conflicts_with = "id", value_parser = clap::value_parser!(u16).range(1..=100))]
    page_size: Option<u16>,
    /// Where to go on: the nextCursor of the page before
    #[arg(long, value_name = "CURSOR", conflicts_with = "id")]
    cursor: Option<String>,
    /// All pages
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// Only things whose field has this value; may be repeated
    #[arg(long = "filter", value_name = "NAME=VALUE", conflicts_with = "id", value_parser = filter)]
    filters: Vec<(String, String)>,
    /// In the order of this field, where the collection has it; `-FIELD` puts the largest first
    #[arg(long, value_name = "FIELD", conflicts_with = "id", allow_hyphen_values = true)]
    sort: Option<String>,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// `keyward WORD …`
#[derive(Parser)]
#[command(name = "keyward", about = "Show a collection, or one thing of it.", after_help = failure::HELP)]
struct Words {
    #[command(flatten)]
    get: GetArgs,
}

/// Parses the words after `keyward`, of which the first is the collection.
///
/// # Errors
/// Clap's, to be printed.
pub fn parse(words: &[String]) -> Result<GetArgs, clap::Error> {
    let words = std::iter::once("keyward").chain(words.iter().map(String::as_str));
    Words::try_parse_from(words).map(|words| words.get)
}

fn path(text: &str) -> Result<String, String> {
    text.split('/').try_for_each(|part| segment(part).map(drop)).map(|()| text.to_owned())
}

/// Accepts a path segment that can't lead out of the path.
fn segment(text: &str) -> Result<String, String> {
    if text.is_empty() || [".", ".."].contains(&text) || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("must be a name without spaces, and no . or ..".to_owned());
    }
    Ok(text.to_owned())
}

fn filter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some(("pageSize" | "cursor" | "sort", _)) => Err("use --page-size, --cursor and --sort".to_owned()),
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must look like NAME=VALUE".to_owned()),
    }
}

/// The server's envelope of a list. Each item stays raw JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'t> {
    #[serde(borrow)]
    data: Vec<&'t RawValue>,
    next_cursor: Option<String>,
}

pub async fn run(args: &GetArgs) -> Result<(), Failure> {
    let connection = Connection::new(&args.connection)?;
    let mut segments: Vec<&str> = args.collection.split('/').collect();
    if let Some(id) = &args.id {
        segments.push(id);
        let body = connection.get(&segments, &[]).await?;
        return readable::print(&if args.connection.json { body } else { readable::record(&body)? });
    }
    let bodies = pages(&connection, &segments, args).await?;
    show(&bodies, args.connection.json)
}

/// Fetches the requested page and, with `--all`, all pages after it.
async fn pages(connection: &Connection, segments: &[&str], args: &GetArgs) -> Result<Vec<String>, Failure> {
    let size = args.page_size.or(args.all.then_some(WHOLE_PAGE)).map(|size| size.to_string());
    let mut cursor = args.cursor.clone();
    let mut bodies = Vec::new();
    loop {
        let mut query: Vec<(&str, &str)> = Vec::new();
        query.extend(args.filters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        query.extend(args.sort.as_deref().map(|field| ("sort", field)));
        query.extend(size.as_deref().map(|size| ("pageSize", size)));
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let body = connection.get(segments, &query).await?;
        let next = if args.all { readable::parse::<Page<'_>>(&body)?.next_cursor } else { None };
        bodies.push(body);
        if next.is_some() && next == cursor {
            return Err(Failure::NoAnswer("the server gives the same page again and again".to_owned()));
        }
        match next {
            Some(next) => cursor = Some(next),
            None => return Ok(bodies),
        }
    }
}

fn show(bodies: &[String], json: bool) -> Result<(), Failure> {
    if let ([body], true) = (bodies, json) {
        return readable::print(body);
    }
    let pages: Vec<Page<'_>> = bodies.iter().map(|body| readable::parse(body)).collect::<Result<_, _>>()?;
    let things: Vec<&str> = pages.iter().flat_map(|page| page.data.iter().map(|thing| thing.get())).collect();
    if json {
        return readable::print(&format!(r#"{{"data":[{}],"nextCursor":null}}"#, things.join(",")));
    }
    if things.is_empty() {
        eprintln!("keyward: there is nothing");
        return Ok(());
    }
    readable::print(&readable::table(&things)?)?;
    if let Some(cursor) = pages.last().and_then(|page| page.next_cursor.as_deref()) {
        eprintln!("keyward: there are more: --cursor {}, or --all", crate::client::plain_text::plain(cursor));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_can_not_lead_out_of_the_api() {
        for text in ["", "/members", "members/", "a//b", "..", "../healthz", "a/./b", "a b", "a\nb"] {
            assert!(path(text).is_err(), "{text:?}");
        }
        assert_eq!(path("forms/frm_1/submissions").as_deref(), Ok("forms/frm_1/submissions"));
    }

    #[test]
    fn a_filter_has_a_name_and_is_no_page() {
        assert_eq!(filter("status=a=b"), Ok(("status".to_owned(), "a=b".to_owned())));
        for text in ["status", "=x", "cursor=x", "pageSize=3", "sort=x"] {
            assert!(filter(text).is_err(), "{text}");
        }
    }
}
