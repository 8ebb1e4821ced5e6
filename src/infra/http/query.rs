//! [`query`]: reads the query of a request. Its errors name the parameter and what it takes.

use crate::base::error::ApiError;
use crate::base::input::plain::plain;
use actix_web::HttpRequest;
use serde::de::DeserializeOwned;

/// Parses the query string. Every parameter of `T` must be optional.
///
/// # Errors
/// `bad_request` with the parameter that is unknown, malformed or sent twice.
pub fn query<T: DeserializeOwned>(req: &HttpRequest) -> Result<T, ApiError> {
    parse(req.query_string())
}

/// [`query`], without the unknown parameters that a proxy appended from its client's request. `client` is the target of
/// that request.
///
/// # Errors
/// Those of [`query`]. A parameter that `T` has is read wherever it comes from, and so refused if it comes twice.
pub fn query_beside<T: DeserializeOwned>(req: &HttpRequest, client: &str, known: &[&str]) -> Result<T, ApiError> {
    let clients = parameters(client.split_once('?').map_or("", |(_, query)| query));
    let is_clients = |name: &String| !known.contains(&name.as_str()) && clients.iter().any(|(other, _)| other == name);
    let all = parameters(req.query_string());
    let own: Vec<&(String, String)> = all.iter().filter(|(name, _)| !is_clients(name)).collect();
    if own.len() == all.len() {
        return query(req);
    }
    parse(&serde_urlencoded::to_string(own).unwrap_or_default())
}

/// Returns whether the query has a parameter of this name.
pub fn has_parameter(req: &HttpRequest, name: &str) -> bool {
    parameters(req.query_string()).iter().any(|(own, _)| own == name)
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ApiError> {
    serde_urlencoded::from_str(text).map_err(|_| explain::<T>(text))
}

/// Splits a query into its parameters, in order.
pub(super) fn parameters(text: &str) -> Vec<(String, String)> {
    // Any text has parameters: an escape that is none stays as it is.
    serde_urlencoded::from_str(text).unwrap_or_default()
}

/// Finds the parameter that is to blame: the one that is wrong on its own, or else the one that comes twice.
fn explain<T: DeserializeOwned>(text: &str) -> ApiError {
    let all = parameters(text);
    for (name, value) in &all {
        let alone = serde_urlencoded::to_string([(name, value)]).unwrap_or_default();
        if let Err(error) = serde_urlencoded::from_str::<T>(&alone) {
            return wrong(name, value, &error.to_string());
        }
    }
    let twice = all.iter().enumerate().find(|(place, (name, _))| all[..*place].iter().any(|(other, _)| other == name));
    twice.map_or_else(|| ApiError::bad_request("The query is not understood."), |(_, (name, _))| repeated(name))
}

/// The error of a parameter that comes twice.
pub(super) fn repeated(name: &str) -> ApiError {
    ApiError::bad_parameter(name, "is sent more than once")
}

/// Translates the parser's words about one parameter. Words of a type's own parser stay.
fn wrong(name: &str, value: &str, reason: &str) -> ApiError {
    if reason.starts_with("unknown field") {
        let known: Vec<&str> = reason.split('`').skip(3).step_by(2).collect();
        let message = match known.is_empty() {
            true => "is not known here; there are no parameters".to_owned(),
            false => format!("is not known here; the parameters are {}", known.join(", ")),
        };
        return ApiError::bad_parameter(name, message);
    }
    let reason = plain(reason);
    let reason = reason.strip_prefix(name).map_or(reason.as_str(), str::trim_start);
    // A plus that was not escaped arrives as a blank.
    let plus = if value.contains(' ') && reason.contains("RFC 3339") { "; in a query, + is written %2B" } else { "" };
    ApiError::bad_parameter(name, format!("{reason}{plus}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Timestamp;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Asked {
        page_size: Option<String>,
        from: Option<Timestamp>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    fn told<T: DeserializeOwned>(text: &str) -> String {
        explain::<T>(text).message.into_owned()
    }

    #[test]
    fn the_parameter_to_blame_is_named_with_what_it_takes() {
        let rfc = "must be an RFC 3339 time, such as 2030-01-31T12:00:00Z";
        assert_eq!(told::<Asked>("limit=5"), "limit: is not known here; the parameters are pageSize, from");
        assert_eq!(told::<Nothing>("a=5"), "a: is not known here; there are no parameters");
        assert_eq!(told::<Asked>("pageSize=1&from=x"), format!("from: {rfc}"));
        let plus = "from=2026-01-01T00:00:00+05:30";
        assert_eq!(told::<Asked>(plus), format!("from: {rfc}; in a query, + is written %2B"));
        assert_eq!(told::<Asked>("from=2026-01-01T00:00:00Z&from=x"), format!("from: {rfc}"));
        assert_eq!(told::<Asked>("pageSize=1&pageSize=2"), "pageSize: is sent more than once");
        assert_eq!(told::<Asked>("=1"), "query: is not known here; the parameters are pageSize, from");
    }
}
