//! Work on all cores.

use std::num::NonZeroUsize;

use rayon::prelude::*;

/// How many threads work at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Jobs {
    /// One a core.
    #[default]
    Cores,
    /// As many as somebody asked for.
    Count(NonZeroUsize),
}

/// More threads than this help nobody, and take memory.
const MOST_JOBS: usize = 1024;

/// Applies `work` to each item, in order, on all cores if there are at least `worth_it` items and
/// the system gives us threads.
pub fn map<T: Send, R: Send>(
    items: Vec<T>,
    worth_it: usize,
    jobs: Jobs,
    work: impl Fn(T) -> R + Sync + Send,
) -> Vec<R> {
    // A pool of our own: to have no threads is an error here, and a panic with the global one.
    let threads = match jobs {
        // rayon's own word for it.
        Jobs::Cores => 0,
        Jobs::Count(count) => count.get().min(MOST_JOBS),
    };
    let pool = match items.len() >= worth_it {
        true => rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .ok(),
        false => None,
    };
    match pool {
        Some(pool) => pool.install(|| items.into_par_iter().map(work).collect()),
        None => items.into_iter().map(work).collect(),
    }
}
