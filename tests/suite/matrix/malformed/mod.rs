//! What is malformed is refused as documented, completely, and changes nothing.

mod bodies;
mod headers;
mod methods;
mod paths;
mod queries;

use super::document::Operation;
use super::reply::Reply;
use crate::support::harness::Test;

pub fn tests() -> Vec<Test> {
    [bodies::tests(), headers::tests(), methods::tests(), paths::tests(), queries::tests()]
        .into_iter()
        .flatten()
        .collect()
}

/// Statuses of requests that no route takes; the document has them nowhere.
const UNMATCHED: [u16; 2] = [404, 405];

/// What is wrong with the answer to a malformed request, unless it is a complete error of one of these statuses that the
/// document has too.
fn unless_refused(reply: &Reply, operation: &Operation, statuses: &[u16]) -> Option<String> {
    let is_documented = operation.statuses.contains(&reply.status) || UNMATCHED.contains(&reply.status);
    let undocumented = || (!is_documented).then(|| reply.fault("the document should have the status"));
    reply.unless_one_of(statuses).or_else(undocumented)
}

/// The same for routes whose errors have shapes of their own: a documented status that is no fault of the server, JSON.
fn unless_answered(reply: &Reply, operation: &Operation) -> Option<String> {
    if !operation.statuses.contains(&reply.status) || reply.status >= 500 {
        return Some(reply.fault("the document should have the status, and it should be below 500"));
    }
    (!reply.body.is_object()).then(|| reply.fault("should be a JSON object"))
}
