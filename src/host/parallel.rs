//! Work on all cores.

use rayon::prelude::*;

/// Applies `work` to each item, in order, on all cores if there are at least `worth_it` items and
/// the system gives us threads.
pub fn map<T: Send, R: Send>(
    items: Vec<T>,
    worth_it: usize,
    work: impl Fn(T) -> R + Sync + Send,
) -> Vec<R> {
    // A pool of our own: to have no threads is an error here, and a panic with the global one.
    let pool = match items.len() >= worth_it {
        true => rayon::ThreadPoolBuilder::new().build().ok(),
        false => None,
    };
    match pool {
        Some(pool) => pool.install(|| items.into_par_iter().map(work).collect()),
        None => items.into_iter().map(work).collect(),
    }
}
