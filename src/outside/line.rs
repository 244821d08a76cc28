//! One way to one address of a server: UDP or TCP, one question after the other.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use hickory_proto::op::{Edns, Message, MessageType, Query};
use hickory_proto::rr::{Name, RecordType};

/// Larger answers come over TCP: what fits everywhere without fragments (dnsflagday.net/2020).
const UDP_PAYLOAD: u16 = 1232;

/// UDP or TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// One packet there, one back.
    Udp,
    /// A connection.
    Tcp,
}

impl Transport {
    /// As in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        }
    }
}

/// How long a server gets to answer.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For one try.
    pub wait: Duration,
    /// Over UDP, where packets get lost.
    pub tries: u32,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { wait: Duration::from_millis(1500), tries: 3 }
    }
}

/// A question.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) name: Name,
    pub(super) kind: RecordType,
    /// Whether the server shall ask others for the answer.
    pub(super) recursion: bool,
}

impl Question {
    /// Asks a server for what it knows itself, with signatures.
    pub(super) fn plain(name: &Name, kind: RecordType) -> Question {
        Question { name: name.clone(), kind, recursion: false }
    }

    /// Asks a resolver.
    pub(super) fn recursive(name: &Name, kind: RecordType) -> Question {
        Question { recursion: true, ..Question::plain(name, kind) }
    }

    pub(super) fn message(&self) -> Message {
        let mut message = Message::query();
        message.metadata.recursion_desired = self.recursion;
        message.add_query(Query::query(self.name.clone(), self.kind));
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_PAYLOAD).set_version(0).set_dnssec_ok(true);
        message.set_edns(edns);
        message
    }
}

/// A way to a server. Over TCP the connection is kept, and made anew once when the server has closed it.
#[derive(Debug)]
pub(super) struct Line {
    address: SocketAddr,
    patience: Patience,
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Line {
    /// # Errors
    /// Why there is no way, in words.
    pub(super) fn open(address: SocketAddr, transport: Transport, patience: Patience) -> Result<Line, String> {
        let socket = match transport {
            Transport::Udp => udp(address, patience).map(Socket::Udp),
            Transport::Tcp => tcp(address, patience).map(Socket::Tcp),
        };
        Ok(Line { address, patience, socket: socket.map_err(|error| said(&error, patience))? })
    }

    /// Asks and returns the answer to this question and no other.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub(super) fn ask(&mut self, question: &Question) -> Result<Message, String> {
        let query = question.message();
        let bytes = query.to_vec().map_err(|error| format!("the question cannot be written: {error}"))?;
        let fits = |answer: &[u8]| answers(&query, answer);
        let answer = match &mut self.socket {
            Socket::Udp(socket) => over_udp(socket, &bytes, self.patience, fits),
            Socket::Tcp(stream) => match over_tcp(stream, &bytes, fits) {
                Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe) => {
                    tcp(self.address, self.patience).and_then(|new| {
                        *stream = new;
                        over_tcp(stream, &bytes, fits)
                    })
                }
                answer => answer,
            },
        };
        answer.map_err(|error| said(&error, self.patience))
    }
}

/// Asks over UDP, and over TCP when the answer is too large.
///
/// # Errors
/// Why there is no answer, in words.
pub(super) fn ask_once(address: SocketAddr, question: &Question, patience: Patience) -> Result<Message, String> {
    let answer = Line::open(address, Transport::Udp, patience)?.ask(question)?;
    if answer.truncation { Line::open(address, Transport::Tcp, patience)?.ask(question) } else { Ok(answer) }
}

fn udp(address: SocketAddr, patience: Patience) -> io::Result<UdpSocket> {
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any)?;
    // Connected: only this server's packets come in, and "port closed" is told at once.
    socket.connect(address)?;
    socket.set_read_timeout(Some(patience.wait))?;
    Ok(socket)
}

/// A connection to a server, whose reads and writes are bounded.
pub(super) fn tcp(address: SocketAddr, patience: Patience) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, patience.wait)?;
    stream.set_read_timeout(Some(patience.wait))?;
    stream.set_write_timeout(Some(patience.wait))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn over_udp(
    socket: &UdpSocket,
    question: &[u8],
    patience: Patience,
    fits: impl Fn(&[u8]) -> Option<io::Result<Message>>,
) -> io::Result<Message> {
    let mut buffer = [0; 4096];
    let mut last = io::Error::from(ErrorKind::TimedOut);
    for _ in 0..patience.tries.max(1) {
        let began = Instant::now();
        if let Err(error) = socket.send(question) {
            last = error;
            continue;
        }
        // What answers an earlier question is passed over, for as long as this one may take.
        while began.elapsed() < patience.wait {
            match socket.recv(&mut buffer) {
                Ok(length) => match fits(&buffer[..length]) {
                    Some(answer) => return answer,
                    None => continue,
                },
                Err(error) => {
                    last = error;
                    break;
                }
            }
        }
        if last.kind() == ErrorKind::ConnectionRefused {
            break;
        }
    }
    Err(last)
}

fn over_tcp(
    stream: &mut TcpStream,
    question: &[u8],
    fits: impl Fn(&[u8]) -> Option<io::Result<Message>>,
) -> io::Result<Message> {
    send(stream, question)?;
    let answer = receive(stream)?;
    fits(&answer).unwrap_or_else(|| Err(io::Error::new(ErrorKind::InvalidData, "answers another question")))
}

/// Sends a message with its length before it (RFC 1035, 4.2.2).
pub(super) fn send(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| io::Error::from(ErrorKind::InvalidInput))?;
    stream.write_all(&[&length.to_be_bytes()[..], message].concat())
}

/// Receives one message.
pub(super) fn receive(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    Ok(message)
}

/// The message if it answers the query; `None` when it belongs to something else.
fn answers(query: &Message, bytes: &[u8]) -> Option<io::Result<Message>> {
    let message = match Message::from_vec(bytes) {
        Ok(message) => message,
        Err(error) => return Some(Err(io::Error::new(ErrorKind::InvalidData, format!("is not DNS: {error}")))),
    };
    let ours = message.id == query.id && message.message_type == MessageType::Response;
    // A server that refuses a malformed question may leave it out.
    (ours && (message.queries == query.queries || message.queries.is_empty())).then_some(Ok(message))
}

/// What went wrong, as a technician says it.
pub(super) fn said(error: &io::Error, patience: Patience) -> String {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => {
            format!("no answer within {:.1} s", patience.wait.as_secs_f32())
        }
        ErrorKind::ConnectionRefused => "nothing listens there".to_string(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            "closes the connection without an answer".to_string()
        }
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "there is no way to it from here".to_string(),
        ErrorKind::InvalidData => format!("what it answers {error}"),
        _ => error.to_string(),
    }
}
