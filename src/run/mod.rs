//! One command: read, plan, show, apply.

mod accept;
mod apart;
mod bring;
mod bring_clients;
mod bulk;
mod bulk_export;
mod ca_key;
mod check;
mod client;
mod clients;
mod cut_off;
mod export;
mod hand_out;
mod handed;
mod home;
mod install;
mod place;
mod prover;
mod refresh;
mod renew;
mod request;
mod roll;
mod server;
mod sign;
mod take_back;
mod timer;
mod verify_installed;

use std::cell::{Cell, RefCell};
use std::path::PathBuf;

use crate::cli::{self, ColorWhen, Command, Mode, Request, Talk};
use crate::error::Error;
use crate::host::{self, Access, Create, Home, Progress};
use crate::report::{self, Style};

/// What a command says at its end.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Data, for standard output.
    pub data: String,
    /// Talk, for standard error.
    pub talk: String,
    /// The exit code.
    pub code: u8,
    /// Whether something was changed on disk.
    pub effect: Effect,
}

/// Whether a command changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Effect {
    /// It did not.
    #[default]
    None,
    /// It did.
    Changed,
}

/// How a request wants its words: what is the same for every command.
struct Session<'a> {
    request: &'a Request,
    home: PathBuf,
    program: String,
    stdout: Style,
    stderr: Style,
    /// Says something while the command still runs.
    say: &'a dyn Fn(&str),
    /// Whether it was looked for an install that was cut off.
    looked: Cell<bool>,
    /// What was warned of already: a home may be read twice.
    warned: RefCell<Vec<String>>,
}

/// The styles of standard output and standard error.
pub fn styles(color: ColorWhen) -> (Style, Style) {
    let style = |colored| match colored {
        true => Style::Colored,
        false => Style::Plain,
    };
    match color {
        ColorWhen::Always => (Style::Colored, Style::Colored),
        ColorWhen::Never => (Style::Plain, Style::Plain),
        ColorWhen::Auto => {
            let (stdout, stderr) = host::wants_color();
            (style(stdout), style(stderr))
        }
    }
}

/// How the reader calls us, for hints: with the home they named, from the root on.
pub fn program(request: &Request) -> String {
    let home = request.home.as_deref();
    let home = home.map(|home| host::absolute(home).unwrap_or_else(|_| home.to_owned()));
    report::program(home.as_deref())
}

/// Carries out a request.  `say` is called with talk that cannot wait, such as that it waits.
pub fn run(request: &Request, say: &dyn Fn(&str)) -> Result<Outcome, Error> {
    match &request.command {
        Command::Completions(shell) => Ok(data(cli::completions(*shell))),
        Command::Man(path) => Ok(data(cli::manual(path)?)),
        Command::Init(wish) => Session::new(request, say)?.init(wish),
        Command::Issue(wish) => Session::new(request, say)?.issue(wish),
        Command::Bulk(wish) => Session::new(request, say)?.issue_roster(wish),
        Command::ClientRequest(wish) => Session::new(request, say)?.client_request(wish),
        Command::ClientSign(wish) => Session::new(request, say)?.client_sign(wish),
        Command::ClientAccept(wish) => Session::new(request, say)?.client_accept(wish),
        Command::ClientRefresh(wish) => Session::new(request, say)?.client_refresh(wish),
        Command::Renew(wish) => Session::new(request, say)?.renew(wish),
        Command::List => Session::new(request, say)?.list(),
        Command::ListClients => Session::new(request, say)?.list_clients(),
        Command::Export(wish) => Session::new(request, say)?.client_export(wish),
        Command::Remove(wish) => Session::new(request, say)?.client_remove(wish),
        Command::Check(wish) => Ok(check::run(request, wish, say)),
        Command::Verify { passphrase_file } => {
            Session::new(request, say)?.verify(passphrase_file.as_deref())
        }
        Command::CaShow => Session::new(request, say)?.ca_show(),
        Command::CaPasswd(wish) => Session::new(request, say)?.ca_passwd(wish),
        Command::Roll(roll) => Session::new(request, say)?.roll(roll),
        Command::InstallClient(wish) => Session::new(request, say)?.install_client(wish),
        Command::Env(wish) => Session::new(request, say)?.env(wish),
        Command::VerifyInstalled(wish) => Session::new(request, say)?.verify_installed(wish),
        Command::TakeBack(wish) => Session::new(request, say)?.take_back(wish),
        Command::TimerInstall(wish) => Session::new(request, say)?.timer_install(wish),
        Command::TimerRemove(wish) => Session::new(request, say)?.timer_remove(wish),
        Command::InstallServer(wish) => Session::new(request, say)?.install_server(wish),
    }
}

fn data(data: String) -> Outcome {
    Outcome {
        data,
        ..Outcome::default()
    }
}

impl<'a> Session<'a> {
    fn new(request: &'a Request, say: &'a dyn Fn(&str)) -> Result<Self, Error> {
        let home = match &request.home {
            Some(home) => home.clone(),
            None => host::default_home()?,
        };
        let (stdout, stderr) = styles(request.color);
        let session = Self {
            request,
            home: host::absolute(&home)?,
            program: program(request),
            stdout,
            stderr,
            say,
            looked: Cell::new(false),
            warned: RefCell::default(),
        };
        if request.talk == Talk::Verbose {
            let home = session.home.display();
            session.say(&report::note(stderr, &format!("the home is {home}")));
        }
        Ok(session)
    }

    fn open(&self, access: Access) -> Result<Home, Error> {
        self.meet_cut_off();
        let home = Home::open(&self.home, access, &|holder| {
            self.say(&report::waiting(self.stderr, holder));
        })?;
        if let Some(recovery) = home.recovered() {
            self.say(&report::recovered(self.stderr, recovery));
        }
        Ok(home)
    }

    /// Reads the home under a shared lock.
    ///
    /// Where there is no lock file, nobody has written yet, or it is a copy.  If there is one
    /// afterwards, somebody began while we read, and we read again.
    fn reading<T>(&self, read: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
        loop {
            let home = self.open(Access::Read)?;
            let result = read();
            if home.is_undisturbed() {
                return result;
            }
        }
    }

    /// A dry run needs no right to write.
    fn open_to_change(&self, mode: Mode, create: Create) -> Result<Home, Error> {
        match mode {
            Mode::Apply => self.open(Access::Write(create)),
            Mode::DryRun => self.open(Access::Read),
        }
    }

    /// A bar on the terminal for what takes long, unless somebody asked for silence.
    fn bar(&self, what: &'static str, ticks: usize) -> Progress {
        match self.request.talk {
            Talk::Quiet => Progress::NONE,
            Talk::Normal | Talk::Verbose => Progress::new(what, ticks),
        }
    }

    /// The bar of reading every server and client.
    fn reading_bar(&self) -> impl FnOnce(usize) -> Progress {
        |ticks| self.bar("reading", ticks)
    }

    fn say(&self, text: &str) {
        if self.request.talk != Talk::Quiet {
            (self.say)(text);
        }
    }

    /// Warns of something while the command still runs, and keeps it for JSON; of the same thing
    /// once.  Returns whether it is new.
    fn warn(&self, words: &str) -> bool {
        let mut warned = self.warned.borrow_mut();
        if warned.iter().any(|it| it == words) {
            return false;
        }
        self.say(&report::warning(self.stderr, words));
        warned.push(words.to_owned());
        true
    }

    fn outcome(&self, data: String, talk: String) -> Outcome {
        let talk = match self.request.talk {
            Talk::Quiet => String::new(),
            _ => talk,
        };
        Outcome {
            data,
            talk,
            ..Outcome::default()
        }
    }
}
