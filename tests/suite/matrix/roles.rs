//! Who may call what.

use super::callers::{Caller, Outcome, Who, outcome};
use super::document::Document;
use super::failures::Failures;
use super::table::{self, Row};
use super::world::{self, World};
use crate::support::dump::dump;
use crate::support::{Backend, tests};

tests![every_route_answers_each_role_and_credential_as_the_table_says];

/// The callers that a row is tried with. `services` tries the backend at the rows of people.
fn callers(row: &Row, who: Who) -> impl Iterator<Item = Caller> {
    let names_an_owner = row.operation == "POST /v1/organizations";
    let is_elsewhere = move |caller: Caller| match caller {
        Caller::BackendToken if who.takes_backends() => who != Who::Backend,
        // A service names an owner, and a person names none: 422, in `services::users`.
        Caller::BackendToken | Caller::ServiceToken => names_an_owner && who == Who::SignedIn,
        _ => names_an_owner && who == Who::Backend && outcome(Who::SignedIn, caller) == Outcome::Success,
    };
    Caller::ALL.into_iter().filter(move |caller| !is_elsewhere(*caller))
}

async fn every_route_answers_each_role_and_credential_as_the_table_says(db: Backend) {
    let server = world::server(db).await;
    let world = World::new(&server).await;
    let document = Document::of(&server).await;
    let mut failures = Failures::default();
    let (mut successes, mut refusals) = (0, 0);
    for row in table::ROWS {
        let operation = document.operation(row.operation);
        let succeeds_at_all = operation.statuses.iter().any(|status| (200..300).contains(status))
            && !table::SUCCEED_ELSEWHERE.contains(&row.operation);
        assert_eq!((200..300).contains(&row.answers), succeeds_at_all, "{}: {}", row.operation, row.answers);
        for who in row.cases() {
            let (allowed, refused): (Vec<_>, Vec<_>) =
                callers(row, who).partition(|caller| outcome(who, *caller) == Outcome::Success);
            assert!(!allowed.is_empty(), "{} is for nobody", row.operation);
            let targets = world.standing(row.target);
            let before = dump(&server.database);
            for caller in refused {
                let Outcome::Refusal(status, code) = outcome(who, caller) else { unreachable!("partitioned") };
                let call = world.call(row, operation, caller, &targets);
                let reply = call.send(&server, format!("{} ({who:?}) as {caller:?}", row.operation)).await;
                failures.cell(reply.unless_error(status, code).or_else(|| {
                    (!operation.statuses.contains(&status)).then(|| reply.fault("the document should have the status"))
                }));
                refusals += 1;
            }
            failures.unless_unchanged(row.operation, &before, &dump(&server.database));
            for caller in allowed {
                let targets = world.fresh(row.target, who, caller).await;
                let call = world.call(row, operation, caller, &targets);
                let reply = call.send(&server, format!("{} ({who:?}) as {caller:?}", row.operation)).await;
                failures.cell(reply.unless(row.answers));
                successes += 1;
            }
        }
    }
    failures.conclude(1265);
    assert!(successes >= 400 && refusals >= 850, "{successes} successes and {refusals} refusals: too few");
}
