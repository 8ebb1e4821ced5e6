//! Requests that no HTTP library would send: duplicate headers, bytes that are no text, broken framing.

use super::http::Api;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Sends the bytes on a connection of their own, and reads until the server closes it or has sent the whole body.
///
/// The request should say `Connection: close`. Nothing is checked: the framework itself answers what is not HTTP.
pub async fn raw(server: &Api, request: impl Into<Vec<u8>>) -> (StatusCode, HeaderMap, Vec<u8>) {
    let (address, request) = (server.address(), request.into());
    let response = tokio::task::spawn_blocking(move || -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_write_timeout(Some(Duration::from_secs(30)))?;
        // A server that has refused stops reading; its answer counts, not our unsent rest.
        let _ = stream.write_all(&request);
        let mut response = Vec::new();
        match stream.read_to_end(&mut response) {
            Err(error) if response.is_empty() => Err(error),
            _ => Ok(response),
        }
    });
    let response = response.await.expect("reading does not panic").expect("an answer");
    parse(&response).unwrap_or_else(|| panic!("not HTTP: {:?}", String::from_utf8_lossy(&response)))
}

fn parse(response: &[u8]) -> Option<(StatusCode, HeaderMap, Vec<u8>)> {
    let end = response.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&response[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        headers.append(HeaderName::try_from(name).ok()?, HeaderValue::from_str(value.trim()).ok()?);
    }
    Some((status, headers, response[end + 4..].to_vec()))
}
