//! Turns tests into trials, and runs each one bounded: a panic or a hang fails the test, never the suite.

use super::database::Backend;
use super::environment::Environment;
use super::log;
use libtest_mimic::{Arguments, Failed, Trial};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;
use std::{panic, thread};

/// The longest that a test may take, on a slow and busy machine: it tells a hang from a long matrix.
const LIMIT: Duration = Duration::from_secs(600);
/// How much longer a test may block its thread, where the limit can't interrupt it.
const GRACE: Duration = Duration::from_secs(15);

type Running = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Clone, Copy)]
enum Body {
    OnEachDatabase(fn(Backend) -> Running),
    Once(fn() -> Running),
}

/// A test, as the macros make it.
#[derive(Clone, Copy)]
pub struct Test {
    module: &'static str,
    name: &'static str,
    body: Body,
}

impl Test {
    pub fn on_each_database(module: &'static str, name: &'static str, body: fn(Backend) -> Running) -> Self {
        Self { module, name, body: Body::OnEachDatabase(body) }
    }

    pub fn once(module: &'static str, name: &'static str, body: fn() -> Running) -> Self {
        Self { module, name, body: Body::Once(body) }
    }

    /// One trial, or one for each database: `sqlite::organizations::name`.
    fn trials(self) -> Vec<Trial> {
        let module = self.module.split_once("::").map_or(self.module, |(_, inner)| inner);
        let name = format!("{module}::{}", self.name);
        match self.body {
            Body::Once(body) => vec![trial(name, body)],
            Body::OnEachDatabase(body) => {
                Backend::ALL.map(|backend| trial(format!("{}::{name}", backend.name()), move || body(backend))).into()
            }
        }
    }
}

fn trial(name: String, body: impl FnOnce() -> Running + Send + 'static) -> Trial {
    Trial::test(name.clone(), move || run(name, body))
}

/// Runs the whole suite, and then searches its log.
pub fn main(tests: Vec<Test>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Tests wait more than they compute.
    let parallel = thread::available_parallelism().map_or(2, usize::from) * 2;
    arguments.test_threads.get_or_insert(parallel);
    let trials: Vec<Trial> = tests.into_iter().flat_map(Test::trials).collect();
    if arguments.list {
        return libtest_mimic::run(&arguments, trials).exit_code();
    }
    panic::set_hook(Box::new(remember_panic));
    let environment = match Environment::start() {
        Ok(environment) => environment,
        Err(reason) => {
            eprintln!("The suite can't start: {reason}");
            return ExitCode::FAILURE;
        }
    };
    let suite = libtest_mimic::run(&arguments, trials);
    let whole_run = suite.num_filtered_out == 0 && suite.num_ignored == 0 && !suite.has_failed();
    let search = Trial::test("the_whole_suites_log_contains_no_secret", move || log::search(whole_run));
    let everything = Arguments { filter: None, skip: Vec::new(), exact: false, ignored: false, ..arguments };
    let search = libtest_mimic::run(&everything, vec![search]);
    if suite.has_failed() || search.has_failed() {
        environment.keep_log();
    }
    // Dropped before the exit code is given: this stops PostgreSQL.
    drop(environment);
    if suite.has_failed() { suite.exit_code() } else { search.exit_code() }
}

/// Runs one test on a thread and a runtime of its own.
fn run(name: String, body: impl FnOnce() -> Running + Send + 'static) -> Result<(), Failed> {
    let (sender, outcome) = mpsc::channel();
    let test = move || {
        IS_TEST.set(true);
        let result = catch_unwind(AssertUnwindSafe(|| finish(body)));
        let panicked = || PANIC.take().unwrap_or_else(|| "the test panicked".to_owned());
        // Nobody listens after the limit.
        let _ = sender.send(result.unwrap_or_else(|_| Err(panicked())));
    };
    thread::Builder::new().name(name).spawn(test)?;
    match outcome.recv_timeout(LIMIT + GRACE) {
        Ok(result) => result.map_err(Failed::from),
        Err(_) => Err(format!("still blocking its thread after {} s", (LIMIT + GRACE).as_secs()).into()),
    }
}

fn finish(body: impl FnOnce() -> Running) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let in_time = runtime.block_on(async { tokio::time::timeout(LIMIT, body()).await.is_ok() });
    runtime.shutdown_background();
    if in_time { Ok(()) } else { Err(format!("not done after {} s", LIMIT.as_secs())) }
}

thread_local! {
    static IS_TEST: RefCell<bool> = const { RefCell::new(false) };
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A test's panic is its outcome, and may quote secrets; a server's panic belongs into the log, as in production.
fn remember_panic(panic: &panic::PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("(not text)");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    if IS_TEST.with_borrow(|is_test| *is_test) {
        // The first one is the cause; what panics while unwinding is not.
        PANIC.with_borrow_mut(|first| _ = first.get_or_insert(format!("{place}: {message}")));
    } else {
        tracing::error!(message, place, "panic");
        eprintln!("A thread besides the tests panicked at {place}: {message}");
    }
}
