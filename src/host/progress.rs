//! A bar on the terminal while something long goes on.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// Less than this is done before anybody has read the bar.
const WORTH_A_BAR: usize = 100;

/// A bar, or nothing; it goes when this is dropped.
#[derive(Debug)]
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// For who asked for silence.
    pub const NONE: Self = Self(None);

    /// Begins a bar of this many ticks, where standard error is a terminal, and no dumb one.
    pub fn new(what: &'static str, ticks: usize) -> Self {
        if ticks < WORTH_A_BAR || !std::io::stderr().is_terminal() {
            return Self::NONE;
        }
        let bar = ProgressBar::new(ticks as u64).with_message(what);
        let style = ProgressStyle::with_template("{msg} {wide_bar} {percent} %");
        Self(Some(match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }))
    }

    /// One more is done.
    pub fn tick(&self) {
        if let Some(bar) = &self.0 {
            bar.inc(1);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
