//! Clients that ask all the time, each on a connection that stays open, whether each key is good; and clients that write
//! with each key, whose bodies trickle.

use super::ledger::{Access, Probe, Seen};
use super::random::Random;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What a writer's `permissions` in `GET /whoami` have and a reader's have not.
const WRITE: &str = "\"content:write\"";
/// What a key that was good may be refused with.
const REFUSALS: [&str; 5] =
    ["api_key_revoked", "api_key_disabled", "api_key_orphaned", "invalid_api_key", "subscription_inactive"];
/// What a reader is refused with that writes.
const READS_ONLY: &str = "insufficient_permission";
/// The longest time between the first byte of a body and the rest, in milliseconds.
const TRICKLE: u64 = 400;
/// Longer than a node is ever stopped.
const PATIENCE: Duration = Duration::from_secs(15);

/// Every key there ever was.
#[derive(Default)]
pub struct Board {
    probes: Mutex<Vec<Arc<Probe>>>,
}

impl Board {
    /// A key that the load asks for from now on.
    pub fn add(&self, probe: &Arc<Probe>) {
        self.probes.lock().expect("no panic").push(probe.clone());
    }

    /// Every key, for the verdict.
    pub fn all(&self) -> Vec<Arc<Probe>> {
        self.probes.lock().expect("no panic").clone()
    }
}

/// The clients. They stop when this is dropped.
pub struct Load {
    over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// So many clients for each node.
    pub fn start(nodes: &[SocketAddr], clients_each: usize, board: &Arc<Board>) -> Self {
        let over = Arc::<AtomicBool>::default();
        let mut clients = Vec::new();
        for (node, address) in nodes.iter().enumerate() {
            for _ in 0..clients_each {
                let (over, board, address) = (over.clone(), board.clone(), *address);
                clients.push(thread::spawn(move || run(node, address, &board, &over)));
            }
        }
        Self { over, clients }
    }

    /// Adds so many clients for each node that write to the nodes' collection, with bodies that trickle.
    pub fn write_slowly(&mut self, nodes: &[SocketAddr], clients_each: usize, board: &Arc<Board>) {
        for client in 0..nodes.len() * clients_each {
            let node = client % nodes.len();
            let (over, board, address) = (self.over.clone(), board.clone(), nodes[node]);
            let random = Random::new(client as u64);
            self.clients.push(thread::spawn(move || write_slowly((node, address), random, &board, &over)));
        }
    }

    /// Waits for the last answers.
    pub fn stop(&mut self) {
        self.over.store(true, Relaxed);
        self.clients.drain(..).for_each(|client| client.join().expect("no client panicked"));
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
    }
}

fn run(node: usize, address: SocketAddr, board: &Board, over: &AtomicBool) {
    let mut connection = None;
    loop {
        for probe in board.all().iter().filter(|probe| probe.is_asked()) {
            if over.load(Relaxed) {
                return;
            }
            let sent = Instant::now();
            let seen = match ask(&mut connection, address, &probe.credential) {
                Ok((status, body)) => read(status, &body),
                Err(_) => {
                    connection = None;
                    // A node that is away is not asked as fast as one can.
                    thread::sleep(Duration::from_millis(5));
                    Seen::Nothing
                }
            };
            probe.note(node, sent, seen);
        }
        // The machine has other things to do, too.
        thread::sleep(Duration::from_millis(3));
    }
}

/// Writes with each key in turn.
fn write_slowly((node, address): (usize, SocketAddr), mut random: Random, board: &Board, over: &AtomicBool) {
    while !over.load(Relaxed) {
        for probe in board.all().iter().filter(|probe| probe.is_asked()) {
            if over.load(Relaxed) {
                return;
            }
            let sent = Instant::now();
            let pause = Duration::from_millis(random.below(TRICKLE));
            match trickle(address, &probe.credential, pause) {
                Ok((rest_sent, status, body)) => probe.note_trickle(node, sent, rest_sent, written(status, &body)),
                Err(_) => {
                    probe.note(node, sent, Seen::Nothing);
                    thread::sleep(Duration::from_millis(5));
                }
            }
        }
        thread::sleep(Duration::from_millis(3));
    }
}

fn written(status: u16, body: &str) -> Seen {
    match status {
        201 => Seen::Access(Access::Writes),
        403 if body.contains(READS_ONLY) => Seen::Access(Access::Reads),
        401 | 403 if REFUSALS.iter().any(|code| body.contains(code)) => Seen::Access(Access::Refused),
        503 => Seen::Nothing,
        _ => Seen::Strange(format!("{status} {body}")),
    }
}

/// Sends headers and a byte of a new note, and the rest after a pause. Returns when the rest was sent, and the answer.
fn trickle(address: SocketAddr, credential: &str, pause: Duration) -> io::Result<(Instant, u16, String)> {
    const NOTE: &str = "{\"text\":\"slow\"}";
    let mut stream = connect(address)?;
    let head = format!(
        "POST /v1/notes HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer {credential}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        NOTE.len()
    );
    let (first, rest) = NOTE.split_at(1);
    stream.get_mut().write_all(format!("{head}{first}").as_bytes())?;
    thread::sleep(pause);
    let rest_sent = Instant::now();
    // A node that has refused may read no more; its answer counts.
    let _ = stream.get_mut().write_all(rest.as_bytes());
    let (status, body) = receive(&mut stream)?;
    Ok((rest_sent, status, body))
}

fn read(status: u16, body: &str) -> Seen {
    match status {
        200 if body.contains(WRITE) => Seen::Access(Access::Writes),
        200 => Seen::Access(Access::Reads),
        401 | 403 if REFUSALS.iter().any(|code| body.contains(code)) => Seen::Access(Access::Refused),
        503 => Seen::Nothing,
        _ => Seen::Strange(format!("{status} {body}")),
    }
}

fn ask(
    connection: &mut Option<BufReader<TcpStream>>,
    address: SocketAddr,
    credential: &str,
) -> io::Result<(u16, String)> {
    if connection.is_none() {
        *connection = Some(connect(address)?);
    }
    let Some(stream) = connection else { return Err(io::ErrorKind::NotConnected.into()) };
    let request = format!("GET /v1/whoami HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer {credential}\r\n\r\n");
    stream.get_mut().write_all(request.as_bytes())?;
    receive(stream)
}

fn connect(address: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(stream))
}

/// Reads one answer: status and body.
fn receive(stream: &mut BufReader<TcpStream>) -> io::Result<(u16, String)> {
    let (mut line, mut status, mut length) = (String::new(), None, 0);
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = line.trim_end().to_ascii_lowercase();
        if text.is_empty() {
            break;
        }
        if status.is_none() {
            status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        }
        if let Some(value) = text.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let status = status.ok_or(io::ErrorKind::InvalidData)?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
