//! [`listen`]: the address, the workers, and connections that end when their clients are too slow.
//!
//! It replaces `actix_web::HttpServer`, which gives no access to its connections: here each one is a [`StallTimeout`].

use crate::base::config;
use crate::infra::process::fd_limit;
use crate::server::expectation::asking_first;
use crate::server::malformed::{Explain, Explained};
use crate::server::slow_client_timeout::StallTimeout;
use crate::server::unread_body::{LINGER, LINGER_BYTES};
use actix_http::{HttpService, Protocol, Request, Response, error::DispatchError};
use actix_server::Server;
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_tls::accept::TlsError;
use actix_tls::accept::rustls_0_23::{Acceptor, TlsStream};
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;
use actix_web::http::StatusCode;
use rustls::ServerConfig;
use std::fmt;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::thread::available_parallelism;
use tokio::net::TcpStream;
use tokio_util::either::Either;

/// The most connections that the system queues until they are accepted.
const BACKLOG: i32 = 1024;

/// Binds the address, and makes a server. `factory` makes the application of each worker. `tls`: if it is configured.
/// `explain` makes the answers to malformed HTTP.
///
/// # Errors
/// A text for the operator.
pub fn listen<F, I, S, B>(
    settings: &config::Server,
    tls: Option<ServerConfig>,
    explain: impl Fn(StatusCode) -> Vec<u8> + Send + Clone + 'static,
    factory: F,
) -> Result<(SocketAddr, Server), String>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let cant = |error: std::io::Error| match error.kind() {
        ErrorKind::AddrInUse => format!(
            "can't listen on {0}: another process uses this address, perhaps a Keyward that still runs. Stop it, or choose \
             another address: --listen ADDRESS, or server.listen",
            settings.listen
        ),
        _ => format!("can't listen on {}: {error}. --listen and server.listen set the address", settings.listen),
    };
    let listener = TcpListener::bind(settings.listen).map_err(cant)?;
    // A second call, because std's queue is shorter.
    rustix::net::listen(&listener, BACKLOG).map_err(|error| cant(error.into()))?;
    let address = listener.local_addr().map_err(cant)?;
    let workers = match settings.workers {
        0 => available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    let connections = fd_limit::room_for_connections(settings.max_connections);
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections((connections / workers).max(1))
        .shutdown_timeout(settings.shutdown_timeout.as_secs())
        // The command line handles signals itself, because it has more to stop than the server.
        .disable_signals();

    let stopping = builder.graceful_shutdown_signal();
    let (header_timeout, keep_alive) = (settings.header_timeout, settings.keep_alive);
    // The longest that a connection may last before its next answer begins.
    let limit = keep_alive + header_timeout + settings.request_timeout;
    // More than a request and its body, and the bytes that are discarded after its answer.
    let most = LINGER_BYTES + (settings.body_limit + settings.header_limit) as u64;
    let http = move || {
        let stopping = stopping.clone();
        let application = factory().into_factory().map_err(|error| Response::from(error.into().error_response()));
        // Only code that makes URLs needs the server's own name, and there is none here.
        let (expectation, application) = asking_first(map_config(application, |_| AppConfig::default()));
        HttpService::build()
            // When the server stops, idle connections are closed at once, and busy ones after the answer.
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(keep_alive)
            .client_request_timeout(header_timeout)
            // How long a refused request's body is read on, and a connection's end is awaited.
            .client_disconnect_timeout(LINGER)
            .local_addr(address)
            .expect(expectation)
            .finish(application)
            .map_err(log_end)
    };
    let builder = match tls {
        None => builder.listen("api", listener, move || {
            let explain: Explain = Rc::new(explain.clone());
            let connected = fn_service(move |stream: TcpStream| {
                let explain = explain.clone();
                async move {
                    let peer = stream.peer_addr().ok();
                    let stream = Explained::new(StallTimeout::new(Either::Left(stream), limit, most), explain);
                    Ok::<_, DispatchError>((stream, Protocol::Http1, peer))
                }
            });
            connected.and_then(http())
        }),
        Some(mut tls) => {
            tls.alpn_protocols.push(b"http/1.1".to_vec());
            builder.listen("api", listener, move || {
                let explain: Explain = Rc::new(explain.clone());
                let connected = move |stream: TlsStream<TcpStream>| {
                    let explain = explain.clone();
                    async move {
                        let peer = stream.get_ref().0.peer_addr().ok();
                        let stream = Explained::new(StallTimeout::new(Either::Right(stream), limit, most), explain);
                        Ok((stream, Protocol::Http1, peer))
                    }
                };
                Acceptor::new(tls.clone())
                    .map_init_err(|_| ())
                    .map_err(TlsError::into_service_error)
                    .and_then(connected)
                    .and_then(http().map_err(TlsError::Service))
            })
        }
    };
    let server = builder.map_err(cant)?.run();
    Ok((address, server))
}

/// Logs the error that ended a connection. Most are the client's: it went away, was too slow, or did not speak HTTP. The
/// framework's own line about each of them, an error, is left out of the log.
fn log_end(error: DispatchError) -> DispatchError {
    match &error {
        DispatchError::Body(_) | DispatchError::InternalError | DispatchError::Service(_) => {
            tracing::warn!(%error, "the connection ended by an error");
        }
        _ => tracing::debug!(%error, "the connection ended by an error"),
    }
    error
}
