//! [`Explained`]: a connection whose answers to malformed HTTP have a body.
//!
//! The framework answers what it can't parse by itself, before there is a request, and without a body. Such an answer is
//! recognized by its first bytes: no answer of Keyward's is an error without a body.

use actix_web::http::StatusCode;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Makes the answer to what is not HTTP, with its status line and its headers.
pub(super) type Explain = Rc<dyn Fn(StatusCode) -> Vec<u8>>;

/// The statuses of malformed HTTP: what can't be parsed, and headers that are too large.
const STATUSES: [StatusCode; 2] = [StatusCode::BAD_REQUEST, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE];

/// A connection whose answers to malformed HTTP have a body.
pub(super) struct Explained<IO> {
    io: IO,
    explain: Explain,
    /// The answer that is written instead, and how much of it is written.
    instead: Option<(Vec<u8>, usize)>,
}

impl<IO> Explained<IO> {
    pub(super) fn new(io: IO, explain: Explain) -> Self {
        Self { io, explain, instead: None }
    }
}

/// Returns the status of an answer that the framework made by itself.
fn unexplained(answer: &[u8]) -> Option<StatusCode> {
    let rest = answer.strip_prefix(b"HTTP/1.1 4")?;
    STATUSES.into_iter().find(|status| {
        let line =
            format!("{} {}\r\ncontent-length: 0\r\n", &status.as_str()[1..], status.canonical_reason().unwrap_or(""));
        rest.starts_with(line.as_bytes())
    })
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Explained<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.instead.is_none() {
            this.instead = unexplained(buf).map(|status| ((this.explain)(status), 0));
        }
        let Some((answer, written)) = &mut this.instead else { return Pin::new(&mut this.io).poll_write(cx, buf) };
        while *written < answer.len() {
            match ready!(Pin::new(&mut this.io).poll_write(cx, &answer[*written..]))? {
                0 => return Poll::Ready(Ok(0)),
                some => *written += some,
            }
        }
        this.instead = None;
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Explained<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(cx, buf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_frameworks_own_refusals_are_recognized() {
        let bad = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
        assert_eq!(unexplained(bad), Some(StatusCode::BAD_REQUEST));
        let large = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(unexplained(large), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
        for other in ["HTTP/1.1 400 Bad Request\r\ncontent-length: 12\r\n", "HTTP/1.1 204 No Content\r\n", "HTTP/1.1 4"]
        {
            assert_eq!(unexplained(other.as_bytes()), None);
        }
    }
}
