//! [`StallTimeout`]: a connection that ends when its client stalls, or sends far more than a request may be.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A connection that ends when its client takes longer than `limit`, at most twice as long, to send the rest of a
/// request or to take more of an answer.
///
/// actix bounds how long the first request's headers take, and how long a connection is idle between two requests. It
/// bounds neither the headers of a second request once a byte of it has arrived, nor an answer that the client does not
/// read. A write counts as progress, because each request is answered within `server.request_timeout`.
///
/// It also ends once the client has sent `most` bytes without an answer in between: then it sends on after its answer,
/// or what it sends is discarded.
///
/// Cost: one timer for each connection. A request sets one flag, and reads another.
pub(super) struct StallTimeout<IO> {
    io: IO,
    limit: Duration,
    most: u64,
    /// The bytes that were read since something was written.
    unanswered: u64,
    timer: Pin<Box<Sleep>>,
    /// Whether the timer wakes the connection's task.
    is_watched: bool,
    /// Whether something was written since the timer was set.
    has_written: bool,
}

impl<IO> StallTimeout<IO> {
    pub(super) fn new(io: IO, limit: Duration, most: u64) -> Self {
        Self { io, limit, most, unanswered: 0, timer: Box::pin(sleep(limit)), is_watched: false, has_written: false }
    }

    /// Returns whether the client has stalled for too long. Called while the connection waits.
    fn has_run_out(&mut self, cx: &mut Context<'_>) -> bool {
        if self.is_watched && !self.timer.is_elapsed() {
            return false;
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            if !std::mem::take(&mut self.has_written) {
                return true;
            }
            self.timer.as_mut().reset(Instant::now() + self.limit);
        }
        self.is_watched = true;
        false
    }

    fn unless_run_out<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_pending() && self.has_run_out(cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        outcome
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for StallTimeout<IO> {
    /// After a stall, and after too many bytes, reports the end of the stream, as if the client had closed the connection.
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.unanswered > this.most {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let outcome = Pin::new(&mut this.io).poll_read(cx, buf);
        this.unanswered += (buf.filled().len() - before) as u64;
        if outcome.is_pending() && this.has_run_out(cx) {
            return Poll::Ready(Ok(()));
        }
        outcome
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for StallTimeout<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.io).poll_write(cx, buf);
        let written = ready!(this.unless_run_out(cx, outcome))?;
        (this.has_written, this.unanswered) = (true, 0);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        let written = ready!(this.unless_run_out(cx, outcome))?;
        (this.has_written, this.unanswered) = (true, 0);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.io).poll_flush(cx);
        this.unless_run_out(cx, outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.io).poll_shutdown(cx);
        this.unless_run_out(cx, outcome)
    }
}
