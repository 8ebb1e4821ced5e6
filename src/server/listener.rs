//! [`listen`]: the address, the workers, and connections that end when their clients are too slow.
//!
//! It replaces `actix_web::HttpServer`, which gives no access to its connections: here each one is a [`StallTimeout`].

use crate::base::config;
use crate::infra::process::fd_limit;
use crate::server::slow_client_timeout::StallTimeout;
use actix_http::{HttpService, Protocol, Request, Response, error::DispatchError};
use actix_server::Server;
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_tls::accept::TlsError;
use actix_tls::accept::rustls_0_23::{Acceptor, TlsStream};
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;
use rustls::ServerConfig;
use std::fmt;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::thread::available_parallelism;
use tokio::net::TcpStream;
use tokio_util::either::Either;

/// The most connections that the system queues until they are accepted.
const BACKLOG: i32 = 1024;

/// Binds the address, and makes a server. `factory` makes the application of each worker. `tls`: if it is configured.
///
/// # Errors
/// A text for the operator.
pub fn listen<F, I, S, B>(
    settings: &config::Server,
    tls: Option<ServerConfig>,
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
    let http = move || {
        let stopping = stopping.clone();
        let application = factory().into_factory().map_err(|error| error.into().error_response());
        HttpService::build()
            // When the server stops, idle connections are closed at once, and busy ones after the answer.
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(keep_alive)
            .client_request_timeout(header_timeout)
            .local_addr(address)
            // Only code that makes URLs needs the server's own name, and there is none here.
            .finish(map_config(application, |_| AppConfig::default()))
    };
    let builder = match tls {
        None => builder.listen("api", listener, move || {
            let connected = fn_service(move |stream: TcpStream| async move {
                let peer = stream.peer_addr().ok();
                Ok::<_, DispatchError>((StallTimeout::new(Either::Left(stream), limit), Protocol::Http1, peer))
            });
            connected.and_then(http())
        }),
        Some(mut tls) => {
            tls.alpn_protocols.push(b"http/1.1".to_vec());
            builder.listen("api", listener, move || {
                let connected = move |stream: TlsStream<TcpStream>| async move {
                    let peer = stream.get_ref().0.peer_addr().ok();
                    Ok((StallTimeout::new(Either::Right(stream), limit), Protocol::Http1, peer))
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
