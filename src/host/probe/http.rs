//! As much of HTTP/1.1 as it takes to ask a daemon one question (RFC 9112).

use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};

use crate::pki::printable;

/// What an answer may have before its body, in octets.
const MAX_HEAD: u64 = 64 << 10;
/// What a body may have, in octets.
const MAX_BODY: u64 = 8 << 20;
/// How much of a foreign text is shown to a person, in characters.
const MAX_SHOWN: usize = 160;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    /// The first line, for a person to read.
    pub(super) status_line: String,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Error {
    /// The connection failed, or ended too soon.
    Io(io::Error),
    /// What came is not HTTP.
    NotHttp { found: String },
    /// What came is longer than any honest answer.
    TooLong,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(cause) => f.write_str(&crate::host::error::words(cause)),
            Self::NotHttp { found } => write!(f, "its answer is not HTTP: `{found}`"),
            Self::TooLong => f.write_str("its answer is too long"),
        }
    }
}

impl From<io::Error> for Error {
    fn from(cause: io::Error) -> Self {
        Self::Io(cause)
    }
}

/// The octets that ask for a path.
pub(super) fn request(host: &str, path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\n\
         Host: {host}\r\n\
         User-Agent: dockpki/{}\r\n\
         Connection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    )
    .into_bytes()
}

/// Asks for a path and reads the answer.
pub(super) fn get<S: Read + Write>(
    stream: &mut S,
    host: &str,
    path: &str,
) -> Result<Response, Error> {
    stream.write_all(&request(host, path))?;
    stream.flush()?;
    read(stream)
}

/// Foreign octets for a person to read, cut short.
pub(super) fn shown(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    let text = text.trim();
    let mut out = printable(&text.chars().take(MAX_SHOWN).collect::<String>());
    if text.chars().nth(MAX_SHOWN).is_some() {
        out.push('…');
    }
    out
}

fn read(stream: impl Read) -> Result<Response, Error> {
    let mut reader = BufReader::new(stream);
    let mut room = MAX_HEAD;
    loop {
        let (status, status_line) = read_status(&mut reader, &mut room)?;
        let length = read_headers(&mut reader, &mut room)?;
        // Informational answers come before the one that counts (RFC 9110, section 15.2).
        if (100..200).contains(&status) {
            continue;
        }
        let body = match (status, length) {
            (204 | 304, _) => Vec::new(),
            (_, Length::Known(length)) => read_exactly(&mut reader, length)?,
            (_, Length::Chunked) => read_chunks(&mut reader, &mut room)?,
            (_, Length::ToTheEnd) => read_to_end(&mut reader)?,
        };
        return Ok(Response {
            status,
            status_line,
            body,
        });
    }
}

/// How a body ends (RFC 9112, section 6.3).
#[derive(Clone, Copy)]
enum Length {
    Known(u64),
    Chunked,
    ToTheEnd,
}

fn read_status(reader: &mut impl BufRead, room: &mut u64) -> Result<(u16, String), Error> {
    let line = read_line(reader, room)?;
    match status_of(&line) {
        Some(status) => Ok((status, shown(&line))),
        None => Err(not_http(&line)),
    }
}

/// The code of a status line: `HTTP/1.1 200 OK` (RFC 9112, section 4).
fn status_of(line: &[u8]) -> Option<u16> {
    let code = match line.strip_prefix(b"HTTP/1.")? {
        [b'0'..=b'9', b' ', code @ ..] => code,
        _ => return None,
    };
    let code = match code {
        [a, b, c] | [a, b, c, b' ', ..] => [*a, *b, *c],
        _ => return None,
    };
    number(&code, 10).and_then(|code| u16::try_from(code).ok())
}

fn read_headers(reader: &mut impl BufRead, room: &mut u64) -> Result<Length, Error> {
    let mut length = Length::ToTheEnd;
    loop {
        let line = read_line(reader, room)?;
        if line.is_empty() {
            return Ok(length);
        }
        let colon = line.iter().position(|octet| *octet == b':');
        let (name, value) = line.split_at(colon.ok_or_else(|| not_http(&line))?);
        let value = value[1..].trim_ascii();
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            // The last coding ends the body; of others we asked for none.
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(not_http(&line));
            }
            length = Length::Chunked;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let known = number(value, 10).ok_or_else(|| not_http(&line))?;
            length = match length {
                // Chunks count, whatever the length says.
                Length::Chunked => Length::Chunked,
                Length::Known(other) if other != known => return Err(not_http(&line)),
                Length::Known(_) | Length::ToTheEnd => Length::Known(known),
            };
        }
    }
}

/// The next line without its end, CRLF or LF.
fn read_line(reader: &mut impl BufRead, room: &mut u64) -> Result<Vec<u8>, Error> {
    let mut line = Vec::new();
    let count = reader.take(*room).read_until(b'\n', &mut line)?;
    *room = room.saturating_sub(count as u64);
    match line.pop() {
        Some(b'\n') => {}
        _ if *room == 0 => return Err(Error::TooLong),
        _ => return Err(cut_short()),
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(line)
}

fn read_exactly(reader: &mut impl BufRead, length: u64) -> Result<Vec<u8>, Error> {
    if length > MAX_BODY {
        return Err(Error::TooLong);
    }
    // Not reserved by what the other side says, but grown by what it sends.
    let mut body = Vec::new();
    let count = reader.take(length).read_to_end(&mut body)?;
    match count as u64 == length {
        true => Ok(body),
        false => Err(cut_short()),
    }
}

/// Chunks up to the empty one (RFC 9112, section 7.1); what comes after it does not matter.
fn read_chunks(reader: &mut impl BufRead, room: &mut u64) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    loop {
        let line = read_line(reader, room)?;
        let size = line.split(|octet| *octet == b';').next();
        let size = size.and_then(|size| number(size.trim_ascii(), 16));
        let size = size.ok_or_else(|| not_http(&line))?;
        if size == 0 {
            return Ok(body);
        }
        if size > MAX_BODY - body.len() as u64 {
            return Err(Error::TooLong);
        }
        body.extend(read_exactly(reader, size)?);
        let end = read_line(reader, room)?;
        if !end.is_empty() {
            return Err(not_http(&end));
        }
    }
}

fn read_to_end(reader: &mut impl BufRead) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    let count = reader.take(MAX_BODY + 1).read_to_end(&mut body)?;
    match count as u64 > MAX_BODY {
        true => Err(Error::TooLong),
        false => Ok(body),
    }
}

fn number(digits: &[u8], radix: u32) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok()?;
    // `from_str_radix` takes a sign, HTTP none.
    let plain = digits.bytes().all(|digit| digit.is_ascii_alphanumeric());
    plain.then(|| u64::from_str_radix(digits, radix).ok())?
}

fn not_http(line: &[u8]) -> Error {
    Error::NotHttp { found: shown(line) }
}

fn cut_short() -> Error {
    Error::Io(ErrorKind::UnexpectedEof.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(answer: &str) -> Result<String, Error> {
        read(answer.as_bytes()).map(|response| String::from_utf8(response.body).unwrap())
    }

    fn refusal(answer: &str) -> String {
        read(answer.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn asks_as_a_server_expects() {
        let request = String::from_utf8(request("[::1]", "/_ping")).unwrap();
        assert!(request.starts_with("GET /_ping HTTP/1.1\r\nHost: [::1]\r\n"));
        assert!(request.ends_with("\r\nConnection: close\r\n\r\n"));
    }

    #[test]
    fn reads_a_body_of_known_length() {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK and no more";
        let response = read(answer.as_bytes()).unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(response.status_line, "HTTP/1.1 200 OK");
        assert_eq!(response.body, b"OK");
    }

    #[test]
    fn reads_a_body_in_chunks() {
        let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                      4\r\n{\"a\"\r\nA ;x=y\r\n: 12345678\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n";
        assert_eq!(body(answer).unwrap(), "{\"a\": 12345678}");
    }

    #[test]
    fn chunks_count_whatever_the_length_says() {
        for headers in [
            "Content-Length: 1\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 1",
        ] {
            let answer = format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n2\r\nOK\r\n0\r\n\r\n");
            assert_eq!(body(&answer).unwrap(), "OK");
        }
    }

    #[test]
    fn reads_a_body_to_the_end() {
        assert_eq!(body("HTTP/1.0 200 OK\n\nall of it").unwrap(), "all of it");
    }

    #[test]
    fn an_answer_without_content_has_no_body() {
        assert_eq!(body("HTTP/1.1 204 No Content\r\n\r\nx").unwrap(), "");
    }

    #[test]
    fn an_informational_answer_is_not_the_answer() {
        let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(read(answer.as_bytes()).unwrap().status, 403);
    }

    #[test]
    fn a_body_cut_short_is_no_body() {
        for answer in [
            "",
            "HTTP/1.1 20",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nOK",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nOK",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n",
        ] {
            let error = read(answer.as_bytes()).unwrap_err();
            let cut =
                matches!(&error, Error::Io(cause) if cause.kind() == ErrorKind::UnexpectedEof);
            assert!(cut, "{answer:?}: {error:?}");
        }
    }

    #[test]
    fn refuses_what_is_not_http() {
        for line in [
            "SSH-2.0-OpenSSH_9.2",
            "HTTP/2 200 OK",
            "HTTP/1.1 +20 OK",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1\t200 OK",
        ] {
            let wanted = format!("its answer is not HTTP: `{}`", printable(line));
            assert_eq!(refusal(&format!("{line}\r\n\r\n")), wanted);
        }
        for header in [
            "no colon",
            "Content-Length: -1",
            "Content-Length: +1",
            "Content-Length: 1, 1",
            "Content-Length:",
            "Content-Length: 1\r\nContent-Length: 2",
            "Transfer-Encoding: gzip, chunked",
        ] {
            let last = header.lines().last().unwrap();
            let wanted = format!("its answer is not HTTP: `{last}`");
            assert_eq!(
                refusal(&format!("HTTP/1.1 200 OK\r\n{header}\r\n\r\nx")),
                wanted
            );
        }
        for chunk in ["x", "-1", "", " ", "2\r\nOK!"] {
            let chunks = format!("{chunk}\r\n\r\n");
            let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
            assert!(refusal(&answer).contains("is not HTTP"), "{chunk:?}");
        }
    }

    #[test]
    fn refuses_what_has_no_end() {
        let head = "HTTP/1.1 200 OK\r\n".to_owned();
        let endless_line = io::repeat(b'x');
        assert!(matches!(read(endless_line).unwrap_err(), Error::TooLong));
        let many = head.clone() + &"X: y\r\n".repeat(20_000) + "\r\n";
        assert_eq!(refusal(&many), "its answer is too long");
        let large = head.clone() + "Content-Length: 8388609\r\n\r\n";
        assert_eq!(refusal(&large), "its answer is too long");
        let chunk = head.clone() + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n";
        assert_eq!(refusal(&chunk), "its answer is too long");
        let million = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
        let chunks = head.clone() + "Transfer-Encoding: chunked\r\n\r\n" + &million.repeat(9);
        assert_eq!(refusal(&chunks), "its answer is too long");
        let head = head + "\r\n";
        let endless = head.as_bytes().chain(io::repeat(b'x')).take(1 << 30);
        assert!(matches!(read(endless).unwrap_err(), Error::TooLong));
    }

    #[test]
    fn foreign_text_is_cut_short_and_steers_no_terminal() {
        assert_eq!(shown(b" a\x1b[2Jb \r\n"), r"a\u{1b}[2Jb");
        assert_eq!(shown(&[b'x'; 500]).chars().count(), MAX_SHOWN + 1);
        assert_eq!(shown(&[b'x'; MAX_SHOWN]).chars().count(), MAX_SHOWN);
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused_without_panic(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(octets.as_slice());
        }

        #[test]
        fn any_octets_after_a_good_beginning_are_read_or_refused_without_panic(
            headers in "(Content-Length: [0-9a-f+]{0,20}\r\n|Transfer-Encoding: chunked\r\n|x:\r\n){0,3}",
            octets in "([0-9a-f]{0,17}(;[a-z]{0,3})?\r\n[a-z]{0,20}(\r\n)?){0,4}",
        ) {
            let answer = format!("HTTP/1.1 200 OK\r\n{headers}\r\n{octets}");
            let _ = read(answer.as_bytes());
        }

        #[test]
        fn a_body_is_read_however_it_is_cut_into_chunks(chunks in proptest::collection::vec("[ -~]{1,40}", 0..10)) {
            let mut answer = String::from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for chunk in &chunks {
                answer.push_str(&format!("{:x}\r\n{chunk}\r\n", chunk.len()));
            }
            answer.push_str("0\r\n\r\n");
            prop_assert_eq!(body(&answer).unwrap(), chunks.concat());
        }
    }
}
