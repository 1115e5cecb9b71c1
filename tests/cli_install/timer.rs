//! `timer install` and `timer remove`.

use super::*;

const TIMER: &str = "dockpki timer install --prefix root --yes";
const REMOVE: &str = "dockpki timer remove --prefix root --yes";
const UNITS: &str = "etc/systemd/system";

/// Everything in the host but the records.
fn state(home: &TestHome) -> support::tree::Tree {
    support::tree::Tree::of(&root(home)).without("var/lib/dockpki-installed")
}

#[test]
fn the_timer_of_an_image_comes_and_goes() {
    let home = host();
    let first = state(&home);
    shown(&home, &format!("{TIMER} --dry-run"), "timer_as_dry_run");
    done(&home, TIMER, "timer");
    shown(&home, TIMER, "timer_again");
    done(&home, REMOVE, "timer_removed");
    state(&home).assert_is(&first);
    shown(&home, REMOVE, "timer_removed_again");

    quietly(&home, TIMER);
    quietly(&home, "dockpki undo --prefix root --yes");
    state(&home).assert_is(&first);
    quietly(&home, TIMER);
    quietly(&home, "dockpki uninstall --prefix root --yes");
    state(&home).assert_is(&first);
}

#[test]
fn the_timer_with_all_it_can_run() {
    let home = installed();
    let line = format!(
        "{TIMER} --within 30d --restart-command 'service docker restart' \
         --deploy-hook 'logger -t dockpki \"100% of $DOCKPKI_RENEWED_NAMES\"'"
    );
    done(&home, &line, "timer_with_all");
    let with_timer = state(&home);
    // Others' installs stay.
    quietly(&home, &format!("{TIMER} --within 60d"));
    quietly(&home, "dockpki undo --prefix root --yes");
    state(&home).assert_is(&with_timer);
    done(
        &home,
        &format!("{REMOVE} --output json"),
        "timer_removed_as_json",
    );
    assert!(root(&home).join("etc/docker/CA/ca.pem").exists());
    quietly(&home, "dockpki undo --prefix root --yes");
    assert!(!root(&home).join("etc/docker/CA").exists());
}

#[test]
fn a_unit_that_was_edited_stays() {
    let home = host();
    quietly(&home, TIMER);
    let service = format!("{UNITS}/dockpki-renew.service");
    put(&home, &service, "[Service]\nExecStart=/bin/true\n");
    done(&home, REMOVE, "timer_removed_but_for_an_edited_unit");
    assert!(root(&home).join(service).exists());
    assert!(!root(&home).join(UNITS).join("dockpki-renew.timer").exists());
}

#[test]
fn the_timer_goes_without_its_records() {
    let home = host();
    quietly(&home, TIMER);
    let records = root(&home).join("var/lib/dockpki-installed");
    fs::remove_dir_all(&records).unwrap();
    let dry = format!("{REMOVE} --dry-run");
    shown(&home, &dry, "timer_removed_without_records_as_dry_run");
    done(&home, REMOVE, "timer_removed_without_records");
    for unit in ["dockpki-renew.service", "dockpki-renew.timer"] {
        assert!(!root(&home).join(UNITS).join(unit).exists());
    }
    assert!(!records.exists(), "it left a record of itself");
    // What is not ours stays.
    quietly(&home, TIMER);
    fs::remove_dir_all(&records).unwrap();
    let service = format!("{UNITS}/dockpki-renew.service");
    put(&home, &service, "[Service]\nExecStart=/bin/true\n");
    done(
        &home,
        REMOVE,
        "timer_removed_without_records_but_for_another",
    );
    assert!(root(&home).join(service).exists());
}

#[test]
fn verify_finds_a_unit_missing() {
    let home = host();
    quietly(&home, TIMER);
    fs::remove_file(root(&home).join(UNITS).join("dockpki-renew.timer")).unwrap();
    let line = "dockpki verify --installed --prefix root";
    refused(&home, line, "verify_finds_a_unit_missing");
}

/// A home whose CA's key has a passphrase, in the file `pass` beside it.
fn encrypted() -> TestHome {
    let home = TestHome::new();
    write(&home.around().join("pass"), 0o400, "correct horse");
    quietly(
        &home,
        "dockpki init --san localhost --client alice --passphrase-file pass",
    );
    fs::create_dir(root(&home)).unwrap();
    home
}

#[test]
fn an_encrypted_key_is_opened_by_a_credential() {
    let home = encrypted();
    refused(&home, TIMER, "timer_refuses_an_encrypted_key");
    write(&home.around().join("wrong"), 0o400, "wrong horse");
    let wrong = format!("{TIMER} --passphrase-file wrong");
    refused(&home, &wrong, "timer_refuses_a_wrong_passphrase");
    let blank = home.around().join("a b");
    write(&blank, 0o400, "correct horse");
    let blank = format!("{TIMER} --passphrase-file 'a b'");
    refused(
        &home,
        &blank,
        "timer_refuses_a_passphrase_file_of_two_words",
    );
    done(
        &home,
        &format!("{TIMER} --passphrase-file pass"),
        "timer_with_a_passphrase",
    );
}

#[test]
fn refuses_what_renews_nothing() {
    let home = host();
    let line = format!("{TIMER} --deploy-hook 'a\nb'");
    refused(&home, &line, "timer_refuses_a_hook_of_two_lines");
    refused(
        &home,
        "dockpki timer install --prefix root",
        "timer_refuses_without_consent",
    );
    fs::remove_file(home.path().join("ca-key.pem")).unwrap();
    refused(&home, TIMER, "timer_refuses_a_home_without_the_ca_key");
    let home = TestHome::new();
    fs::create_dir(root(&home)).unwrap();
    refused(&home, TIMER, "timer_refuses_a_home_without_ca");
}

#[test]
fn prints_a_line_for_cron_where_there_is_no_systemd() {
    let has_systemd = Path::new("/run/systemd/system").exists();
    if !has("a machine without systemd", is_root() && !has_systemd) {
        return;
    }
    let home = host();
    let line = "dockpki timer install --within 30d --deploy-hook 'date +%s >x'";
    shown(&home, line, "timer_by_cron");
    shown(
        &home,
        &format!("{line} --output json"),
        "timer_by_cron_as_json",
    );
}
