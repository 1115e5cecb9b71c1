//! A list of clients to issue: one name a line, or CSV.
//!
//! ```text
//! # a comment
//! name,life,host,format
//! alice
//! ci-7,8h,tcp://web-1.example.com:2376,env
//! ```
//!
//! The first line that is no comment may name the columns; without it they are these four, in this
//! order.  What a line leaves out or empty, the command line says.  The whole list is judged before
//! anything is made of it.

mod error;
mod tally;

use crate::pki::{Life, Name};
use crate::plan::bundle::Form;
use crate::plan::docker_host::DockerHost;
use crate::plan::names;

pub use error::{Problem, RosterError};
pub use tally::{InRollover, Tally};

/// A list of clients, each named once.
///
/// It keeps the text, and where the lines are: of ten thousand rows there are only as many in memory
/// as somebody works on.
#[derive(Debug, PartialEq, Eq)]
pub struct Roster {
    text: Vec<u8>,
    columns: Vec<Column>,
    lines: Vec<Line>,
}

/// A line that tells of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    /// From 1.
    number: usize,
    /// Where it begins in the text.
    start: usize,
}

/// Where a client is in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(usize);

/// A client of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its line in the list, from 1.
    pub line: usize,
    /// The name.
    pub name: Name,
    /// How long it lives; as the command line says if nothing.
    pub life: Option<Life>,
    /// The daemon it is for; as the command line says if nothing.
    pub host: Option<DockerHost>,
    /// What it is handed out as; as the command line says if nothing.
    pub form: Option<Form>,
}

/// What a line can tell of a client.  There is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Name,
    Life,
    Host,
    Format,
}

impl Column {
    const ALL: [Self; 4] = [Self::Name, Self::Life, Self::Host, Self::Format];

    fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Life => "life",
            Self::Host => "host",
            Self::Format => "format",
        }
    }

    fn named(text: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|column| text.eq_ignore_ascii_case(column.as_str()))
    }
}

impl Roster {
    /// Reads a list.
    ///
    /// # Errors
    /// Every line that cannot be taken, with its number, from 1.
    pub fn parse(text: Vec<u8>) -> Result<Self, RosterError> {
        let mut columns: Option<Vec<Column>> = None;
        let mut lines = Vec::new();
        let mut problems = Vec::new();
        let mut next = match text.starts_with(BYTE_ORDER_MARK) {
            true => BYTE_ORDER_MARK.len(),
            false => 0,
        };
        for (index, octets) in text[next..].split(|octet| *octet == b'\n').enumerate() {
            let line = Line {
                number: index + 1,
                start: next,
            };
            next += octets.len() + 1;
            let mut problem = |words: String| {
                problems.push(Problem {
                    line: line.number,
                    words,
                })
            };
            let Ok(content) = std::str::from_utf8(octets) else {
                problem("found something else than UTF-8, wanted a name".into());
                continue;
            };
            let content = content.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let fields = fields(content);
            let columns = match &columns {
                Some(columns) => columns,
                None if fields
                    .iter()
                    .any(|it| Column::named(it) == Some(Column::Name)) =>
                {
                    match header(&fields) {
                        Ok(header) => {
                            columns = Some(header);
                            continue;
                        }
                        // What the columns are, nobody knows: the lines below tell nothing.
                        Err(words) => {
                            problem(words);
                            break;
                        }
                    }
                }
                None => columns.insert(Column::ALL.into()),
            };
            match row(line.number, columns, &fields) {
                Err(words) => problem(words),
                Ok(_) => lines.push(line),
            }
        }
        let roster = Self {
            text,
            columns: columns.unwrap_or_default(),
            lines,
        };
        problems.extend(roster.named_twice());
        problems.sort_by_key(|problem| problem.line);
        match problems.is_empty() {
            true if roster.lines.is_empty() => Err(RosterError::Empty),
            true => Ok(roster),
            false => Err(RosterError::Lines(problems)),
        }
    }

    /// Where its clients are, in the order of the list.
    pub fn places(&self) -> impl Iterator<Item = Place> + use<> {
        (0..self.lines.len()).map(Place)
    }

    /// A client of this list.
    pub fn row(&self, place: Place) -> Row {
        let line = &self.lines[place.0];
        row(line.number, &self.columns, &self.fields(line)).expect(JUDGED)
    }

    /// The names that were there in a line before, or were so but for case.
    fn named_twice(&self) -> Vec<Problem> {
        let name = |line| field_of(Column::Name, &self.columns, &self.fields(line)).expect(JUDGED);
        let mut names = Vec::from_iter(self.lines.iter().map(|line| (name(line), line.number)));
        names.sort_by(|(one, _), (other, _)| names::order(one, other));
        let alike = names.chunk_by_mut(|(one, _), (other, _)| one.eq_ignore_ascii_case(other));
        let problems = alike.flat_map(|alike| {
            alike.sort_by_key(|(_, line)| *line);
            let (first, at) = alike[0];
            let others = alike[1..].iter();
            others.map(move |(name, line)| Problem {
                line: *line,
                words: match *name == first {
                    true => format!("the name `{name}` is in line {at} already"),
                    false => {
                        format!("the name `{name}` is in line {at} already but for case: `{first}`")
                    }
                },
            })
        });
        problems.collect()
    }

    fn fields(&self, line: &Line) -> Vec<&str> {
        let mut lines = self.text[line.start..].split(|octet| *octet == b'\n');
        let content = std::str::from_utf8(lines.next().unwrap_or_default());
        fields(content.expect(JUDGED).trim())
    }
}

/// What some editors and spreadsheets put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a line of a list can be read again.
const JUDGED: &str = "a list keeps what could be read";

fn fields(line: &str) -> Vec<&str> {
    line.split(',').map(field).collect()
}

/// A field without the blanks and the quotes around it.
fn field(text: &str) -> &str {
    let text = text.trim();
    let quoted = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    quoted.map_or(text, str::trim)
}

fn header(fields: &[&str]) -> Result<Vec<Column>, String> {
    let mut columns = Vec::with_capacity(fields.len());
    for field in fields {
        match Column::named(field) {
            Some(column) if columns.contains(&column) => {
                return Err(format!("found the column `{}` twice", column.as_str()));
            }
            Some(column) => columns.push(column),
            None => {
                let known = Column::ALL.map(Column::as_str).join(", ");
                let found = field.escape_debug();
                return Err(format!("found the column `{found}`, wanted {known}"));
            }
        }
    }
    Ok(columns)
}

fn row(line: usize, columns: &[Column], fields: &[&str]) -> Result<Row, String> {
    if fields.len() > columns.len() {
        let wanted = Vec::from_iter(columns.iter().map(|it| it.as_str())).join(", ");
        let found = fields.len();
        return Err(format!("found {found} fields, wanted {wanted}"));
    }
    let field = |column| field_of(column, columns, fields);
    let name = field(Column::Name).ok_or("found no name, wanted one")?;
    Ok(Row {
        line,
        name: read(name)?,
        life: field(Column::Life).map(read).transpose()?,
        host: field(Column::Host).map(read).transpose()?,
        form: field(Column::Format).map(form_with_key).transpose()?,
    })
}

fn field_of<'t>(column: Column, columns: &[Column], fields: &[&'t str]) -> Option<&'t str> {
    let index = columns.iter().position(|it| *it == column)?;
    fields.get(index).copied().filter(|it| !it.is_empty())
}

/// Reads a form that has the key, for it is made here.
///
/// # Errors
/// In words, what was found and what was wanted.
pub fn form_with_key(text: &str) -> Result<Form, String> {
    let mut with_key = Form::ALL.into_iter().filter(|form| form.has_key());
    with_key.find(|form| form.as_str() == text).ok_or_else(|| {
        let known = Form::ALL.into_iter().filter(|form| form.has_key());
        let known = Vec::from_iter(known.map(Form::as_str)).join(", ");
        format!("found the format `{}`, wanted {known}", text.escape_debug())
    })
}

fn read<T>(text: &str) -> Result<T, String>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: impl AsRef<[u8]>) -> Result<Vec<Row>, RosterError> {
        let roster = Roster::parse(text.as_ref().to_vec())?;
        Ok(roster.places().map(|place| roster.row(place)).collect())
    }

    fn names(text: &str) -> Vec<String> {
        let rows = parse(text).unwrap();
        rows.into_iter().map(|row| row.name.to_string()).collect()
    }

    fn problems(text: impl AsRef<[u8]>) -> Vec<(usize, String)> {
        match parse(text) {
            Err(RosterError::Lines(problems)) => problems
                .into_iter()
                .map(|problem| (problem.line, problem.words))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_name_a_line_whatever_is_between_them() {
        let text = "\u{feff}alice\r\n\r\n# the build machines\r\n  ci-1 \r\n\"ci-2\"\r\nlast";
        assert_eq!(names(text), ["alice", "ci-1", "ci-2", "last"]);
    }

    #[test]
    fn fields_that_are_left_out_or_empty_are_left_to_the_command_line() {
        let text = "a,8h,tcp://h:2376\nb,,h:2377\nc,8h\nd,,\ne";
        let rows = parse(text).unwrap();
        let told = |row: &Row| {
            let host = row.host.as_ref().map(ToString::to_string);
            (row.life, host.unwrap_or_default())
        };
        let hours: Life = "8h".parse().unwrap();
        let told = Vec::from_iter(rows.iter().map(told));
        assert_eq!(
            told,
            [
                (Some(hours), "tcp://h:2376".to_owned()),
                (None, "tcp://h:2377".to_owned()),
                (Some(hours), String::new()),
                (None, String::new()),
                (None, String::new()),
            ]
        );
    }

    #[test]
    fn the_first_line_may_say_which_column_is_which() {
        let text = "# made by hand\nHost, Name\ntcp://h:2376, alice\n";
        let [row] = &parse(text).unwrap()[..] else {
            panic!()
        };
        assert_eq!(row.name.as_str(), "alice");
        assert!(row.host.is_some() && row.life.is_none());
        assert_eq!(names("name\nalice\n"), ["alice"]);
    }

    #[test]
    fn every_line_that_cannot_be_taken_is_told_with_its_number() {
        let text =
            "alice\n# no\na b\nbob,8x\n\ncarol,8h,https://h\nalice\n,8h\n1,2h,h:1,env,x\n2,,,rar";
        let found = problems(text);
        let lines = Vec::from_iter(found.iter().map(|(line, _)| *line));
        assert_eq!(lines, [3, 4, 6, 7, 8, 9, 10]);
        for ((_, words), part) in found.iter().zip([
            "found ` `",
            "wanted a whole number and a unit",
            "found https://, wanted tcp://",
            "`alice` is in line 1 already",
            "found no name",
            "found 5 fields, wanted name, life, host, format",
            "found the format `rar`, wanted dir, tar, zip, context, env",
        ]) {
            assert!(words.contains(part), "no `{part}` in `{words}`");
        }
    }

    #[test]
    fn a_column_nobody_knows_ends_the_reading() {
        let found = problems("name,e-mail\nalice,alice@example.com\n");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].1.contains("`e-mail`, wanted name"), "{found:?}");
        assert!(problems("name,name\n")[0].1.contains("twice"));
    }

    #[test]
    fn nothing_and_octets_are_no_list() {
        for text in ["", "\n\n", "# a\n", "name,life\n"] {
            assert_eq!(parse(text), Err(RosterError::Empty));
        }
        assert_eq!(problems(b"alice\n\xff\xfe\n")[0].0, 2);
    }

    proptest! {
        #[test]
        fn whatever_is_read_has_each_name_once(text in "[a-c,\"#\n 1h]{0,60}") {
            if let Ok(rows) = parse(text) {
                let mut names = Vec::from_iter(rows.iter().map(|row| &row.name));
                names.sort();
                names.dedup();
                prop_assert_eq!(names.len(), rows.len());
            }
        }

        #[test]
        fn octets_are_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&text);
        }
    }
}
