//! `list`.

use super::*;

shown_with_a_ca! {
    list: "dockpki list";
    list_as_json: "dockpki list --output json";
    list_verbose: "dockpki list --verbose";
    list_quiet: "dockpki list --quiet";
}

#[test]
fn list_in_every_state() {
    let home = home_in_every_state();
    shown(&home, "dockpki list", "list_in_every_state");
    let line = "dockpki list --output json";
    shown(&home, line, "list_in_every_state_as_json");
    let line = "dockpki list --color always";
    shown(&home, line, "list_in_every_state_in_colour");
}

#[test]
fn list_under_an_expired_ca() {
    let home = home_with_ca_of(days(-100, -10));
    shown(&home, "dockpki list", "list_under_an_expired_ca");
}

#[test]
fn list_does_not_let_a_name_steer_the_terminal() {
    let home = TestHome::with_ca(&[]);
    let name = "evil\u{1b}[2J";
    fs::create_dir(pair_path(&home, PairKind::Client, name)).unwrap();
    let golden = "list_does_not_let_a_name_steer_the_terminal";
    shown(&home, "dockpki list", golden);
}
