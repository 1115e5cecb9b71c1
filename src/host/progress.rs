//! A bar on the terminal while something long goes on.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// Whether a bar is welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Where standard error is a terminal.
    OnTerminal,
    /// Nowhere: somebody asked for silence.
    Never,
}

/// Less than this is done before anybody has read the bar.
const WORTH_A_BAR: usize = 100;

/// A bar, or nothing; it goes when this is dropped.
#[derive(Debug)]
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// Begins a bar of this many ticks.
    pub fn new(what: &'static str, ticks: usize, shown: Shown) -> Self {
        let welcome = shown == Shown::OnTerminal && std::io::stderr().is_terminal();
        if !welcome || ticks < WORTH_A_BAR {
            return Self(None);
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
