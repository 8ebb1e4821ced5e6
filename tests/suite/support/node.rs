//! [`Node`]: the real application, in this process, on a thread of its own.

use actix_web::dev::ServerHandle;
use actix_web::rt::System;
use keyward::base::config::Config;
use keyward::base::time::Clock;
use keyward::server::app;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

/// One running application. Dropping it stops it as SIGTERM would.
pub struct Node {
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    /// Starts it, and waits until it listens.
    pub fn start(config: Config, clock: Clock) -> Result<Self, String> {
        let (sender, started) = mpsc::channel();
        let serve = async move {
            match app::build(config, clock).await {
                Ok(application) => {
                    let addresses = (application.address(), application.metrics_address());
                    let running = (addresses, application.handle());
                    if sender.send(Ok(running)).is_ok() {
                        application.run().await.expect("the application ran to its end");
                    }
                }
                Err(reason) => _ = sender.send(Err(reason)),
            }
        };
        let thread = thread::Builder::new()
            .name("node".to_owned())
            .spawn(|| System::new().block_on(serve))
            .map_err(|error| error.to_string())?;
        let ((address, metrics_address), handle) =
            started.recv().map_err(|_| "the application panicked while it started")??;
        Ok(Self { address, metrics_address, handle, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its `/metrics` is, if it has one.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // The command is sent by the call; the future would only wait for the end, as joining the thread does.
        drop(self.handle.stop(true));
        let ended = self.thread.take().map(JoinHandle::join);
        if matches!(ended, Some(Err(_))) && !thread::panicking() {
            panic!("the application panicked; its log says why");
        }
    }
}
