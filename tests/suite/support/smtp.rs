//! An SMTP server that keeps what it gets.

use super::secrets;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Lives as long as the suite: its thread ends with the process.
#[derive(Clone)]
pub struct Smtp {
    address: SocketAddr,
    mails: Arc<Mutex<Vec<String>>>,
    /// The mails as they were sent, with their encoding.
    raw: Arc<Mutex<Vec<String>>>,
    /// How many more deliveries are answered with 451.
    refusals: Arc<AtomicUsize>,
}

impl Smtp {
    pub fn start() -> Self {
        Self::keeping(None)
    }

    /// Also writes each mail into a file of this directory: `1.txt`, `2.txt`.
    pub fn keeping(directory: Option<PathBuf>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let smtp = Self {
            address: listener.local_addr().expect("an address"),
            mails: Arc::default(),
            raw: Arc::default(),
            refusals: Arc::default(),
        };
        let server = smtp.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (server, directory) = (server.clone(), directory.clone());
                thread::spawn(move || _ = server.serve(stream, directory));
            }
        });
        smtp
    }

    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Refuses the next deliveries for the moment.
    pub fn refuse(&self, count: usize) {
        self.refusals.store(count, Ordering::SeqCst);
    }

    pub fn count(&self) -> usize {
        self.mails.lock().expect("no panic").len()
    }

    /// The mail of this place, from 1, as soon as it has come.
    pub async fn mail(&self, place: usize) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(mail) = self.mails.lock().expect("no panic").get(place - 1) {
                return mail.clone();
            }
            assert!(Instant::now() < deadline, "mail {place} has not come");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The first mail to this address, as soon as it has come.
    pub async fn mail_to(&self, address: &str) -> String {
        for place in 1.. {
            let mail = self.mail(place).await;
            if mail.contains(&format!("To: {address}")) {
                return mail;
            }
        }
        unreachable!("there is no last place");
    }

    /// A mail that has come, before its encoding was undone.
    pub fn raw(&self, place: usize) -> String {
        self.raw.lock().expect("no panic")[place - 1].clone()
    }

    fn serve(&self, stream: TcpStream, directory: Option<PathBuf>) -> std::io::Result<()> {
        let mut writer = stream.try_clone()?;
        let mut lines = BufReader::new(stream).lines();
        writer.write_all(b"220 test\r\n")?;
        while let Some(line) = lines.next() {
            let verb = line?.to_uppercase();
            if verb.starts_with("DATA") {
                if self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                    writer.write_all(b"451 not now\r\n")?;
                    continue;
                }
                writer.write_all(b"354 go on\r\n")?;
                let mut mail = String::new();
                for line in lines.by_ref() {
                    match line?.as_str() {
                        "." => break,
                        line => mail += &format!("{line}\n"),
                    }
                }
                let raw = mail;
                let mail = decode(&raw);
                // Whether or not a test reads it: what was mailed has no place in the log.
                for name in ["oobCode=", "token="] {
                    if let Some(code) = code_in(&mail, name) {
                        secrets::register(&code);
                    }
                }
                let mut mails = self.mails.lock().expect("no panic");
                mails.push(mail.clone());
                self.raw.lock().expect("no panic").push(raw);
                if let Some(directory) = &directory {
                    std::fs::write(directory.join(format!("{}.txt", mails.len())), mail)?;
                }
            }
            match verb.starts_with("QUIT") {
                true => return writer.write_all(b"221 bye\r\n"),
                false => writer.write_all(b"250 fine\r\n")?,
            }
        }
        Ok(())
    }
}

/// What stands behind this parameter's name in a mail's link.
pub fn code_in(mail: &str, name: &str) -> Option<String> {
    let (_, rest) = mail.split_once(name)?;
    Some(rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect())
}

/// Undoes quoted-printable, where it was used.
fn decode(mail: &str) -> String {
    match mail.contains("quoted-printable") {
        true => mail.replace("=\n", "").replace("=3D", "="),
        false => mail.to_owned(),
    }
}
