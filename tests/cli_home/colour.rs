//! Colour.

use super::*;

#[test]
fn errors_in_colour() {
    let line = "dockpki list --color always";
    refused(&TestHome::new(), line, "errors_in_colour");
}

#[test]
fn warnings_in_colour() {
    let home = TestHome::with_ca(&[]);
    let line = "dockpki client issue bob --valid-for 20y --color always --dry-run";
    shown(&home, line, "warnings_in_colour");
}
