//! Everything ends at a deadline: each read and write, and the attempts one after the other.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::host::platform::LocalSocket;

/// The first pause between two attempts; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// An attempt the deadline cut off before this tells less than the one before it.
const A_HEARING: Duration = Duration::from_secs(1);

/// What is left of the time.
///
/// # Errors
/// `TimedOut` if nothing is.
pub(super) fn left(deadline: Instant) -> io::Result<Duration> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

/// A failed attempt.
pub(super) struct Failed<E> {
    pub(super) error: E,
    pub(super) outlook: Outlook,
}

/// What can be hoped for after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outlook {
    /// The next may do better.
    Retry,
    /// It was cut off by the deadline.
    OutOfTime,
    /// The next will fail as well.
    Lasting,
}

impl Outlook {
    /// The outlook after a failure of the system's.
    pub(super) fn after(cause: &io::Error) -> Self {
        match cause.kind() {
            ErrorKind::TimedOut => Self::OutOfTime,
            _ => Self::Retry,
        }
    }
}

/// Attempts until it succeeds, fails for good, or the next pause would reach past the deadline.
pub(super) fn until<T, E>(
    deadline: Instant,
    mut attempt: impl FnMut() -> Result<T, Failed<E>>,
) -> Result<T, E> {
    let mut pause = FIRST_PAUSE;
    let mut before = None;
    loop {
        let began = Instant::now();
        let Failed { error, outlook } = match attempt() {
            Ok(value) => return Ok(value),
            Err(failed) => failed,
        };
        match outlook {
            Outlook::Lasting => return Err(error),
            Outlook::OutOfTime if began.elapsed() < A_HEARING => {
                return Err(before.unwrap_or(error));
            }
            Outlook::OutOfTime => return Err(error),
            Outlook::Retry => {}
        }
        if deadline.saturating_duration_since(Instant::now()) <= pause {
            return Err(error);
        }
        thread::sleep(pause);
        pause = (2 * pause).min(LONGEST_PAUSE);
        before = Some(error);
    }
}

/// A socket whose every read and write ends at the deadline, with `TimedOut`.
pub(super) struct Timed<S> {
    socket: S,
    deadline: Instant,
    /// The first octets that came.
    first: Vec<u8>,
}

/// How many of the first octets are kept: enough to tell HTTP or the greeting of another server.
const KEPT: usize = 24;

impl<S> Timed<S> {
    pub(super) fn new(socket: S, deadline: Instant) -> Self {
        Self {
            socket,
            deadline,
            first: Vec::with_capacity(KEPT),
        }
    }

    /// The first octets the other side sent, 24 at most.
    pub(super) fn first(&self) -> &[u8] {
        &self.first
    }
}

impl<S: Socket> Read for Timed<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (socket, deadline) = (&mut self.socket, self.deadline);
        let count = timed(|| {
            socket.limit_read(left(deadline)?)?;
            socket.read(buffer)
        })?;
        let room = KEPT.saturating_sub(self.first.len());
        self.first.extend(buffer.iter().take(count.min(room)));
        Ok(count)
    }
}

impl<S: Socket> Write for Timed<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let (socket, deadline) = (&mut self.socket, self.deadline);
        timed(|| {
            socket.limit_write(left(deadline)?)?;
            socket.write(octets)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// The system says `WouldBlock` where a limit is reached, which others take for "try again".
fn timed(mut operation: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match operation() {
            Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
            Err(cause) if cause.kind() == ErrorKind::WouldBlock => {
                return Err(ErrorKind::TimedOut.into());
            }
            other => return other,
        }
    }
}

/// A socket that can be told how long to wait.
pub(super) trait Socket: Read + Write {
    fn limit_read(&self, limit: Duration) -> io::Result<()>;
    fn limit_write(&self, limit: Duration) -> io::Result<()>;
}

impl Socket for TcpStream {
    fn limit_read(&self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))
    }

    fn limit_write(&self, limit: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(limit))
    }
}

impl Socket for LocalSocket {
    fn limit_read(&self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))
    }

    fn limit_write(&self, limit: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(limit))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn failed<T>(error: &'static str, outlook: Outlook) -> Result<T, Failed<&'static str>> {
        Err(Failed { error, outlook })
    }

    #[test]
    fn attempts_until_one_succeeds() {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut count = 0;
        let outcome = until(deadline, || {
            count += 1;
            match count {
                3 => Ok(count),
                _ => failed("not yet", Outlook::Retry),
            }
        });
        assert_eq!(outcome, Ok(3));
    }

    #[test]
    fn attempts_no_more_after_a_lasting_failure() {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut count = 0;
        let outcome: Result<(), _> = until(deadline, || {
            count += 1;
            failed("never", Outlook::Lasting)
        });
        assert_eq!((outcome, count), (Err("never"), 1));
    }

    #[test]
    fn an_attempt_cut_short_does_not_hide_what_was_found_before() {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut told = ["it is the old one"].into_iter();
        let outcome: Result<(), _> = until(deadline, || match told.next() {
            Some(told) => failed(told, Outlook::Retry),
            None => failed("out of time", Outlook::OutOfTime),
        });
        assert_eq!(outcome, Err("it is the old one"));
    }

    #[test]
    fn a_deadline_in_the_past_allows_one_attempt() {
        let mut count = 0;
        let outcome: Result<(), _> = until(Instant::now(), || {
            count += 1;
            failed("refused", Outlook::Retry)
        });
        assert_eq!((outcome, count), (Err("refused"), 1));
        assert!(left(Instant::now()).is_err());
    }

    #[test]
    fn a_read_ends_at_the_deadline() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let mut timed = Timed::new(ours, Instant::now() + Duration::from_millis(20));
        let cause = timed.read(&mut [0]).unwrap_err();
        assert_eq!(cause.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn a_write_nobody_reads_ends_at_the_deadline() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let mut timed = Timed::new(ours, Instant::now() + Duration::from_millis(20));
        let cause = timed.write_all(&vec![0; 1 << 24]).unwrap_err();
        assert_eq!(cause.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn keeps_the_first_octets_and_no_more() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(&[b'x'; 100]).unwrap();
        drop(theirs);
        let mut timed = Timed::new(ours, Instant::now() + Duration::from_secs(60));
        let mut all = Vec::new();
        timed.read_to_end(&mut all).unwrap();
        assert_eq!((all.len(), timed.first()), (100, [b'x'; KEPT].as_slice()));
    }
}
