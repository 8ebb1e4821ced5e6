//! [`Collector`]: takes traces by OTLP over HTTP, and keeps them.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use prost::Message;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The head and the body of each request.
type Requests = Mutex<Vec<(String, Vec<u8>)>>;

pub struct Collector {
    address: SocketAddr,
    requests: Arc<Requests>,
}

/// A span as it came; ids in hex.
#[derive(Debug)]
pub struct Span {
    pub service: String,
    pub name: String,
    pub kind: String,
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub state: String,
    pub start: u64,
    pub end: u64,
    attributes: Vec<KeyValue>,
}

impl Span {
    fn value(&self, name: &str) -> Option<&Value> {
        value(&self.attributes, name)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name).map(|value| match value {
            Value::StringValue(text) => text.as_str(),
            other => panic!("{name} is {other:?}"),
        })
    }

    pub fn number(&self, name: &str) -> Option<i64> {
        self.value(name).map(|value| match value {
            Value::IntValue(number) => *number,
            other => panic!("{name} is {other:?}"),
        })
    }
}

fn value<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a Value> {
    attributes.iter().find(|attribute| attribute.key == name)?.value.as_ref()?.value.as_ref()
}

impl Collector {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::<Requests>::default();
        let shared = Arc::downgrade(&requests);
        // Ends with the connection that `drop` makes.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Some(requests), Ok(stream)) = (shared.upgrade(), stream) else { break };
                thread::spawn(move || take(stream, &requests));
            }
        });
        Self { address, requests }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The heads of all requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.requests.lock().expect("no panic").iter().map(|(head, _)| head.clone()).collect()
    }

    /// The bodies of all requests so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.requests.lock().expect("no panic").iter().flat_map(|(_, body)| body.clone()).collect()
    }

    /// The spans of all requests so far.
    pub fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        for (head, body) in self.requests.lock().expect("no panic").iter() {
            let request = ExportTraceServiceRequest::decode(body.as_slice());
            for resource in request.unwrap_or_else(|error| panic!("{error}: {head}")).resource_spans {
                let of_resource = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
                let service = match value(&of_resource, "service.name") {
                    Some(Value::StringValue(name)) => name.clone(),
                    other => panic!("service.name is {other:?}"),
                };
                let of_scopes = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
                spans.extend(of_scopes.map(|span| Span {
                    service: service.clone(),
                    kind: span.kind().as_str_name().to_owned(),
                    name: span.name,
                    trace: hex(&span.trace_id),
                    id: hex(&span.span_id),
                    parent: hex(&span.parent_span_id),
                    state: span.trace_state,
                    start: span.start_time_unix_nano,
                    end: span.end_time_unix_nano,
                    attributes: span.attributes,
                }));
            }
        }
        spans
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.requests = Arc::default();
        // Only to wake the listener, which then sees that nobody is left.
        let _ = TcpStream::connect(self.address);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Takes one request, and keeps it before it answers.
fn take(stream: TcpStream, requests: &Requests) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if !matches!(reader.read_line(&mut head), Ok(1..)) {
            return;
        }
    }
    let lines = head.lines().map(str::to_lowercase);
    let length = lines.filter_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).next();
    let mut body = vec![0; length.unwrap_or(0)];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    requests.lock().expect("no panic").push((head, body));
    // A client that has gone away is none of the collector's business.
    let _ = reader.into_inner().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}
