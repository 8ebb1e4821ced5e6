//! [`Connection`]: sends requests, and retries them.

use crate::client::failure::Failure;
use crate::client::refusal::ServerRefusal;
use crate::client::settings::{ConnectionArgs, Settings};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Response, Url};
use std::time::Duration;

/// The longest wait before a retry. If the server asks for more, the command fails and the user decides.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// The limit from the connection to the last byte.
const TIME_LIMIT: Duration = Duration::from_secs(30);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A server, and the settings of its client.
pub struct Connection {
    client: Client,
    settings: Settings,
    authorization: HeaderValue,
    retries: u32,
}

impl Connection {
    /// Reads the flags, the environment and the file. It does not connect yet.
    ///
    /// # Errors
    /// `Usage`, `NotConfigured`, and `Here` for a machine without certificates.
    pub fn new(args: &ConnectionArgs) -> Result<Self, Failure> {
        let settings = Settings::find(args)?;
        let mut builder = Client::builder()
            .user_agent(concat!("keyward/", env!("CARGO_PKG_VERSION")))
            // The API has no redirects; following one could send the key to another server.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .timeout(TIME_LIMIT);
        if settings.url.is_loopback() {
            // Loopback needs neither a proxy nor a certificate.
            builder = builder.no_proxy().tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| Failure::Here(explain(&error)))?;
        let authorization = HeaderValue::from_str(&format!("Bearer {}", settings.key.expose()));
        let mut authorization = authorization.map_err(|error| Failure::Here(error.to_string()))?;
        authorization.set_sensitive(true);
        Ok(Self { client, settings, authorization, retries: args.retries })
    }

    /// Returns the body at a path.
    ///
    /// # Errors
    /// `Refused` and `NoAnswer`.
    pub async fn get(&self, segments: &[&str], query: &[(&str, &str)]) -> Result<String, Failure> {
        let url = self.settings.url.join(segments, query);
        let mut attempt = 0;
        loop {
            let response = self.send(url.clone()).await?;
            if response.status().is_success() {
                return response.text().await.map_err(|error| self.no_answer(&error));
            }
            let refusal = self.refusal(response).await?;
            match self.wait_after(&refusal, attempt) {
                Some(wait) => {
                    eprintln!("keyward: {refusal}\nkeyward: trying again in {} s", wait.as_secs());
                    tokio::time::sleep(wait).await;
                }
                None => return Err(self.explained(refusal)),
            }
            attempt += 1;
        }
    }

    async fn send(&self, url: Url) -> Result<Response, Failure> {
        let mut request = self.client.get(url).header(AUTHORIZATION, self.authorization.clone());
        if let Some(workspace) = self.settings.workspace {
            request = request.header("X-Workspace-Id", workspace.to_string());
        }
        request.send().await.map_err(|error| self.no_answer(&error))
    }

    async fn refusal(&self, response: Response) -> Result<ServerRefusal, Failure> {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(|error| self.no_answer(&error))?;
        Ok(ServerRefusal::read(status, &headers, &body))
    }

    /// Returns how long to wait before the next attempt; `None`: no further attempt.
    fn wait_after(&self, refusal: &ServerRefusal, attempt: u32) -> Option<Duration> {
        if !matches!(refusal.status, 429 | 503) || attempt >= self.retries {
            return None;
        }
        let wait = refusal.retry_after.map_or(1 << attempt, u64::from);
        Some(Duration::from_secs(wait)).filter(|wait| *wait <= MAX_WAIT)
    }

    fn explained(&self, refusal: ServerRefusal) -> Failure {
        let url = &self.settings.url;
        let hint = match (refusal.status, refusal.retry_after) {
            (404, _) if url.has_no_path() => format!("{} has no base path: it usually ends in /v1.", url.as_str()),
            (429 | 503, Some(seconds)) if seconds > 0 => format!("The server says: try again in {seconds} s."),
            _ => return Failure::Refused(refusal),
        };
        Failure::Explained(Box::new(Failure::Refused(refusal)), hint)
    }

    fn no_answer(&self, error: &reqwest::Error) -> Failure {
        let hint = "Is the URL right (KEYWARD_URL, `keyward configure --url`), and does the server run?";
        Failure::NoAnswer(format!("{} does not answer: {}\n{hint}", self.settings.url.as_str(), explain(error)))
    }
}

/// Joins the causes of an error, because reqwest's own message lacks the reason.
fn explain(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}
